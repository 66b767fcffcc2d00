"""Pictures at their full size: those of a part of a video as coded, in YUV, and picture files.

The first are for writing them into another file, with the colours and the shape that they have in
this one; which picture is on screen when, and its pixels, are those of `decode`. Picture files are
decoded by Pillow, whose JPEG differs slightly from FFmpeg's.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import UInt8

from actionclip.video import container, picking, timetable
from actionclip.video.pixels import Geometry, PictureFilter, Progressive, ToRGB
from actionclip.video.timetable import ROUNDING_SECONDS, Timetable

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""Of picture files: those in which frames are extracted."""
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
    """See `Decoder.stream_pictures`."""
    table = timetable.read(path)
    start = table.opening
    begin, end = (
        (Fraction(seconds) - start.start_seconds) / start.seconds_per_tick + start.first_tick
        for seconds in (start_seconds, end_seconds)
    )
    rounding = ROUNDING_SECONDS / start.seconds_per_tick
    first = table.index_at(math.floor(begin + rounding))
    stop = max(first + 1, int(np.searchsorted(table.ticks, math.ceil(end - rounding))))
    ticks = table.ticks[first:stop].tolist()
    to_planes = _ToPlanes(start.geometry)
    for tick, frame in zip(ticks, _in_order(path, table, ticks), strict=True):
        seconds = max(Fraction(0), (tick - begin) * start.seconds_per_tick)
        yield to_planes(frame, seconds)


def read_picture(path: Path, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """Read a picture file as RGB, at its full size, as it is stored (not turned upright).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a whole picture of one of the formats, or has over `max_pixels`.
    """
    from PIL import Image  # late: only frame folders in official conventions need it

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
            picture = Image.open(path, formats=FORMATS)
        with picture:
            width, height = picture.size
            if width * height <= max_pixels:
                return np.array(picture.convert("RGB"))
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path}: not a picture that can be read ({error}); make it again"
        ) from error
    raise ValueError(container.too_large(path, width, height, max_pixels))


def _in_order(path: Path, table: Timetable, ticks: list[int]) -> Iterator[VideoFrame]:
    """Decode the frames of these ticks; what does not come in turn is read from the start."""
    missing = deque(ticks)
    for target, frame in picking.pick(path, table, ticks):
        if target != missing[0]:
            break
        missing.popleft()
        yield frame
    if missing:
        timed = container.timed_frames(path, table.opening.is_counted)
        yield from (frame for _, frame in picking.on_screen(timed, missing))


class _ToPlanes:
    """Converts frames into pictures of one size, in their own colours."""

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
    """Return where chroma lies between the pixels, by FFmpeg's number.

    PyAV does not expose it, so noise with the properties of this picture is converted to RGB, and
    again with each location named, until both are the same.
    """
    noise = frame.reformat(16, 18 if frame.height == 16 else 16)  # another size: always a copy
    rng = np.random.default_rng(0)
    for plane in noise.planes:
        plane.update(rng.integers(64, 192, plane.buffer_size, np.uint8).tobytes())
    to_rgb = ToRGB(Geometry(noise.width, noise.height))
    rgb = to_rgb(noise)
    for number, name in enumerate(("left", "center", "topleft"), start=1):
        named = PictureFilter("setparams", f"chroma_location={name}")(noise)
        if np.array_equal(to_rgb(named), rgb):
            return number
    return 1
