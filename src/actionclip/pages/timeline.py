"""The page of a timeline: the video, its moments to click on, and the curves of the scores.

A small video is embedded in the page, a large one is linked; without it the page still shows all
times.

Shapes:
    M: slots
"""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from actionclip.pages import html
from actionclip.timeline.file import Timeline
from actionclip.timeline.moments import Moment

MAX_EMBEDDED_BYTES = 20_000_000
_MAX_LANES = 24
"""Labels without a moment are shown as long as there are fewer lanes."""
_MAX_POINTS = 1000
"""Of a curve; a screen shows no more."""
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
    """The score at which a moment can begin, as a height in the same picture."""
    blocks: Sequence[Block]


def render(timeline: Timeline, video: Path, page: Path, model: str) -> str:
    """Render the page.

    Args:
        timeline: of the video.
        video: the file.
        page: where the page will be written, for the link to a large video.
        model: name or path of the model.
    """
    labels, duration = timeline.labels, timeline.duration_seconds
    hues = {label: (230 + _GOLDEN_ANGLE * n) % 360 for n, label in enumerate(labels)}
    blocks = [_block(moment, hues[moment.label], duration) for moment in timeline.moments]
    with_moment = {moment.label for moment in timeline.moments}
    without = [label for label in labels if label not in with_moment]
    shown = with_moment.union(without[: max(0, _MAX_LANES - len(with_moment))])
    lanes = [
        Lane(
            label,
            hues[label],
            _curve(timeline, column),
            _CURVE_HEIGHT * (1 - timeline.settings.start_score_of(label)),
            [block for block in blocks if block.label == label],
        )
        for column, label in enumerate(labels)
        if label in shown
    ]
    return html.render(
        "timeline.html",
        name=video.name,
        source=_source(video, page),
        model=model,
        duration=duration,
        end=clock(duration),
        lanes=lanes,
        blocks=blocks,
        ticks=_ticks(duration),
        absent=[label for label in labels if label not in shown],
        num_labels=len(labels),
    )


def clock(seconds: float) -> str:
    """Return a time as people read it.

    >>> clock(75.25), clock(3600.0)
    ('1:15.3', '1:00:00.0')
    """
    tenths = math.floor(seconds * 10 + 0.5)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    end = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{end}" if hours else f"{minutes}:{end}"


def _source(video: Path, page: Path) -> str:
    """Return the address of the video on the page: its content, or its relative path."""
    media_type, _ = mimetypes.guess_type(video.name)
    if media_type and video.stat().st_size <= MAX_EMBEDDED_BYTES:
        return html.data_uri(video.read_bytes(), media_type)
    return html.link(video, page)


def _block(moment: Moment, hue: float, duration: float) -> Block:
    start, end = moment.start_seconds, moment.end_seconds
    share = 100 / duration
    period = f"{clock(start)} – {clock(end)}"
    left, width = start * share, (end - start) * share
    return Block(moment.label, hue, start, end, left, width, period, moment.score)


def _curve(timeline: Timeline, column: int) -> str:
    """Draw a score over time as an area of steps; of many slots the highest of each few."""
    seconds = timeline.slot_seconds
    scores: Float64[np.ndarray, " M"] = timeline.scores[:, column]
    if len(scores) == 0:
        return ""
    every = math.ceil(len(scores) / _MAX_POINTS)
    firsts = np.arange(0, len(scores), every)
    heights = _CURVE_HEIGHT * (1 - np.maximum.reduceat(scores, firsts))
    lefts = seconds[firsts, 0] * _CURVE_WIDTH / timeline.duration_seconds
    rights = np.append(lefts[1:], _CURVE_WIDTH)
    steps = zip(lefts, rights, heights, strict=True)
    path = " ".join(f"L{left:.1f} {y:.1f} L{right:.1f} {y:.1f}" for left, right, y in steps)
    return f"M{lefts[0]:.1f} {_CURVE_HEIGHT} {path} L{_CURVE_WIDTH} {_CURVE_HEIGHT} Z"


def _ticks(duration: float) -> list[tuple[float, str]]:
    """Return round times for the axis, each with its position in percent."""
    step = next(
        (step for step in _TICK_SECONDS if duration / step <= _MAX_TICKS),
        math.ceil(duration / _MAX_TICKS / 3600) * 3600,
    )
    times = range(0, math.ceil(duration), step)
    return [(100 * time / duration, clock(float(time)).removesuffix(".0")) for time in times]
