"""A decoded picture becomes RGB bytes of the wanted size, as players show it: the only scaler.

Scaling happens with the conversion of colours (libswscale; bilinear, with a support that grows as
pictures shrink, so that nothing aliases). Matrix (BT.601, BT.709, BT.2020) and range (limited,
full) are those that the picture names; where it names none it is BT.601, limited, as in FFmpeg. The
display matrix (turned, mirrored) and the pixel aspect ratio are applied. Of a frame that is flagged
as interlaced the upper field is used, for it alone depends on no other frame: filters that compare
neighbours (yadif, bwdif) would give a frame other pixels where it is read alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

_SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_ANY_TIME = Fraction(1, 1000)  # a filter needs a time base; times are not changed
_MAX_SIDE_DATA_KINDS = 64  # FFmpeg has half as many
_MAX_PIXEL_ASPECT = 10
"""No camera has longer pixels: a larger ratio, either way, is a mistake in the file."""


@dataclass(frozen=True)
class Geometry:
    """How coded pictures are shown: stretched, then mirrored, then turned."""

    width: int
    """Of the coded picture."""
    height: int
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel divided by its height."""
    is_mirrored: bool = False
    """Left and right are exchanged."""
    quarter_turns: int = 0
    """Counterclockwise, 0…3."""
    has_whole_fields: bool = False
    """A frame flagged as interlaced is one field (HEVC), and not two that are interleaved."""

    @staticmethod
    def of(stream: VideoStream, frame: VideoFrame) -> Geometry:
        """Read the geometry from a stream and the first frame decoded of it.

        The aspect ratio of the container has priority over that of the codec, as in players.
        """
        aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1
        is_plausible = 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT
        return Geometry(
            frame.width,
            frame.height,
            Fraction(aspect) if is_plausible else Fraction(1),
            *_orientation(_display_matrix(frame)),
            has_whole_fields=stream.codec_context.codec.canonical_name == "hevc",
        )

    def size_shown(self, short_side: int | None = None) -> tuple[int, int]:
        """Return width and height on the screen, scaled to a short side if one is given."""
        width, height = self.size_stretched(short_side)
        return (height, width) if self.quarter_turns % 2 else (width, height)

    def size_stretched(self, short_side: int | None = None) -> tuple[int, int]:
        """Return width and height with square pixels, before turning; the long side is rounded."""
        width = float(self.width * self.pixel_aspect)
        scale = short_side / min(width, self.height) if short_side else 1
        return max(1, round(width * scale)), max(1, round(self.height * scale))


class ToRGB:
    """Converts pictures to RGB of one size; the scaler's tables are reused."""

    def __init__(self, geometry: Geometry, short_side: int | None = None) -> None:
        """Set the size: a short side, the long side is rounded; by default it is not scaled."""
        self._geometry = geometry
        self._width, self._height = geometry.size_stretched(short_side)
        self._scaler = VideoReformatter()
        self._progressive = Progressive(geometry)

    def __call__(self, frame: VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        """Return a picture as RGB."""
        rgb = self._scaler.reformat(
            self._progressive(frame),
            width=self._width,
            height=self._height,
            format="rgb24",
            interpolation=_SCALING,
            threads=1,
        ).to_ndarray()
        if self._geometry.is_mirrored:
            rgb = rgb[:, ::-1]
        return np.rot90(rgb, self._geometry.quarter_turns)


class PictureFilter:
    """Applies one of FFmpeg's filters to each picture by itself; the filter graph is reused."""

    def __init__(self, name: str, arguments: str) -> None:
        """Set the filter, which must return one picture for each."""
        self._name, self._arguments = name, arguments
        self._graph, self._made_for = Graph(), ()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the filtered picture."""
        layout = (frame.width, frame.height, frame.format.name)
        if layout != self._made_for:
            self._graph, self._made_for = Graph(), layout
            self._graph.threads = 1
            self._graph.link_nodes(
                self._graph.add_buffer(
                    width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_TIME
                ),
                self._graph.add(self._name, self._arguments),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(frame)
        return self._graph.vpull()


class Progressive:
    """Reduces interlaced pictures to their upper field, half as high; others stay as they are."""

    def __init__(self, geometry: Geometry) -> None:
        """Choose the filter by how fields are stored."""
        if geometry.has_whole_fields:
            self._filter = PictureFilter("setparams", "field_mode=prog")
        else:
            self._filter = PictureFilter("field", "top")

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return a picture without a comb, and without the flag, which the scaler would follow."""
        return self._filter(frame) if frame.interlaced_frame else frame


def _display_matrix(frame: VideoFrame) -> np.ndarray | None:
    """Return the nine numbers of a picture's display matrix, if it has one.

    PyAV returns no side data of a picture with a kind that it cannot name, such as the EXIF data of
    a photograph, until that kind is removed.
    """
    for kind in range(len(Type), _MAX_SIDE_DATA_KINDS):
        try:
            matrix = frame.side_data.get("DISPLAYMATRIX")
            return np.frombuffer(bytes(matrix), np.int32) if matrix else None
        except ValueError:
            frame = PictureFilter("sidedata", f"mode=delete:type={kind}")(frame)
    return None


def _orientation(matrix: np.ndarray | None) -> tuple[bool, int]:
    """Split a display matrix: mirrored or not, then quarter turns counterclockwise.

    Other angles are rounded; a matrix that maps the picture to a line or a point is ignored.
    """
    if matrix is None:
        return False, 0
    a, b, c, d = (float(matrix[place]) for place in (0, 1, 3, 4))
    determinant = a * d - b * c
    if determinant == 0:
        return False, 0
    if determinant < 0:  # x' = a x + c y, y' = b x + d y: the mirror changes the sign of x
        a, b = -a, -b
    clockwise = math.degrees(math.atan2(b - c, a + d))
    return determinant < 0, round(-clockwise / 90) % 4
