"""A data set becomes a report: what is in it, and what would break or spoil a training.

Every video is opened; none is decoded further than its first frame.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from actionclip import display
from actionclip.data import label_similarity, paths, reading
from actionclip.data.annotations import Annotations, Example, FrameFolder, Split
from actionclip.data.problems import Problems, unmet_requirements
from actionclip.text.label_files import LabelFile
from actionclip.video.decoder import SHARED_DECODER


@dataclass(frozen=True)
class Durations:
    """Of the examples, in seconds: of the part that is used, not of the file. Frames have none."""

    shortest: float
    median: float
    longest: float
    total: float


@dataclass(frozen=True)
class CheckReport:
    """The content of a data set, and its mistakes."""

    data: str
    counts: dict[str, dict[Split, int]]
    """Examples by label, in the order of the labels, and split."""
    splits: dict[Split, int]
    split_drawn: bool
    durations: Durations | None
    sizes: dict[str, int]
    """Videos by size of the picture, "340x256"; the most frequent first."""
    problems: list[str]
    """Mistakes in the files, with file and line, and unmet requirements of training."""
    unreadable: dict[str, str]
    """Videos that cannot be opened, and why."""
    duplicates: list[list[str]]
    """Sets of files with the same content that are in more than one split."""
    layout: str
    """How the data set was read, in one sentence."""
    questions: list[str]
    """What looks like a mistake, but need not be one."""
    similar_labels: list[tuple[str, str]]
    """Labels that nearly repeat each other: worth a look, not an error."""
    num_missing: int
    """Videos that a benchmark lists and the folder lacks: usual up to a share."""

    @property
    def ok(self) -> bool:
        """True if nothing would break a training or falsify its test."""
        return not (self.problems or self.unreadable or self.duplicates)

    def to_json(self) -> str:
        """Return the report as one JSON document; `ok` is in it."""
        return display.to_json({"ok": self.ok, **dataclasses.asdict(self)}, indent=2)


class _Facts(NamedTuple):
    """Of a video that can be opened."""

    width: int
    height: int
    start_seconds: float = 0.0
    """When the pictures begin, on the file's clock."""
    end_seconds: float | None = None
    """When they end; frames have no time."""


def check(
    data: Path,
    videos: Path | None = None,
    labels: Sequence[str] | LabelFile | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CheckReport:
    """Check everything in a data set.

    Args:
        data: the folder or file, as for `reading.read`.
        videos: the folder that holds the videos, if not that of `data`.
        labels: the labels that are allowed; by default those of the data set.
        seed: of the split that is drawn if the data names none.
        progress: called with the number of videos done and that of all.

    Raises:
        FileNotFoundError: there is nothing at `data`.
    """
    problems = Problems()
    try:
        annotations = reading.collect(data, problems, videos, labels, seed)
    except ValueError as mistake:  # a file that cannot be read at all
        problems.found.append(str(mistake))
        annotations = Annotations((), ())
    if not problems.found:
        problems.found += (f"{data}: {what}" for what in unmet_requirements(annotations))
    examples = annotations.examples
    by_path = {example.video: example for example in examples}
    facts: dict[Path, _Facts] = {}
    unreadable: dict[str, str] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a decoding process
        results = zip(by_path, pool.map(_probe, by_path.values()), strict=True)
        for done, (path, result) in enumerate(results, start=1):
            if isinstance(result, str):
                unreadable[str(path)] = result
            else:
                facts[path] = result
            progress(done, len(by_path))
    counts: dict[str, dict[Split, int]] = {label: {} for label in annotations.labels}
    for example in examples:
        for label in example.labels:
            by_split = counts.setdefault(label, {})
            by_split[example.split] = by_split.get(example.split, 0) + 1
    sizes = Counter(f"{fact.width}x{fact.height}" for fact in facts.values())
    return CheckReport(
        data=str(data),
        counts=counts,
        splits=annotations.splits,
        split_drawn=annotations.split_drawn,
        durations=_durations(examples, facts),
        sizes=dict(sizes.most_common()),
        problems=problems.found,
        unreadable=unreadable,
        duplicates=_duplicates(examples),
        layout=annotations.layout,
        questions=list(annotations.questions),
        similar_labels=label_similarity.nearly_same(annotations.labels),
        num_missing=annotations.num_missing,
    )


def _probe(example: Example) -> _Facts | str:
    """Open a video; return the reason if it cannot be read."""
    try:
        if example.frames is None:
            info = SHARED_DECODER.probe(example.video)
            end_seconds = info.start_seconds + info.duration_seconds
            return _Facts(info.width, info.height, info.start_seconds, end_seconds)
        listed, found = example.frames, paths.describe_frames(example.video)
        holds_all = found.first <= listed.first and _end(listed) <= _end(found)
        if found.template != listed.template or not holds_all:
            return (
                f"the list tells of {_in_words(listed)}, the folder holds"
                f" {_in_words(found)}; correct the list or extract the frames again"
            )
        info = SHARED_DECODER.probe(_file(example))
        return _Facts(info.width, info.height)
    except (ValueError, OSError) as error:
        return str(error).removeprefix(f"{example.video}: ")


def _end(frames: FrameFolder) -> int:
    return frames.first + frames.num_frames


def _in_words(frames: FrameFolder) -> str:
    return f"{frames.num_frames} frames from {frames.template.format(frames.first)} on"


def _durations(examples: Sequence[Example], facts: dict[Path, _Facts]) -> Durations | None:
    seconds: list[float] = []
    for example in examples:
        fact = facts.get(example.video)
        if fact and fact.end_seconds is not None:
            end = fact.end_seconds if example.end_seconds is None else example.end_seconds
            start = max(example.start_seconds or 0, fact.start_seconds)
            seconds.append(min(end, fact.end_seconds) - start)
    if not seconds:
        return None
    return Durations(min(seconds), statistics.median(seconds), max(seconds), sum(seconds))


def _duplicates(examples: Sequence[Example]) -> list[list[str]]:
    """Find the same content in several splits; only files of the same length are read for it."""
    by_length: dict[int, list[Example]] = defaultdict(list)
    for example in examples:
        file = _file(example)
        if file.is_file() and file.stat().st_size:
            by_length[file.stat().st_size].append(example)
    by_content: dict[tuple[str, float | None, float | None], list[Example]] = defaultdict(list)
    for example in itertools.chain(*filter(_are_split, by_length.values())):
        with _file(example).open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        by_content[digest, example.start_seconds, example.end_seconds].append(example)
    return [
        sorted(f"{example.video} ({example.split})" for example in same)
        for same in filter(_are_split, by_content.values())
    ]


def _are_split(examples: Sequence[Example]) -> bool:
    return len({example.split for example in examples}) > 1


def _file(example: Example) -> Path:
    """Return the file that represents a video: itself, or the middle one of its frames."""
    if example.frames is None:
        return example.video
    middle = example.frames.first + example.frames.num_frames // 2
    return example.video / example.frames.template.format(middle)


def render(report: CheckReport) -> RenderableType:
    """Show the counts, then the facts of the videos, then the mistakes; the verdict comes last."""
    parts: list[RenderableType] = [_table(report)] if report.counts else []
    parts += map(Text, _sentences(report))
    sections = {
        "Mistakes": report.problems,
        "Unreadable videos": [f"{path}: {why}" for path, why in report.unreadable.items()],
        "The same clip in several splits": [" = ".join(same) for same in report.duplicates],
        "Questions (allowed)": report.questions,
        "Labels that nearly repeat each other (allowed)": [
            f"{one} · {other}" for one, other in report.similar_labels
        ],
    }
    for title, lines in sections.items():
        if lines:
            parts.append(Text(f"\n{title}: {len(lines)}", style="bold"))
            parts += [Text(f"  {display.one_line(line)}") for line in lines]
    if report.ok:
        parts.append(Text("\nNothing here would break a training.", style="green"))
    else:
        parts.append(Text("\nCorrect what is listed above before training.", style="bold red"))
    return Group(*parts)


def _table(report: CheckReport) -> Table:
    table = Table(title=display.markup(report.data), show_footer=True)
    table.add_column("label", footer=f"{len(report.counts)} labels")
    drawn = " (drawn)" if report.split_drawn else ""
    for split, count in report.splits.items():
        table.add_column(f"{split}{drawn}", footer=str(count), justify="right")
    for label, by_split in report.counts.items():
        counts = (str(by_split.get(split, 0)) for split in report.splits)
        table.add_row(display.markup(label), *counts)
    return table


def _sentences(report: CheckReport) -> list[str]:
    lines = [report.layout] if report.layout else []
    if report.durations:
        of = report.durations
        lines.append(
            f"durations: {of.shortest:.1f} s to {of.longest:.1f} s, median {of.median:.1f} s,"
            f" together {of.total / 60:.1f} min"
        )
    if report.sizes:
        sizes = ", ".join(f"{size} ({count})" for size, count in report.sizes.items())
        lines.append(f"sizes: {sizes}")
    if report.num_missing:
        lines.append(f"missing: {report.num_missing} listed videos are not there and are left out")
    return lines
