"""A data set becomes batches, read by several processes; videos that cannot be read are counted.

A worker process reads a chunk of a batch and sends its pixels as one tensor, so that neither memory
nor open files grow with the size of a batch and the number of workers.

One broken file in a hundred thousand is no reason to lose a night, and a wrong folder is: damaged
videos are left out and named in the log, and too large a share of them stops the run. Where only
keyframes are decoded, the log tells once how far they are from the wanted frames.
"""

from __future__ import annotations

import itertools
import logging
import signal
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor
from torch.utils.data import DataLoader

from actionclip.data.dataset import Clips, Damage, Key, Sample

DAMAGED_LIMIT = 0.05
CLIPS_BEFORE_REPORT = 1000
"""So many clips tell how far keyframes are from the wanted frames; fewer if a pass ends before."""
CHUNK_FRAMES = 128
"""Of one chunk, at most, unless a single sample has more: 19 MB of 224×224 pixels as uint8, 77 MB
as float. Each worker prefetches two chunks."""

_logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Samples of one step, without the damaged ones."""

    clips: Tensor
    """(B, T, 3, S, S), or (B, V, T, 3, S, S) for testing; uint8, or float 0…1 where augmented."""
    examples: Int[Tensor, " B"]
    """Indices in the annotations."""


class _Chunk(NamedTuple):
    """The part of a batch that a worker sends; a tensor costs an open file, an array does not."""

    clips: Tensor | None
    examples: list[int]
    time_errors: list[Float64[np.ndarray, " F"]]
    damaged: list[Damage]


class Loader:
    """Reads batches of a data set, in any number of passes; counts what cannot be read.

    Workers start with the first batch; 0 workers read in this process. Their number changes nothing
    in the batches. A GPU copies faster from pinned memory. `damaged_limit` is the share of the data
    set that may be damaged.
    """

    def __init__(
        self,
        dataset: Clips,
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
        damaged_limit: float = DAMAGED_LIMIT,
    ) -> None:
        self.dataset = dataset
        self.damaged_limit = damaged_limit
        self.damaged: dict[int, str] = {}
        """The reason, by index in the annotations."""
        self.time_errors: list[tuple[float, float]] = []
        """Mean and maximum over the frames of each clip, in seconds, until they are reported."""
        self._is_reported = dataset.sampling.kind != "keyframes"
        self._pin_memory = pin_memory
        self._chunks: list[list[Key]] = []
        """Of the present pass; the torch loader holds this list."""
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._chunks,
            collate_fn=_collate,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            worker_init_fn=_ignore_signals,
        )

    def read(self, batches: Sequence[Sequence[Key]]) -> Iterator[Batch]:
        """Yield batches in order; one of which nothing can be read is left out.

        Args:
            batches: the keys of each batch, such as `split` returns.

        Raises:
            ValueError: too many videos are damaged.
        """
        frames = self.dataset.frames_per_sample
        chunks_of_batches = [split(batch, len(batch), frames, CHUNK_FRAMES) for batch in batches]
        self._chunks[:] = itertools.chain.from_iterable(chunks_of_batches)
        loaded = iter(self._loader)
        for chunks in chunks_of_batches:
            whole = []
            for chunk in itertools.islice(loaded, len(chunks)):
                for damage in chunk.damaged:
                    self._note(damage)
                if not self._is_reported:
                    self.time_errors += [(one.mean(), one.max()) for one in chunk.time_errors]
                if chunk.clips is not None:
                    whole.append(chunk)
            if len(self.time_errors) >= CLIPS_BEFORE_REPORT:
                self._report_time_errors()
            if whole:
                yield self._join(whole)
        self._report_time_errors()

    def _join(self, chunks: Sequence[_Chunk]) -> Batch:
        parts = [chunk.clips for chunk in chunks if chunk.clips is not None]
        if len(parts) == 1 and not self._pin_memory:
            [clips] = parts
        else:
            shape = (sum(map(len, parts)), *parts[0].shape[1:])
            clips = torch.empty(shape, dtype=parts[0].dtype, pin_memory=self._pin_memory)
            torch.cat(parts, out=clips)
        return Batch(clips, torch.tensor([index for chunk in chunks for index in chunk.examples]))

    def _report_time_errors(self) -> None:
        if self._is_reported or not self.time_errors:
            return
        self._is_reported = True
        means, maxima = zip(*self.time_errors, strict=True)
        _logger.warning(
            "keyframes stand in for the frames of the sampling: %.2f s from them on average, "
            "%.2f s at most, over %d clips",
            sum(means) / len(means),
            max(maxima),
            len(means),
        )

    def _note(self, damage: Damage) -> None:
        if damage.example in self.damaged:
            return
        self.damaged[damage.example] = damage.reason
        example = self.dataset.annotations.examples[damage.example]
        _logger.warning("%s is left out: %s", example.source, damage.reason)
        share = len(self.damaged) / len(self.dataset)
        if share > self.damaged_limit:
            raise ValueError(
                f"{len(self.damaged)} of {len(self.dataset)} videos cannot be read, more than"
                f" {self.damaged_limit:.0%}; run `actionclip data check`. The last:"
                f" {example.source}: {damage.reason}"
            )


def split(
    keys: Sequence[Any], batch_size: int, frames_per_sample: int, max_frames: int
) -> list[list[Any]]:
    """Split the keys of samples into batches, in order.

    Args:
        keys: of all samples.
        batch_size: samples of a batch, at most; the last batch may be smaller.
        frames_per_sample: of all views.
        max_frames: of a batch, at most, unless a single sample has more.
    """
    size = max(1, min(batch_size, max_frames // frames_per_sample))
    return [list(keys[start : start + size]) for start in range(0, len(keys), size)]


def _ignore_signals(worker: int) -> None:
    """Leave signals to a group of processes to the one that reads; it ends its workers itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _collate(samples: Sequence[Sample | Damage]) -> _Chunk:
    whole = [sample for sample in samples if isinstance(sample, Sample)]
    return _Chunk(
        torch.stack([sample.clip for sample in whole]) if whole else None,
        [sample.example for sample in whole],
        [sample.time_errors for sample in whole],
        [sample for sample in samples if isinstance(sample, Damage)],
    )
