"""Videos become clips as a model takes them: sampled as in its training, scaled as its tower reads.

Shapes:
    T: frames of a clip   H W: pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from actionclip.core import context, frames
from actionclip.core.context import Clip
from actionclip.core.frames import Video
from actionclip.model.actionclip import ActionCLIP
from actionclip.video import sampling, transforms
from actionclip.video.decoder import Decoder


class ClipReader:
    """Reads files in limited processes, and takes frames in memory; errors are those of `Decoder`.

    Without a decoder of its own, a call takes the first one.
    """

    def __init__(self, model: ActionCLIP, decoders: Sequence[Decoder]) -> None:
        self._model = model
        self.decoders = decoders

    def start(self) -> None:
        """Start the first process, so that it is there when a file is read."""
        self.decoders[0].start()

    def close(self) -> None:
        """End the processes; a later call starts new ones."""
        for decoder in self.decoders:
            decoder.close()

    def read_clip(self, decoder: Decoder, video: Path) -> Clip:
        """Read the clip of a whole video, and what is around its frames."""
        return context.read_clip(
            self._model, decoder, video, lambda info: self.sample(info.num_frames)
        )

    def read_part(self, video: Path, start_seconds: float, end_seconds: float) -> Clip:
        """Read the clip of a part of a video; what is around its frames lies in this part."""
        model, decoder = self._model, self.decoders[0]
        within = decoder.frames_between(video, start_seconds, end_seconds)
        numbers = self.sample(len(within)) + within.start
        if model.encoder.context is None:
            return Clip(decoder.read_frames(video, numbers, model.encoder.short_side))
        return context.around_frames(model, decoder, video, numbers, within)

    def read_frames(self, video: Video) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames of a clip alone, from a file or from frames in memory.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded within the limits, or the frames are wrong.
        """
        short_side, decoder = self._model.encoder.short_side, self.decoders[0]
        if frames.is_file(video):
            path = frames.as_file(video, "read_frames")
            numbers = self.sample(decoder.probe(path).num_frames)
            return decoder.read_frames(path, numbers, short_side)
        array = frames.check(video)
        return transforms.resize_short_side(array[self.sample(len(array))], short_side)

    def sample(self, num_available: int) -> Int64[np.ndarray, " T"]:
        """Return which of so many frames make a clip."""
        num_frames = self._model.config.num_frames
        if self._model.task.sampling == "dense":
            return sampling.dense(num_available, num_frames, sampling.DENSE_STRIDE)[0]
        return sampling.segment_middles(num_available, num_frames)

    def cache_entry(self) -> dict[str, Any]:
        """Return what the choice of frames depends on, besides the video."""
        return {"sampling": self._model.task.sampling, "frames": self._model.config.num_frames}
