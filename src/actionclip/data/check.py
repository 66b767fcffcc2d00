"""A data set becomes a report: what is in it, and what would break or spoil a training.

Every video is opened; none is decoded further than its first frame. The report is shown by
`check_table`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from actionclip import display
from actionclip.data import label_similarity, paths, reading
from actionclip.data.annotations import Annotations, Example, FrameFolder, Split
from actionclip.data.problems import Problems, unmet_requirements
from actionclip.text.label_files import LabelFile
from actionclip.video.decoder import SHARED_DECODER

Progress = Callable[[int, int], None]
"""Called with the number of videos done and that of all."""


@dataclass(frozen=True)
class Durations:
    """Of the examples, in seconds: the part that is used, not the whole file. Frames have none."""

    shortest: float
    median: float
    longest: float
    total: float


@dataclass(frozen=True)
class CheckReport:
    """What is in a data set, and what is wrong with it."""

    data: str
    counts: dict[str, dict[Split, int]]
    """Examples by label, in the order of the labels, and split."""
    splits: dict[Split, int]
    split_drawn: bool
    durations: Durations | None
    sizes: dict[str, int]
    """Videos by size of the picture, "340x256"; the most frequent first."""
    problems: list[str]
    """Mistakes in what is written, with file and line, and what training needs besides."""
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
        """Give the report as one JSON document; `ok` is in it."""
        return display.to_json({"ok": self.ok, **dataclasses.asdict(self)}, indent=2)


def check(
    data: Path,
    videos: Path | None = None,
    labels: Sequence[str] | LabelFile | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Look at everything in a data set.

    Args:
        data: the folder or file, as for `reading.read`.
        videos: the folder that holds the videos, if not that of `data`.
        labels: the labels that are allowed; by default those of the data set.
        seed: of the split that is drawn if the data names none.
        progress: told about each video.

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
    facts = _look_at_videos(annotations.examples, progress or (lambda done, total: None))
    found = {path: fact for path, fact in facts.items() if isinstance(fact, _Facts)}
    counts: dict[str, dict[Split, int]] = {label: {} for label in annotations.labels}
    for example in annotations.examples:
        for label in example.labels:
            of_label = counts.setdefault(label, {})
            of_label[example.split] = of_label.get(example.split, 0) + 1
    sizes = Counter(f"{fact.width}x{fact.height}" for fact in found.values())
    return CheckReport(
        data=str(data),
        counts=counts,
        splits=annotations.splits,
        split_drawn=annotations.split_drawn,
        durations=_durations(annotations.examples, found),
        sizes=dict(sizes.most_common()),
        problems=problems.found,
        unreadable={str(path): fact for path, fact in facts.items() if isinstance(fact, str)},
        duplicates=_duplicates(annotations.examples),
        layout=annotations.layout,
        questions=list(annotations.questions),
        similar_labels=label_similarity.nearly_same(annotations.labels),
        num_missing=annotations.num_missing,
    )


@dataclass(frozen=True)
class _Facts:
    width: int
    height: int
    start_seconds: float = 0.0
    """When the pictures begin, on the file's clock."""
    end_seconds: float | None = None
    """When they end; frames have no time."""


def _look_at_videos(examples: Sequence[Example], progress: Progress) -> dict[Path, _Facts | str]:
    """Open each video once; give what it is, or the reason why it cannot be read."""
    by_path = {example.video: example for example in examples}
    facts: dict[Path, _Facts | str] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a decoding process
        for path, fact in zip(by_path, pool.map(_look_at, by_path.values()), strict=True):
            facts[path] = fact
            progress(len(facts), len(by_path))
    return facts


def _look_at(example: Example) -> _Facts | str:
    try:
        if example.frames is None:
            info = SHARED_DECODER.probe(example.video)
            end_seconds = info.start_seconds + info.duration_seconds
            return _Facts(info.width, info.height, info.start_seconds, end_seconds)
        naming = paths.describe_frames(example.video)
        if not _holds(naming, example.frames):
            return (
                f"the list tells of {_in_words(example.frames)}, the folder holds"
                f" {_in_words(naming)}; correct the list or extract the frames again"
            )
        info = SHARED_DECODER.probe(_file(example))
        return _Facts(info.width, info.height)
    except (ValueError, OSError) as error:
        return str(error).removeprefix(f"{example.video}: ")


def _holds(found: FrameFolder, listed: FrameFolder) -> bool:
    """Say whether a folder holds all frames that are listed of it."""
    end, listed_end = (one.first + one.num_frames for one in (found, listed))
    return found.template == listed.template and listed.first >= found.first and listed_end <= end


def _in_words(frames: FrameFolder) -> str:
    return f"{frames.num_frames} frames from {frames.template.format(frames.first)} on"


def _durations(examples: Sequence[Example], facts: dict[Path, _Facts]) -> Durations | None:
    def seconds() -> Iterator[float]:
        for example in examples:
            fact = facts.get(example.video)
            if fact and fact.end_seconds is not None:
                end = fact.end_seconds if example.end_seconds is None else example.end_seconds
                start = max(example.start_seconds or 0, fact.start_seconds)
                yield min(end, fact.end_seconds) - start

    lasting = list(seconds())
    if not lasting:
        return None
    return Durations(min(lasting), statistics.median(lasting), max(lasting), sum(lasting))


def _duplicates(examples: Sequence[Example]) -> list[list[str]]:
    """Find the same content in several splits; only files of the same length are read for it."""
    by_length: dict[int, list[Example]] = defaultdict(list)
    for example in examples:
        file = _file(example)
        if file.is_file() and file.stat().st_size:
            by_length[file.stat().st_size].append(example)
    found = []
    for alike in by_length.values():
        if len({example.split for example in alike}) < 2:
            continue
        by_content: dict[tuple[str, float | None, float | None], list[Example]] = defaultdict(list)
        for example in alike:
            part = example.start_seconds, example.end_seconds
            by_content[_digest(_file(example)), *part].append(example)
        found += [
            sorted(f"{example.video} ({example.split})" for example in same)
            for same in by_content.values()
            if len({example.split for example in same}) > 1
        ]
    return found


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _file(example: Example) -> Path:
    """Give the file that stands for a video: itself, or the middle one of its frames."""
    if example.frames is None:
        return example.video
    middle = example.frames.first + example.frames.num_frames // 2
    return example.video / example.frames.template.format(middle)
