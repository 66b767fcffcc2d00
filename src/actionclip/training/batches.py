"""Which clips meet in which step, and what is said about each: a seed and two numbers decide.

Nothing here remembers anything: the seed, the epoch and the place in it give the same batch in
every run, so that a run that was stopped goes on as if it had not been. Every process plans the
whole batch, and reads only its own part. Knows no pixels and no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Int64
from torch import Tensor

_ORDER, _DRAWS = 0, 1
"""Streams of random numbers; streams of different numbers are independent."""


@dataclass(frozen=True)
class Plan:
    """The clips of one step."""

    clips: tuple[int, ...]
    """Places among the examples."""
    labels: tuple[int, ...]
    """The label of each clip that its text names; one of them at random if it has several."""
    templates: tuple[int, ...]
    """The template of each clip's text."""
    seeds: tuple[int, ...]
    """What each clip's frames and augmentation are drawn from."""

    def choose(self, places: Iterable[int]) -> Plan:
        """Give the clips at these places of the plan, such as those of one process."""
        chosen = [(self.clips[p], self.labels[p], self.templates[p], self.seeds[p]) for p in places]
        return Plan(*zip(*chosen, strict=True))


@dataclass(frozen=True)
class Planner:
    """Plans every step of a run."""

    labels: Sequence[Sequence[int]]
    """The indices of each example's labels, one at least."""
    num_templates: int
    batch_size: int
    seed: int

    @property
    def num_steps(self) -> int:
        """Steps of an epoch; the clips that fill no batch wait for the next, shuffled anew."""
        return len(self.labels) // self.batch_size

    def plan(self, epoch: int, first_step: int = 0) -> list[Plan]:
        """Plan an epoch, or the rest of it; both numbers count from 0."""
        order = np.random.default_rng((self.seed, _ORDER, epoch)).permutation(len(self.labels))
        return [
            self._plan(order[step * self.batch_size : (step + 1) * self.batch_size], epoch, step)
            for step in range(first_step, self.num_steps)
        ]

    def _plan(self, clips: Int64[np.ndarray, " B"], epoch: int, step: int) -> Plan:
        chance = np.random.default_rng((self.seed, _DRAWS, epoch, step))
        return Plan(
            tuple(clips.tolist()),
            tuple(int(chance.choice(self.labels[clip])) for clip in clips),
            tuple(chance.integers(self.num_templates, size=len(clips)).tolist()),
            tuple(chance.integers(2**62, size=len(clips)).tolist()),
        )


def mark(labels: Sequence[Sequence[int]], num_labels: int) -> Int[Tensor, "B C"]:
    """Mark each clip's labels in a 0/1 row."""
    marked = torch.zeros(len(labels), num_labels, dtype=torch.long)
    for row, places in zip(marked, labels, strict=True):
        row[list(places)] = 1
    return marked
