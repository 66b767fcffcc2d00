"""Frames become the clip that a model takes: scaled, cropped, float 0…1.

The mean and deviation of pixels are left to the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from av.video.frame import VideoFrame
from jaxtyping import Float, UInt8
from PIL.Image import Resampling, fromarray
from torch import Tensor

from actionclip.video.pixels import Geometry, ToRGB

Rounding = Callable[[float], int]


def resize_short_side(
    frames: UInt8[np.ndarray, "T H W 3"], short_side: int
) -> UInt8[np.ndarray, "T h w 3"]:
    """Scale frames to a short side like the decoder; the long side is rounded."""
    height, width = frames.shape[1:3]
    if min(height, width) == short_side:
        return frames
    to_rgb = ToRGB(Geometry(width, height), short_side)
    return np.stack([to_rgb(VideoFrame.from_ndarray(frame, format="rgb24")) for frame in frames])


def resize_short_side_bicubic(
    frames: UInt8[np.ndarray, "T H W 3"], short_side: int
) -> UInt8[np.ndarray, "T h w 3"]:
    """Scale frames to a short side like torchvision's `Resize`: Pillow, the long side truncated."""
    height, width = frames.shape[1:3]
    if min(height, width) == short_side:
        return frames
    size = (short_side * width // min(width, height), short_side * height // min(width, height))
    images = (fromarray(np.ascontiguousarray(frame)) for frame in frames)
    return np.stack([np.asarray(image.resize(size, Resampling.BICUBIC)) for image in images])


def centre_crop(
    frames: UInt8[np.ndarray, "T H W 3"], size: int, rounding: Rounding = math.floor
) -> UInt8[np.ndarray, "T {size} {size} 3"]:
    """Crop a square from the middle; `rounding` as in `three_crops`."""
    return three_crops(frames, size, rounding)[1]


def three_crops(
    frames: UInt8[np.ndarray, "T H W 3"], size: int, rounding: Rounding = math.floor
) -> UInt8[np.ndarray, "3 T {size} {size} 3"]:
    """Crop squares from the start, the middle and the end of the long side, centred on the short.

    Args:
        frames: at least as large as the square.
        size: of the square's sides.
        rounding: of the offset of a centred square to whole pixels.

    Raises:
        ValueError: the frames are smaller than the square.
    """
    height, width = frames.shape[1:3]
    if size > min(height, width):
        raise ValueError(
            f"a crop of {size} does not fit into frames of {width}x{height}; scale them"
        )
    top, left = rounding((height - size) / 2), rounding((width - size) / 2)
    if width >= height:
        corners = [(top, 0), (top, left), (top, width - size)]
    else:
        corners = [(0, left), (top, left), (height - size, left)]
    return np.stack([frames[:, y : y + size, x : x + size] for y, x in corners])


def channels_first(frames: UInt8[np.ndarray, "T H W 3"]) -> UInt8[Tensor, "T 3 H W"]:
    """Return frames as a tensor, channels first."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()


def to_float(pixels: UInt8[Tensor, ...] | Float[Tensor, ...]) -> Float[Tensor, ...]:
    """Return pixels as floats 0…1; floats stay as they are."""
    return pixels if pixels.is_floating_point() else pixels.float().div_(255)


def to_clip(frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, "T 3 H W"]:
    """Return frames as floats 0…1, channels first."""
    return to_float(channels_first(frames))


def test_clip(
    frames: UInt8[np.ndarray, "T H W 3"], short_side: int, image_size: int
) -> Float[Tensor, "T 3 {image_size} {image_size}"]:
    """Return the clip for testing: the middle square of the scaled frames."""
    return to_clip(centre_crop(resize_short_side(frames, short_side), image_size))
