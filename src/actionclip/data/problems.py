"""What is wrong with a data set: mistakes are collected, each with file and line.

All mistakes are reported together: who prepares a list of ten thousand clips wants all of them, not
one per run.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from actionclip import display
from actionclip.data.annotations import Annotations, Example
from actionclip.video.decoder import SHARED_DECODER

MAX_SHOWN = 20
"""The number of problems in one error message; `data check` shows all."""
TOLERANCE_SECONDS = 0.5
"""People round times, and containers count them differently; sampling stays inside the video."""


class ProblemsError(ValueError):
    """The mistakes in a data set, one per line."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass
class Problems:
    """The mistakes found in a data set so far."""

    found: list[str] = field(default_factory=list)

    def add(self, source: str, what: str) -> None:
        """Add a mistake: where it is written, what is wrong, and what to do."""
        self.found.append(display.one_line(f"{source}: {what}"))

    def raise_if_any(self) -> None:
        """Raise a `ProblemsError` with the first mistakes, if there are any."""
        lines = self.found[:MAX_SHOWN]
        if len(self.found) > MAX_SHOWN:
            lines.append(f"… and {len(self.found) - MAX_SHOWN} more like these")
        if lines:
            raise ProblemsError(lines)


def unmet_requirements(annotations: Annotations) -> Iterator[str]:
    """Yield a sentence for each reason why a model cannot be trained and tested on a data set."""
    splits = annotations.splits
    used = {label for example in annotations.examples for label in example.labels}
    if len(used) < 2:
        yield (
            f"the only label is {''.join(used)!r}; training tells labels apart, so give clips"
            " of two or more"
        )
    num_train = sum(bool(e.labels) for e in annotations.examples if e.split == "train")
    if num_train < 2 and used:
        yield (
            f"{num_train} clips in train; training compares clips with each other, so give two or"
            " more (with clips in val or test alone, a model can still be evaluated)"
        )
    if "val" in splits or "test" in splits or num_train < 2:
        return
    if annotations.split_drawn:
        yield (
            "no clip can be held out for testing, because no label has two clips that are not"
            " near-copies; add a second clip to at least one label; a model can be evaluated"
            " without it"
        )
    else:
        yield (
            "all clips are in train, none in val or test; add some there, or leave the split away"
            " to have one drawn"
        )


def check_times(examples: Sequence[Example], problems: Problems) -> None:
    """Report parts of videos that are outside of them; opens each video with times once."""
    timed = sorted(
        (e for e in examples if e.start_seconds is not None or e.end_seconds is not None),
        key=lambda example: example.video,
    )
    parts = [list(part) for _, part in itertools.groupby(timed, key=lambda e: e.video)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each thread waits for a decoding process
        for mistakes in pool.map(_misplaced_parts, parts):
            for example, mistake in mistakes:
                problems.add(example.source, mistake)


def _misplaced_parts(parts: Sequence[Example]) -> list[tuple[Example, str]]:
    """Compare the parts of one video with the time at which its pictures begin and end."""
    try:
        info = SHARED_DECODER.probe(parts[0].video)
    except ValueError as mistake:
        return [(parts[0], f"the video cannot be read ({mistake})")]
    begin, end = info.start_seconds, info.start_seconds + info.duration_seconds
    lasts = f"which lasts {end:.2f} s"
    if begin > TOLERANCE_SECONDS:
        lasts = f"whose pictures last from {begin:.2f} s to {end:.2f} s"
    return [
        (
            part,
            f"the part from {part.start_seconds or 0:g} s to"
            f" {'the end' if part.end_seconds is None else f'{part.end_seconds:g} s'} is not in"
            f" the video, {lasts}; correct the times",
        )
        for part in parts
        if (part.start_seconds or 0) >= end
        or (
            part.end_seconds is not None
            and not begin <= part.end_seconds <= end + TOLERANCE_SECONDS
        )
    ]
