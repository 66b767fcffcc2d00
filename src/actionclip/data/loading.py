"""A data set becomes batches, read by several processes; videos that cannot be read are counted.

One broken file in a hundred thousand is no reason to lose a night, and a wrong folder is: damaged
videos are left out and named in the log, and too large a share of them stops the run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader

from actionclip.data.dataset import Damage, Sample, TestViews, TrainingClips

DAMAGED_LIMIT = 0.05

_logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Samples of one step, without the damaged ones."""

    clips: Tensor
    """(B, T, 3, S, S), or (B, V, T, 3, S, S) for testing."""
    labels: Int[Tensor, "B N"]
    """1 for each label of a clip."""
    examples: Int[Tensor, " B"]
    """Places in the annotations."""


class Loader:
    """Gives the batches of a data set, and remembers which videos could not be read."""

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
            if whole:
                yield _collate(whole)

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
