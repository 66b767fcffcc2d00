"""A timeline becomes one HTML page: the video, its moments to click on, and the score curves.

A small video lies in the page itself, a large one beside it; without it the page still shows when
everything happens. Knows no models.

Shapes:
    M: slots
"""

from __future__ import annotations

import math
import mimetypes
import os
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from actionclip import pages
from actionclip.timeline.file import Timeline
from actionclip.timeline.moments import Moment

MAX_EMBEDDED_BYTES = 20_000_000
_MAX_LANES = 24
"""Labels without a moment are shown as long as there are fewer lanes."""
_MAX_POINTS = 1000
"""Of a curve; more would not be seen."""
_CURVE_WIDTH, _CURVE_HEIGHT = 1000, 100
_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MAX_TICKS = 10
_GOLDEN_ANGLE = 137.5
"""Degrees between the colours of neighbours, so that no two labels look alike."""


@dataclass(frozen=True)
class Block:
    """A moment as it is drawn."""

    label: str
    hue: float
    start_seconds: float
    end_seconds: float
    left: float
    """Percent of the width."""
    width: float
    period: str
    score: float


@dataclass(frozen=True)
class Lane:
    """A label as it is drawn."""

    label: str
    hue: float
    curve: str
    """Path of an SVG area, 1000 wide and 100 high."""
    threshold: float
    """Where a moment can begin, as a height of the same picture."""
    blocks: Sequence[Block]


def render(timeline: Timeline, video: Path, place: Path, model: str) -> str:
    """Make the page as HTML text.

    Args:
        timeline: what was found.
        video: the file it was found in.
        place: where the page will be, for the link to a large video.
        model: the name or path of the model that answered.
    """
    blocks = [_block(timeline, moment) for moment in timeline.moments]
    shown = _shown_labels(timeline)
    lanes = [
        Lane(
            label,
            _hue(timeline, label),
            _curve(timeline, timeline.labels.index(label)),
            _CURVE_HEIGHT * (1 - timeline.settings.start_score_of(label)),
            [block for block in blocks if block.label == label],
        )
        for label in shown
    ]
    return pages.render(
        "timeline.html",
        name=video.name,
        source=_source(video, place),
        model=model,
        duration=timeline.duration_seconds,
        end=clock(timeline.duration_seconds),
        lanes=lanes,
        blocks=blocks,
        ticks=_ticks(timeline.duration_seconds),
        absent=[label for label in timeline.labels if label not in shown],
        num_labels=len(timeline.labels),
    )


def clock(seconds: float) -> str:
    """Write a time as people read it.

    >>> clock(75.25), clock(3600.0)
    ('1:15.3', '1:00:00.0')
    """
    tenths = math.floor(seconds * 10 + 0.5)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    end = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{end}" if hours else f"{minutes}:{end}"


def _source(video: Path, place: Path) -> str:
    """Give the address of the video for the page: its content, or where it lies from there."""
    media_type, _ = mimetypes.guess_type(video.name)
    if media_type and video.stat().st_size <= MAX_EMBEDDED_BYTES:
        return pages.data_uri(video.read_bytes(), media_type)
    path = os.path.relpath(video.absolute(), place.absolute().parent)
    return urllib.parse.quote(os.fsencode(path))


def _shown_labels(timeline: Timeline) -> list[str]:
    """Choose the labels that get a lane: all with a moment, others while there is room."""
    found = {moment.label for moment in timeline.moments}
    room = max(0, _MAX_LANES - len(found))
    others = [label for label in timeline.labels if label not in found][:room]
    return [label for label in timeline.labels if label in found.union(others)]


def _block(timeline: Timeline, moment: Moment) -> Block:
    share = 100 / timeline.duration_seconds
    return Block(
        moment.label,
        _hue(timeline, moment.label),
        moment.start_seconds,
        moment.end_seconds,
        moment.start_seconds * share,
        (moment.end_seconds - moment.start_seconds) * share,
        f"{clock(moment.start_seconds)} – {clock(moment.end_seconds)}",
        moment.score,
    )


def _hue(timeline: Timeline, label: str) -> float:
    return (230 + _GOLDEN_ANGLE * timeline.labels.index(label)) % 360


def _curve(timeline: Timeline, column: int) -> str:
    """Draw a score over time as an area of steps; where slots are many, the highest of some."""
    seconds = timeline.slot_seconds
    scores: Float64[np.ndarray, " M"] = timeline.scores[:, column]
    if len(scores) == 0:
        return ""
    every = math.ceil(len(scores) / _MAX_POINTS)
    firsts = np.arange(0, len(scores), every)
    tops = np.maximum.reduceat(scores, firsts)
    lefts = seconds[firsts, 0] * _CURVE_WIDTH / timeline.duration_seconds
    rights = np.append(lefts[1:], _CURVE_WIDTH)
    heights = _CURVE_HEIGHT * (1 - tops)
    steps = zip(lefts, rights, heights, strict=True)
    path = " ".join(f"L{left:.1f} {y:.1f} L{right:.1f} {y:.1f}" for left, right, y in steps)
    return f"M{lefts[0]:.1f} {_CURVE_HEIGHT} {path} L{_CURVE_WIDTH} {_CURVE_HEIGHT} Z"


def _ticks(duration_seconds: float) -> list[tuple[float, str]]:
    """Choose round times for the axis: each with its place in percent."""
    step = next(
        (step for step in _TICK_SECONDS if duration_seconds / step <= _MAX_TICKS),
        math.ceil(duration_seconds / _MAX_TICKS / 3600) * 3600,
    )
    times = range(0, math.ceil(duration_seconds), step)
    return [
        (100 * time / duration_seconds, clock(float(time)).removesuffix(".0")) for time in times
    ]
