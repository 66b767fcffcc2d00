"""A data set becomes batches, read by several processes; videos that cannot be read are counted.

One broken file in a hundred thousand is no reason to lose a night, and a wrong folder is: damaged
videos are left out and named in the log, and too large a share of them stops the run. Where only
keyframes are decoded, the log says once how far they are from the frames that were wanted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor
from torch.utils.data import DataLoader

from actionclip.data.dataset import Damage, Sample, TestViews, TrainingClips

DAMAGED_LIMIT = 0.05
TOLD_AFTER = 1000
"""So many clips tell how far keyframes are from the wanted frames; sooner if a pass ends."""

_logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Samples of one step, without the damaged ones."""

    clips: Tensor
    """(B, T, 3, S, S), or (B, V, T, 3, S, S) for testing."""
    labels: Int[Tensor, "B N"]
    """1 for each label of a clip."""
    examples: Int[Tensor, " B"]
    """Places in the annotations."""


@dataclass
class TimeErrors:
    """How far the frames of all clips so far are from the wanted ones, in seconds."""

    num_clips: int = 0
    mean_seconds: float = 0.0
    max_seconds: float = 0.0

    def add(self, seconds: Float64[np.ndarray, " F"]) -> None:
        """Take in the frames of one clip."""
        self.num_clips += 1
        self.mean_seconds += (float(seconds.mean()) - self.mean_seconds) / self.num_clips
        self.max_seconds = max(self.max_seconds, float(seconds.max()))


class Loader:
    """Gives the batches of a data set, and remembers what could not be read as it was wanted."""

    def __init__(
        self,
        dataset: TrainingClips | TestViews,
        batches: Iterable[list[Any]],
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
        damaged_limit: float = DAMAGED_LIMIT,
    ) -> None:
        """Set up reading; workers start with the first batch.

        Args:
            dataset: what is read.
            batches: the keys of each batch, such as `in_order`.
            num_workers: processes that read; 0 reads here. Changes nothing in the batches.
            pin_memory: as a GPU can copy from faster.
            damaged_limit: the share of the data set that may be damaged.
        """
        self.dataset = dataset
        self.damaged_limit = damaged_limit
        self.damaged: dict[int, str] = {}
        """Why, by place in the annotations."""
        self.time_errors = TimeErrors()
        self._is_told = dataset.sampling.kind != "keyframes"
        self._loader = DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=list,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches in order; one in which nothing could be read is passed over.

        Raises:
            ValueError: too many videos are damaged.
        """
        for samples in self._loader:
            whole = []
            for sample in samples:
                if isinstance(sample, Damage):
                    self._note(sample)
                else:
                    whole.append(sample)
                    self.time_errors.add(sample.time_errors)
            if self.time_errors.num_clips >= TOLD_AFTER:
                self._tell_time_errors()
            if whole:
                yield _collate(whole)
        self._tell_time_errors()

    def _tell_time_errors(self) -> None:
        if self._is_told or self.time_errors.num_clips == 0:
            return
        self._is_told = True
        _logger.warning(
            "keyframes stand in for the frames of the sampling: %.2f s from them on average, "
            "%.2f s at most, over %d clips",
            self.time_errors.mean_seconds,
            self.time_errors.max_seconds,
            self.time_errors.num_clips,
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


def in_order(num_samples: int, batch_size: int) -> list[list[int]]:
    """Give the keys of batches that go through a data set once; the last may be smaller."""
    keys = list(range(num_samples))
    return [keys[start : start + batch_size] for start in range(0, num_samples, batch_size)]


def _collate(samples: Sequence[Sample]) -> Batch:
    return Batch(
        torch.stack([sample.clip for sample in samples]),
        torch.stack([sample.labels for sample in samples]),
        torch.tensor([sample.example for sample in samples]),
    )
