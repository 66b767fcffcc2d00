"""A video file becomes vision features at a steady rate, part by part; what was computed is kept.

Decoding runs ahead of the tower in a thread of its own. Parts lie in the feature cache, so that
another question to the same video decodes nothing, and an interrupted run goes on after its last
whole part. Never more than a few parts are in memory. Knows no windows and no labels.

Shapes:
    T: steps of a part   H W: pixels of a frame   S: pixels of a crop   E: width of the vision tower
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip import ahead, feature_cache
from actionclip.feature_cache import FeatureCache
from actionclip.model import identity, threads
from actionclip.model.actionclip import ActionCLIP
from actionclip.video import transforms

logger = logging.getLogger(__name__)

STEPS_PER_PART = 256
"""What an interruption costs at most."""
FRAMES_PER_BATCH = 16
_BATCHES_AHEAD = 4

Frames = Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]
StreamFrames = Callable[[Path, float, int | None], Frames]
"""Reads a whole video at a steady rate, as `decode.stream_frames` does."""
Part = tuple[int, Float[Tensor, "T E"]]
"""The number of its first step, and the features."""


def read(
    model: ActionCLIP,
    video: Path,
    frames_per_second: float,
    stream_frames: StreamFrames,
    on_progress: Callable[[int], None] = lambda num_steps: None,
) -> Iterator[Part]:
    """Give the features of a whole video, in order.

    Args:
        model: its vision tower looks at the frames that were not seen before.
        video: a file.
        frames_per_second: how many frames of each second are looked at.
        stream_frames: decodes the video.
        on_progress: told how many steps are there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a video that can be decoded.
    """
    first_step = 0
    cache = _open_cache(model) if video.is_file() else None  # what it is, the decoder says
    while (
        cache and (features := _find_part(cache, video, frames_per_second, first_step)) is not None
    ):
        on_progress(first_step + len(features))
        if len(features):
            yield first_step, features
        if len(features) < STEPS_PER_PART:
            return
        first_step += STEPS_PER_PART
    frames = stream_frames(video, frames_per_second, model.encoder.short_side)
    pictures = (frame for _, frame in itertools.islice(frames, first_step, None))
    batches = _counted(encode(model, pictures), first_step, on_progress)
    with closing(_in_parts(batches)) as parts:
        for features in parts:
            if cache:
                cache = _keep_part(cache, video, frames_per_second, first_step, features)
            if len(features):
                yield first_step, features
            first_step += STEPS_PER_PART


def encode(
    model: ActionCLIP, frames: Iterator[UInt8[np.ndarray, "H W 3"]]
) -> Generator[Float[Tensor, "T E"]]:
    """Give the features of frames in batches; the frames of the next ones are read meanwhile."""
    encoder, device = model.encoder, model.logit_scale.device

    def clips() -> Iterator[Float[Tensor, "T 3 S S"]]:
        while batch := list(itertools.islice(frames, FRAMES_PER_BATCH)):
            yield transforms.test_clip(np.stack(batch), encoder.short_side, encoder.image_size)

    def look(clip: Float[Tensor, "T 3 S S"]) -> Float[Tensor, "T E"]:
        with torch.inference_mode():
            return model.vision_features(clip[None].to(device))[0].cpu()

    with closing(_ahead(clips())) as read_ahead:
        yield from threads.on_each(look, read_ahead, device)


def _ahead(clips: Iterator[Tensor]) -> Generator[Tensor]:
    """Let a thread decode the next clips while this one is used."""
    thread = ThreadPoolExecutor(1)
    read = ahead.work(lambda _: next(clips, None), itertools.count(), thread, _BATCHES_AHEAD)
    with closing(read):
        while (clip := next(read)) is not None:
            yield clip


def _counted(
    batches: Iterator[Tensor], num_steps: int, on_progress: Callable[[int], None]
) -> Generator[Tensor]:
    """Tell how many steps are there after each batch."""
    for batch in batches:
        num_steps += len(batch)
        on_progress(num_steps)
        yield batch


def _in_parts(batches: Generator[Tensor]) -> Generator[Float[Tensor, "T E"]]:
    """Join batches; the last part is shorter than the others, and may be empty."""
    with closing(batches):
        while True:
            part = list(itertools.islice(batches, STEPS_PER_PART // FRAMES_PER_BATCH))
            features = torch.cat(part) if part else torch.empty(0, 0)
            yield features
            if len(features) < STEPS_PER_PART:
                return


def _open_cache(model: ActionCLIP) -> FeatureCache | None:
    folder = feature_cache.default_folder()
    try:
        return FeatureCache(folder, identity.of_vision(model))
    except OSError as error:
        _warn(error)
        return None


def _find_part(
    cache: FeatureCache, video: Path, frames_per_second: float, first_step: int
) -> Float[Tensor, "T E"] | None:
    """Look a part up."""
    key = _key(cache, video, frames_per_second, first_step)
    return None if cache.missing([key]) else cache.read([key])[0]


def _keep_part(
    cache: FeatureCache,
    video: Path,
    frames_per_second: float,
    first_step: int,
    features: Float[Tensor, "T E"],
) -> FeatureCache | None:
    """Write a part; gives the cache back if it can take further ones."""
    try:
        key = _key(cache, video, frames_per_second, first_step)
        cache.fill([key], lambda missing: [(0, features)])
    except OSError as error:
        _warn(error)
        return None
    return cache


def _key(cache: FeatureCache, video: Path, frames_per_second: float, first_step: int) -> str:
    steps = [first_step, first_step + STEPS_PER_PART]
    return cache.key(video, {"frames_per_second": float(frames_per_second), "steps": steps})


def _warn(error: OSError) -> None:
    logger.warning("%s; what is computed now is not kept, and the next time is as slow", error)
