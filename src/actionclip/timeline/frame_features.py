"""A video file becomes vision features at a steady rate, part by part; what was computed is kept.

Decoding runs ahead of the tower in a thread of its own. Parts lie in the feature cache, so that
another question to the same video decodes nothing, and an interrupted run goes on after its last
whole part. Never more than a few parts are in memory. Knows no windows and no labels.

Shapes:
    T: steps of a part   H W: pixels of a frame   S: pixels of a crop   E: width of the vision tower
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip import prefetch
from actionclip.core import encode
from actionclip.core.cache import FeatureCache
from actionclip.model.actionclip import ActionCLIP

STEPS_PER_PART = 256
"""What an interruption costs at most."""
_BATCHES_AHEAD = 4

Frames = Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]
StreamFrames = Callable[[Path, float, int | None], Frames]
"""Reads a whole video at a steady rate, as `decode.stream_frames` does."""
Part = tuple[int, Float[Tensor, "T E"]]
"""The number of its first step, `seconds * frames_per_second`, and the features."""


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
    cache = FeatureCache(encode.depends_on(model)) if video.is_file() else None
    key_of = _keys(cache, video, frames_per_second) if cache else None  # before it is decoded
    num_steps = 0  # since the first one with a picture
    while cache and key_of and (part := _find_part(cache, key_of, num_steps)) is not None:
        step, features = part
        num_steps += len(features)
        on_progress(num_steps)
        if len(features):
            yield part
        if len(features) < STEPS_PER_PART:
            return
    frames = stream_frames(video, frames_per_second, model.encoder.short_side)
    frames = itertools.islice(frames, num_steps, None)
    first = next(frames, None)
    step = round(first[0] * frames_per_second) if first else 0
    pictures = (frame for _, frame in itertools.chain([first] if first else [], frames))
    batch_size = min(encode.max_frames(model), STEPS_PER_PART)
    with closing(_prefetch(pictures, batch_size)) as batches:
        encoded = _counted(encode.stream_features(model, batches), num_steps, on_progress)
        with closing(_in_parts(encoded, batch_size)) as parts:
            for features in parts:
                if cache and key_of:
                    cache.add(key_of(num_steps, "first step"), torch.tensor([[float(step)]]))
                    cache.add(key_of(num_steps, "features"), features)
                if len(features):
                    yield step, features
                step += len(features)
                num_steps += len(features)


def _keys(
    cache: FeatureCache, video: Path, frames_per_second: float
) -> Callable[[int, str], str] | None:
    """Hash the video; return what names the entries of its part after so many steps."""
    try:
        content = cache.content(video)
    except OSError:
        return None  # the decoder says what is wrong

    def key(num_before: int, what: str) -> str:
        steps = [num_before, num_before + STEPS_PER_PART]
        rate = float(frames_per_second)
        return cache.key(content, {"frames_per_second": rate, "steps": steps, "what": what})

    return key


def _find_part(
    cache: FeatureCache, key_of: Callable[[int, str], str], num_before: int
) -> Part | None:
    """Look a part up."""
    step = cache.find(key_of(num_before, "first step"))
    features = cache.find(key_of(num_before, "features"))
    return None if step is None or features is None else (int(step.item()), features)


def _prefetch(
    frames: Iterator[UInt8[np.ndarray, "H W 3"]], batch_size: int
) -> Generator[UInt8[np.ndarray, "T H W 3"]]:
    """Let a thread decode the next batches while this one is used."""

    def next_batch(_: int) -> np.ndarray | None:
        batch = list(itertools.islice(frames, batch_size))
        return np.stack(batch) if batch else None

    with ThreadPoolExecutor(1) as thread:
        ahead_of_us = prefetch.ordered_map(next_batch, itertools.count(), thread, _BATCHES_AHEAD)
        with closing(ahead_of_us):
            while (batch := next(ahead_of_us)) is not None:
                yield batch


def _counted(
    batches: Generator[Tensor], num_steps: int, on_progress: Callable[[int], None]
) -> Generator[Tensor]:
    """Report how many steps are there after each batch."""
    with closing(batches):
        for batch in batches:
            num_steps += len(batch)
            on_progress(num_steps)
            yield batch


def _in_parts(batches: Generator[Tensor], batch_size: int) -> Generator[Float[Tensor, "T E"]]:
    """Join batches; the last part is shorter than the others, and may be empty."""
    with closing(batches):
        while True:
            part = list(itertools.islice(batches, STEPS_PER_PART // batch_size))
            features = torch.cat(part) if part else torch.empty(0, 0)
            yield features
            if len(features) < STEPS_PER_PART:
                return
