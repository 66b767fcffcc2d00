"""How sure a number is: results of clips become 95 % intervals.

Clips are drawn again and again from those that there are, and clips of one group (a person, a
recording, a video) are drawn together: near copies are no independent evidence. A draw is told as
weights, how often it holds each clip. Knows no metric.

Shapes:
    R: draws   V: clips
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from actionclip.data.annotations import Example

NUM_DRAWS = 1000
_TAIL = 0.025
_NORMAL_QUANTILE = 1.959964
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and the 95 % interval around it; all of 0…1."""

    value: float
    low: float
    high: float


def group_of(example: Example) -> str:
    """Name what an example is drawn together with: its group, or else all parts of its video."""
    return example.group if example.group is not None else str(example.video)


def number(groups: Sequence[str]) -> Int[Tensor, " V"]:
    """Number the groups; the numbers do not depend on the order of the clips."""
    numbers = {group: place for place, group in enumerate(sorted(set(groups)))}
    return torch.tensor([numbers[group] for group in groups])


def draw(groups: Int[Tensor, " V"], num_draws: int, seed: int) -> Float[Tensor, "R V"]:
    """Draw as many groups as there are, with replacement; say how often each clip was drawn."""
    num_groups = int(groups.max()) + 1
    drawn = torch.randint(
        num_groups, (num_draws, num_groups), generator=torch.Generator().manual_seed(seed)
    )
    times = torch.zeros(num_draws, num_groups).scatter_add_(1, drawn, torch.ones(drawn.shape))
    return times[:, groups]  # (R, V)


def interval(value: float, draws: Float[Tensor, " R"], num_groups: int) -> Interval:
    """Give the interval around the value that is as wide as that of 95 % of the draws.

    Draws that are all alike (every clip right, or a single group) do not show that a number is
    certain, only that the clips cannot tell how sure it is. Then the interval is that of as many
    tosses of a coin as there are groups.

    Args:
        value: the metric of the clips as they are.
        draws: the metric of each draw; NaN where a draw has no clip to tell.
        num_groups: from which the draws were made.
    """
    reached = reach(value, draws)
    return _around(value, *reached) if reached else wilson(value, num_groups)


def reach(value: float, draws: Float[Tensor, " R"]) -> tuple[float, float] | None:
    """Say between which numbers 95 % of the draws lie; nothing if they are all alike.

    A draw holds clips twice, which raises average precision and calibration error in all draws
    alike; so the draws are moved until their mean is the value.
    """
    told = draws[~draws.isnan()].double()
    if len(told) == 0 or bool(told.max() - told.min() < _ROUNDING):
        return None
    moved = told - told.mean() + value
    low, high = moved.quantile(torch.tensor([_TAIL, 1 - _TAIL], dtype=told.dtype)).tolist()
    return low, high


def of_accuracy(
    hits: Float[Tensor, " V"], groups: Int[Tensor, " V"], draws: Float[Tensor, " R"]
) -> Interval:
    """Give the share of hits with its interval.

    Where clips are independent this is Wilson's, which needs no draws and stays honest at the ends:
    of 15 clips that are all right, every draw is all right too, and yet the accuracy may be 0.8.

    Args:
        hits: of each clip, 0…1.
        groups: of each clip.
        draws: the share in each draw.
    """
    value = float(hits.double().mean())
    num_groups = len(groups.unique())
    if num_groups == len(hits):
        return wilson(value, num_groups)
    return interval(value, draws, num_groups)


def wilson(share: float, number: int) -> Interval:
    """Give Wilson's score interval of a share of independent tosses (Wilson 1927)."""
    square = _NORMAL_QUANTILE**2 / number
    middle = (share + square / 2) / (1 + square)
    reach = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return _around(share, middle - reach, middle + reach)


def _around(value: float, low: float, high: float) -> Interval:
    """Hold the value and nothing beyond 0…1, whatever rounding says."""
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)))
