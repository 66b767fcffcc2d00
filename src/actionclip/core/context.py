"""What is around the frames of a clip or of a stream, for encoders that see more than each alone.

A row of vision features is [E | C]: what the tower makes of a frame, and what the encoder makes of
the frames around it (`Encoder.context`). Clips are read with the frames around theirs in one go. In
a stream, the second part of a row comes as much later as it looks ahead.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   E: width of the vision tower
    C: width of what is around a frame   D: shared width
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders.encoder import Follower
from actionclip.video.decoder import Decoder, VideoInfo

STEPS_PER_PART = 256
"""After so many steps of a stream the encoder begins anew, with the frames that it remembers. So a
row depends on a bounded part of the video, and an interrupted run goes on from any part."""

Frame = tuple[int, UInt8[np.ndarray, "H W 3"]]
"""Its number since the first step of a stretch, at `frames_per_step` a step; and its pixels."""
Row = Float[Tensor, " C"]


class Clip(NamedTuple):
    """The frames of a clip, and what is around each."""

    frames: UInt8[np.ndarray, "T H W 3"]
    around: Float[Tensor, "T C"] | None = None
    """None where nothing is known of it: it counts as if nobody were there."""


def read_clip(
    model: ActionCLIP,
    decoder: Decoder,
    video: Path,
    choose: Callable[[VideoInfo], Int64[np.ndarray, " T"]],
) -> Clip:
    """Read the frames that a model takes, and see what is around them.

    Args:
        model: any.
        decoder: reads the file.
        video: a file.
        choose: returns the indices of the frames.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded within the limits.
    """
    info = decoder.probe(video)
    numbers, short_side = choose(info), model.encoder.short_side
    if model.encoder.context is None:
        return Clip(decoder.read_frames(video, numbers, short_side))
    return around_frames(model, decoder, video, numbers, range(info.num_frames))


def around_frames(
    model: ActionCLIP,
    decoder: Decoder,
    video: Path,
    numbers: Int64[np.ndarray, " T"],
    within: range,
) -> Clip:
    """Read some frames of a part of a video, and see what is around them in this part."""
    context = model.encoder.context
    assert context is not None, "the encoder sees frames alone"
    found = decoder.read_frames_around(
        video, numbers, context.frames_per_second, context.seconds, within, model.encoder.short_side
    )
    follower = model.encoder.follow()
    for frame, seconds in zip(found.around, found.around_seconds, strict=True):
        follower.push(frame, seconds)
    return Clip(found.frames, torch.stack([follower.row(seconds) for seconds in found.seconds]))


def embed_clips(model: ActionCLIP, clips: Sequence[Clip]) -> Float[Tensor, "B D"]:
    """Compute the embedding, of length one, of each clip, on the model's device."""
    pixels = torch.stack([encode.make_clip(model, clip.frames) for clip in clips])
    features = encode.vision_features(model, pixels)
    return encode.embed_rows(model, add(model, features, [clip.around for clip in clips]))


def add(
    model: ActionCLIP,
    features: Float[Tensor, "B T E"],
    around: Sequence[Float[Tensor, "T C"] | None],
) -> Float[Tensor, "B T _"]:
    """Add what is around frames to their features."""
    if model.encoder.context is None:
        return features
    nothing = torch.zeros(features.shape[1], model.encoder.context.width)
    rows = torch.stack([nothing if each is None else each for each in around])
    return torch.cat([features, rows.to(features.device)], dim=-1)


def of_frames(model: ActionCLIP, rows: Float[Tensor, "*B _"]) -> Float[Tensor, "*B E"]:
    """Return the first part of rows, which is about the frames themselves."""
    context = model.encoder.context
    return rows[..., : rows.shape[-1] - context.width] if context else rows


def frames_per_step(model: ActionCLIP, steps_per_second: float) -> int:
    """Return how many frames a model sees for each step of a stream, 1 if it needs no more."""
    context = model.encoder.context
    return context.frames_per_step(steps_per_second) if context else 1


def memory_frames(model: ActionCLIP, steps_per_second: float) -> int:
    """Return how many frames before a step its row may depend on."""
    context = model.encoder.context
    rate = steps_per_second * frames_per_step(model, steps_per_second)
    return math.ceil(context.memory_seconds * rate) if context else 0


class Around:
    """What is around the steps of a stream without a gap; one thread at a time may use it.

    Example:
        >>> around = Around(model, steps_per_second=4.0)
        >>> for number, pixels in frames:
        ...     rows += around.push(number, pixels)
        >>> rows += around.finish()
    """

    def __init__(self, model: ActionCLIP, steps_per_second: float, first_step: int = 0) -> None:
        """Start before the first step; frames before it, if there are, are remembered only."""
        self._encoder, self._context = model.encoder, model.encoder.context
        self._per_step = frames_per_step(model, steps_per_second)
        self._rate = steps_per_second * self._per_step
        self._first_step = first_step
        memory = memory_frames(model, steps_per_second)
        self._remembered: deque[Frame] = deque(maxlen=memory)
        self._parts: deque[_Part] = deque()
        self._waiting: deque[int] = deque()
        """Steps whose rows are not known yet."""

    def push(self, number: int, pixels: UInt8[np.ndarray, "H W 3"]) -> list[Row]:
        """Take the next frame, and return the rows of steps that are known with it, in order."""
        step, rest = divmod(number, self._per_step)
        is_step = rest == 0 and step >= self._first_step
        if self._context is None:
            return [torch.empty(0)] if is_step else []
        if step >= self._first_step:
            self._waiting += [step] if is_step else []
            if not self._parts or self._parts[-1].number < step // STEPS_PER_PART:
                self._begin_part(step // STEPS_PER_PART, number)
        for part in self._parts:
            part.follower.push(pixels, number / self._rate)
            part.follower.forget(number / self._rate - self._context.memory_seconds)
        self._remembered.append((number, pixels))
        return self._known_rows(number / self._rate)

    def finish(self) -> list[Row]:
        """Return the rows of the steps that are left, after the last frame."""
        return self._known_rows(float("inf"))

    def _begin_part(self, part: int, first: int) -> None:
        """Begin with the frames that are remembered; `first` is the one after them."""
        follower = self._encoder.follow()
        for before, pixels in self._remembered:
            follower.push(pixels, before / self._rate)
        first = self._remembered[0][0] if self._remembered else first
        self._parts.append(_Part(part, follower, first / self._rate))

    def _known_rows(self, now: float) -> list[Row]:
        rows: list[Row] = []
        seconds = self._context.seconds if self._context else 0.0
        while self._waiting:
            step = self._waiting[0]
            if step // STEPS_PER_PART > self._parts[0].number:
                self._parts.popleft()
                continue
            part, time = self._parts[0], step * self._per_step / self._rate
            if now < max(time + seconds, part.first_seconds + 2 * seconds):
                break
            rows.append(part.follower.row(time))
            self._waiting.popleft()
        return rows


class _Part(NamedTuple):
    number: int
    follower: Follower
    first_seconds: float
    """Of the frames that it saw."""


def encode_steps(
    model: ActionCLIP,
    batches: Iterable[Sequence[Frame]],
    steps_per_second: float,
    first_step: int = 0,
) -> Generator[Float[Tensor, "T _"]]:
    """Yield the rows of the steps of a stream without a gap, in order, some at a time.

    The tower encodes the frames of steps, and a thread sees what is around them meanwhile. The
    model must not have visual prompts inside its tower.

    Args:
        model: any other.
        batches: frames in order, from any time before the first step on.
        steps_per_second: their rate.
        first_step: the first one whose row is wanted.
    """
    around = Around(model, steps_per_second, first_step)
    per_step = frames_per_step(model, steps_per_second)

    def see(batch: Sequence[Frame]) -> list[Row]:
        return [row for number, pixels in batch for row in around.push(number, pixels)]

    def items() -> Iterator[tuple[UInt8[np.ndarray, "T H W 3"], Future[list[Row]]]]:
        for batch in batches:
            seen = thread.submit(see, batch)
            steps = [
                pixels
                for number, pixels in batch
                if number % per_step == 0 and number >= first_step * per_step
            ]
            if steps:
                yield np.stack(steps), seen

    def encode_batch(
        item: tuple[UInt8[np.ndarray, "T H W 3"], Future[list[Row]]],
    ) -> tuple[Float[Tensor, "T E"], Future[list[Row]]]:
        frames, seen = item
        return encode.vision_features(model, encode.make_clip(model, frames)[None])[0], seen

    features: list[Tensor] = []
    rows: list[Row] = []

    def joined() -> Float[Tensor, "T _"]:
        """Take the steps of which both parts are known."""
        number = min(len(features), len(rows))
        both = torch.stack(features[:number]), torch.stack(rows[:number])
        del features[:number], rows[:number]
        return torch.cat(both, dim=-1)

    with ThreadPoolExecutor(1, "around") as thread:
        for encoded, seen in encode.parallel_map(encode_batch, items(), model):
            features += encoded
            rows += seen.result()
            if rows:
                yield joined()
        rows += thread.submit(around.finish).result()
        if rows:
            yield joined()
