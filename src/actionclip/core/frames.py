"""Checks of videos given as arrays: only uint8 (T, H, W, 3), RGB, is accepted.

Nothing is converted silently: frames in 0…1, or with channels first, would give other scores.

Shapes:
    T: frames   H W: pixels of a frame
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

Video = str | Path | np.ndarray | Tensor | Sequence[np.ndarray]
"""A file, or its frames: uint8 (T, H, W, 3), RGB, as one array or as a list of frames."""

_WANTED = "give frames as uint8 of shape (T, H, W, 3), RGB"


def as_file(video: object, operation: str) -> Path:
    """Return the path of a video for an operation that needs a file.

    Raises:
        ValueError: it is not a path.
    """
    if isinstance(video, str | os.PathLike):
        return Path(video)
    raise ValueError(
        f"{operation}: needs a video file, not {_name(video)}; frames in memory have no times, "
        "write them into a file, or give them to `recognize`"
    )


def is_file(video: object) -> bool:
    """Return whether it is a path and not frames."""
    return isinstance(video, str | os.PathLike)


def check(video: object) -> UInt8[np.ndarray, "T H W 3"]:
    """Return frames, an array, a tensor or a list of equally large arrays, as one array.

    Raises:
        ValueError: they are not uint8 (T, H, W, 3), or there is none.
    """
    frames = _as_array(video)
    shape = " × ".join(map(str, frames.shape)) or "no dimension"
    if frames.ndim == 4 and frames.shape[-1] == 3:
        if len(frames) == 0:
            raise ValueError("the array holds no frame; give at least one")
        if frames.size == 0:
            raise ValueError(f"frames of {shape}: hold no pixel; {_WANTED}")
        if frames.dtype == np.uint8:
            return frames
        raise ValueError(f"frames are of type {frames.dtype}; {_remedy_for_type(frames)}")
    raise ValueError(f"frames of {shape}: {_remedy_for_shape(frames)}")


def _as_array(video: object) -> np.ndarray:
    if isinstance(video, Tensor):
        tensor = video.detach().cpu()
        is_half = tensor.is_floating_point() and tensor.itemsize < 4  # NumPy has no bfloat16
        return (tensor.float() if is_half else tensor).numpy()
    if isinstance(video, np.ndarray):
        return np.asarray(video)
    if isinstance(video, Sequence) and not isinstance(video, str | bytes):
        frames = [np.asarray(frame) for frame in video]
        if not frames:
            raise ValueError("the list holds no frame; give at least one")
        if len({frame.shape for frame in frames}) > 1:
            sizes = " and ".join(sorted({str(frame.shape) for frame in frames})[:2])
            raise ValueError(f"frames of one video differ in shape: {sizes}; scale them alike")
        return np.stack(frames)
    raise ValueError(f"a video is a file or its frames, not {_name(video)}; {_WANTED}")


def _remedy_for_type(frames: np.ndarray) -> str:
    if not np.issubdtype(frames.dtype, np.number):
        return _WANTED
    if np.issubdtype(frames.dtype, np.floating):
        if frames.min() >= 0 and frames.max() <= 1:
            return "values in 0…1: give (255 * frames).round().astype('uint8')"
        if frames.min() >= 0 and frames.max() <= 255:
            return "values in 0…255: give frames.round().astype('uint8')"
        return "values outside 0…255, perhaps normalised by a mean: give the pixels as uint8"
    if frames.min() >= 0 and frames.max() <= 255:
        return "give frames.astype('uint8')"
    return "values outside 0…255: scale them and give uint8"


def _remedy_for_shape(frames: np.ndarray) -> str:
    shape = frames.shape
    if frames.ndim == 3 and shape[-1] == 3:
        return "this is one image; give image[None] for a video of one frame"
    if frames.ndim == 3 and shape[-1] in (1, 4):
        return "this is one image, and not RGB; give a video of RGB frames, (T, H, W, 3)"
    if frames.ndim == 3 and shape[0] == 3:
        return "this is one image, channels first; give image.transpose(1, 2, 0)[None]"
    if frames.ndim == 3:
        return "frames without colours; give frames[..., None].repeat(3, axis=-1)"
    if frames.ndim == 2:
        return "this is one grey image; give an RGB video, (T, H, W, 3)"
    if frames.ndim == 4 and shape[-1] == 4:
        return "four channels; give frames[..., :3], RGB without alpha"
    if frames.ndim == 4 and shape[-1] == 1:
        return "one channel; give frames.repeat(3, axis=-1)"
    if frames.ndim == 4 and shape[1] == 3:
        return "channels come first; give frames.transpose(0, 2, 3, 1)"
    if frames.ndim == 4 and shape[0] == 3:
        return "channels come first; give frames.transpose(1, 2, 3, 0)"
    if frames.ndim == 5:
        return "several videos; give one at a time, (T, H, W, 3)"
    return _WANTED


def _name(value: object) -> str:
    if isinstance(value, np.ndarray | Tensor):
        return f"an array of {' × '.join(map(str, value.shape))}"
    return "None" if value is None else f"a value of type {type(value).__name__}"
