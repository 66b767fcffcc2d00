"""A part of a video becomes its pictures as they were coded: at their own times, in YUV.

For writing them into another file, with the colours and the shape that they have in this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from actionclip.video import source, timetable
from actionclip.video.pixels import Geometry


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture that is not scaled, mirrored or turned."""

    seconds: Fraction
    """From the start of the part."""
    planes: UInt8[np.ndarray, "Y W"]
    """Format yuv420p as PyAV packs it, Y = 3/2 H; an odd row or column is left out."""
    geometry: Geometry
    """How the picture is shown."""
    colours: tuple[int, int, int, int]
    """Range, matrix, primaries and transfer, by FFmpeg's numbers."""


def between(path: Path, start_seconds: float, end_seconds: float) -> Iterator[Picture]:
    """Decode the pictures from a time until another, exclusive.

    Args:
        path: a video file.
        start_seconds: from the first frame.
        end_seconds: from the first frame.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    start = timetable.opening(path)
    first = start.first_tick + round(Fraction(start_seconds) / start.seconds_per_tick)
    end = start.first_tick + round(Fraction(end_seconds) / start.seconds_per_tick)
    with source.open_video(path) as (container, stream):
        if start.is_seekable:
            container.seek(first, stream=stream)
        frames = source.frames(path, container, stream)
        for tick, frame in source.with_ticks(frames, start.is_counted):
            if tick >= end:
                return
            if tick >= first:
                # Chroma has half the size of the picture.
                width, height = frame.width // 2 * 2, frame.height // 2 * 2
                yield Picture(
                    (tick - first) * start.seconds_per_tick,
                    frame.reformat(width, height, format="yuv420p").to_ndarray(),
                    start.geometry,
                    (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc),
                )
