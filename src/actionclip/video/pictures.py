"""A part of a video becomes its pictures as they were coded: at their own times, in YUV.

For writing them into another file, with the colours and the shape that they have in this one.
Which picture is on screen when, and its pixels, are those of `decode`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import UInt8

from actionclip.video import picking, source, timetable
from actionclip.video.pixels import Geometry, PictureFilter, Progressive, ToRGB
from actionclip.video.timetable import ROUNDING_SECONDS, Opening, Timetable

_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
"""Where chroma has to be halved, the mean of the pixels loses least."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture that is not stretched, mirrored or turned."""

    seconds: Fraction
    """At which it comes on screen, from the start of the part; 0 where it was there before."""
    planes: UInt8[np.ndarray, "Y W"]
    """Format yuv420p as PyAV packs it, Y = 3/2 H; an odd row or column is left out."""
    geometry: Geometry
    """How the picture is shown."""
    colours: tuple[int, int, int, int, int]
    """Range, matrix, primaries, transfer and location of chroma, by FFmpeg's numbers."""


def between(path: Path, start_seconds: float, end_seconds: float) -> Iterator[Picture]:
    """Decode the pictures on screen from a time until another, exclusive; at least one.

    Args:
        path: a video file.
        start_seconds: on the file's clock.
        end_seconds: on the file's clock.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    start, table = timetable.opening(path), timetable.timetable(path)
    begin, end = (
        (Fraction(seconds) - start.start_seconds) / start.seconds_per_tick + start.first_tick
        for seconds in (start_seconds, end_seconds)
    )
    rounding = ROUNDING_SECONDS / start.seconds_per_tick
    shown = np.searchsorted(table.ticks, math.floor(begin + rounding), side="right") - 1
    first = max(0, int(shown))
    stop = max(first + 1, int(np.searchsorted(table.ticks, math.ceil(end - rounding))))
    to_planes = _ToPlanes(start.geometry)
    frames = _in_order(path, start, table, range(first, stop))
    for tick, frame in zip(table.ticks[first:stop].tolist(), frames, strict=True):
        seconds = max(Fraction(0), (tick - begin) * start.seconds_per_tick)
        yield to_planes(frame, seconds)


def _in_order(path: Path, start: Opening, table: Timetable, numbers: range) -> Iterator[VideoFrame]:
    """Decode the frames with these numbers; what does not come in turn is read from the start."""
    if len(table.keyframes) == 0:
        numbered = source.timed_frames(path, is_counted=True)
        yield from (frame for _, frame in picking.on_screen(numbered, numbers))
        return
    missing = deque(table.ticks[numbers.start : numbers.stop].tolist())
    for target, frame in picking.pick(path, start, table, list(missing)):
        if target != missing[0]:
            break
        missing.popleft()
        yield frame
    if missing:
        timed = source.timed_frames(path, start.is_counted)
        yield from (frame for _, frame in picking.on_screen(timed, missing))


class _ToPlanes:
    """Makes pictures of one size out of frames, in their own colours."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        # Chroma has half the size.
        self._width, self._height = max(2, geometry.width & ~1), max(2, geometry.height & ~1)
        self._progressive = Progressive(geometry)
        self._chroma_location = 0
        self._crop = PictureFilter("crop", f"{self._width}:{self._height}:0:0:exact=1")

    def __call__(self, frame: VideoFrame, seconds: Fraction) -> Picture:
        is_odd = (frame.width, frame.height) == (self._geometry.width, self._geometry.height)
        if is_odd and (frame.width > self._width or frame.height > self._height):
            frame = self._crop(frame)
        frame = self._progressive(frame)
        is_rgb = frame.format.is_rgb or frame.format.has_palette
        yuv = frame.reformat(
            self._width,
            self._height,
            format="yuv420p",
            interpolation=_SCALING,
            # RGB names no matrix, and players take an unnamed one for BT.709 or BT.601.
            dst_colorspace=Colorspace.ITU709 if is_rgb else None,
            dst_color_range=ColorRange.MPEG if is_rgb else None,
        )
        coding = yuv if is_rgb else frame
        self._chroma_location = self._chroma_location or _chroma_location(yuv)
        colours = (
            coding.color_range,
            coding.colorspace,
            frame.color_primaries,
            frame.color_trc,
            self._chroma_location,
        )
        return Picture(seconds, yuv.to_ndarray(), self._geometry, colours)


def _chroma_location(frame: VideoFrame) -> int:
    """Say where chroma lies between the pixels, by FFmpeg's number.

    PyAV does not tell, so noise with the properties of this picture is made RGB, and again with
    each location named, until both are the same.
    """
    noise = frame.reformat(16, 18 if frame.height == 16 else 16)  # another size: always a copy
    rng = np.random.default_rng(0)
    for plane in noise.planes:
        plane.update(rng.integers(64, 192, plane.buffer_size, np.uint8).tobytes())
    rgb = _to_rgb(noise)
    for number, name in enumerate(("left", "center", "topleft"), start=1):
        if np.array_equal(
            _to_rgb(PictureFilter("setparams", f"chroma_location={name}")(noise)), rgb
        ):
            return number
    return 1


def _to_rgb(frame: VideoFrame) -> np.ndarray:
    return ToRGB(Geometry(frame.width, frame.height))(frame)
