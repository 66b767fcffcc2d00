"""A decoded picture becomes RGB bytes of the wanted size, upright: the one place that scales.

Scaling happens while colours are converted (libswscale; bilinear, with a support that grows as
pictures shrink, so that nothing aliases). Matrix (BT.601, BT.709, BT.2020) and range (limited,
full) are those that the picture names; where it names none it is BT.601, limited, as FFmpeg has it.
Pixels are taken as square. Knows no files.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import UInt8

_SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


class ToRGB:
    """Turns pictures into RGB bytes of one size; keeps the scaler's tables between them."""

    def __init__(
        self, width: int, height: int, rotation: int = 0, short_side: int | None = None
    ) -> None:
        """Fix the size.

        Args:
            width: of the pictures, before they are turned.
            height: of the pictures, before they are turned.
            rotation: degrees by which to turn them counterclockwise, rounded to quarter turns.
            short_side: of the result; the long side is rounded. By default the size is kept.
        """
        scale = short_side / min(width, height) if short_side else 1
        self.width, self.height = max(1, round(width * scale)), max(1, round(height * scale))
        self.quarter_turns = round(rotation / 90) % 4
        self._scaler = VideoReformatter()

    @property
    def size_shown(self) -> tuple[int, int]:
        """Width and height of the result."""
        is_upright = self.quarter_turns % 2 == 0
        return (self.width, self.height) if is_upright else (self.height, self.width)

    def __call__(self, frame: VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        """Give a picture's RGB bytes."""
        rgb = self._scaler.reformat(
            frame,
            width=self.width,
            height=self.height,
            format="rgb24",
            interpolation=_SCALING,
            threads=1,
        )
        return np.rot90(rgb.to_ndarray(), self.quarter_turns)
