"""How sure a metric is: results of clips become 95 % intervals that hold for few groups too.

Clips of one group (a person, a recording, a video) are near copies and no independent evidence. So
a metric is computed again without each group (the jackknife, which for shares is the
cluster-robust variance), and the interval has Student's t of as many degrees of freedom as there
are groups of equal size to it. Shares have Wilson's interval of as many independent clips as would
vary as much. `benchmarks/interval_coverage.py` measures how often the intervals hold.

Shapes:
    R: replicates, each without some groups   V: clips   G: groups
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

MIN_GROUPS = 3
"""Two groups vary by one number, and an interval from it is all of 0…1."""
MIN_EQUAL_GROUPS = 2.0
"""The groups have to be worth as much as this many groups of equal size."""
MAX_REPLICATES = 50
"""Of more groups, each replicate leaves out several."""
_LEVEL = 0.95
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95 % interval; both ends are None where groups are too few."""

    value: float
    low: float | None
    high: float | None


def number(groups: Sequence[str]) -> Int[Tensor, " V"]:
    """Number the groups, whatever the order of the clips."""
    numbers = {group: place for place, group in enumerate(sorted(set(groups)))}
    return torch.tensor([numbers[group] for group in groups])


def leave_out(groups: Int[Tensor, " V"], seed: int) -> Float[Tensor, "R V"]:
    """Return the replicates: 0 for the clips that one leaves out, 1 for the others.

    Args:
        groups: of the clips.
        seed: of which groups are left out together, of more than `MAX_REPLICATES`.
    """
    _, places = groups.unique(return_inverse=True)
    num_groups = int(places.max()) + 1
    num_replicates = min(num_groups, MAX_REPLICATES)
    order = torch.randperm(num_groups, generator=torch.Generator().manual_seed(seed))
    replicate_of = order % num_replicates  # (G,)
    return (replicate_of[places] != torch.arange(num_replicates)[:, None]).float()


def of_accuracy(hits: Float[Tensor, " V"], groups: Int[Tensor, " V"]) -> Interval:
    """Return the share of hits (0…1 of each clip); of independent clips, Wilson's interval."""
    hits = hits.double()
    value = float(hits.mean())
    sums, counts = _by_group(hits, groups)
    if len(counts) == len(hits):
        return wilson(value, len(hits))
    rest = (hits.sum() - sums) / (len(hits) - counts).clamp(min=1)
    return of_replicates(value, rest, groups, max_number=len(hits))


def of_replicates(
    value: float,
    replicates: Float[Tensor, " R"],
    groups: Int[Tensor, " V"],
    max_number: float | int = math.inf,
) -> Interval:
    """Return the interval of a metric of 0…1 from its replicates.

    The variance counts one group more that is half right, so that groups that happen to be alike
    do not make a number certain.

    Args:
        value: the metric of all clips.
        replicates: the metric without some groups, one for each row of `leave_out` or for each
            group.
        groups: of the clips.
        max_number: of independent clips that the clips are worth.
    """
    num_groups, worth = _worth(groups)
    if num_groups < MIN_GROUPS or worth < MIN_EQUAL_GROUPS:
        return Interval(value, None, None)
    quantile = student_quantile(max(1.0, min(worth, float(len(replicates))) - 1))
    variance = _jackknife(value, replicates)
    if variance > _ROUNDING and _ROUNDING < value < 1 - _ROUNDING:
        variance += ((0.5 - value) / (num_groups + 1)) ** 2
        worth = min(value * (1 - value) / variance, max_number)
    return wilson(value, worth, quantile)


def difference(gains: Float[Tensor, " V"], groups: Int[Tensor, " V"]) -> Interval:
    """Return the mean of paired differences, -1…1.

    The variance counts one group more in which every clip changed (for single clips, Agresti and
    Min 2005), so that clips of which none changed do not make a difference certain.
    """
    gains = gains.double()
    value = float(gains.mean())
    sums, counts = _by_group(gains, groups)
    num_groups, worth = _worth(groups)
    if num_groups < MIN_GROUPS or worth < MIN_EQUAL_GROUPS:
        return Interval(value, None, None)
    rest = (gains.sum() - sums) / (len(gains) - counts)
    variance = _jackknife(value, rest) + (1 / (num_groups + 1)) ** 2
    reach = student_quantile(max(1.0, worth - 1)) * math.sqrt(variance)
    return Interval(value, max(-1.0, value - reach), min(1.0, value + reach))


def wilson(share: float, number: float | int, quantile: float | None = None) -> Interval:
    """Return Wilson's score interval of a share of independent clips (Wilson 1927).

    Args:
        share: 0…1.
        number: of clips.
        quantile: by default that of the normal distribution.
    """
    square = (quantile or student_quantile(math.inf)) ** 2 / number
    middle = (share + square / 2) / (1 + square)
    reach = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Interval(share, min(low, share), max(high, share))  # despite rounding


@functools.cache
def student_quantile(freedom: float | int) -> float:
    """Return the number that Student's t exceeds in absolute value in 5 % of cases.

    With t = sqrt(freedom) · tan(angle), the angle has a density of cos(angle)^(freedom - 1).

    Args:
        freedom: degrees of freedom, 1 to infinity.
    """
    if freedom > 1000:
        return 1.959964
    angles = np.linspace(0, np.pi / 2, 200_001)
    density = np.cos(angles) ** (freedom - 1)
    below = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angle = np.interp(_LEVEL, below / below[-1], angles)
    return math.sqrt(freedom) * math.tan(angle)


def _by_group(
    values: Float[Tensor, " V"], groups: Int[Tensor, " V"]
) -> tuple[Float[Tensor, " G"], Int[Tensor, " G"]]:
    """Return the sum of the values and the number of clips of each group."""
    _, places, counts = groups.unique(return_inverse=True, return_counts=True)
    return torch.zeros(len(counts), dtype=torch.double).index_add(0, places, values), counts


def _worth(groups: Int[Tensor, " V"]) -> tuple[int, float]:
    """Return the number of groups, and how many groups of equal size would be worth as much."""
    counts = groups.unique(return_counts=True)[1].double()
    return len(counts), float(counts.sum() ** 2 / (counts**2).sum())


def _jackknife(value: float, replicates: Float[Tensor, " R"]) -> float:
    """Return the jackknife's variance."""
    total = float(((replicates.double() - value) ** 2).sum())
    return total * (len(replicates) - 1) / len(replicates)
