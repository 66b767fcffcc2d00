"""The times that examples are given are compared with how long their videos are.

Only videos with times are opened, each once. Whether the others can be opened, `check` tells.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from actionclip.data.annotations import Example
from actionclip.data.problems import Problems
from actionclip.video.limits import SHARED_DECODER

TOLERANCE_SECONDS = 0.5
"""People round times, containers count them differently; sampling stays inside the video."""


def check(examples: Sequence[Example], problems: Problems) -> None:
    """Find parts of videos that begin after the video ends, or end later than it does."""
    timed = sorted(
        (e for e in examples if e.start_seconds is not None or e.end_seconds is not None),
        key=lambda example: example.video,
    )
    parts = [list(part) for _, part in itertools.groupby(timed, key=lambda e: e.video)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a decoding process
        for mistakes in pool.map(_mistakes, parts):
            for example, mistake in mistakes:
                problems.add(example.source, mistake)


def _mistakes(parts: Sequence[Example]) -> list[tuple[Example, str]]:
    """Compare the parts of one video with when its pictures begin and end."""
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
