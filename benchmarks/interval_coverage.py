"""How often the 95 % intervals of an evaluation hold the truth, measured on worlds that are drawn.

    python benchmarks/interval_coverage.py [--worlds 1000]

In each world, groups (people, recordings) of clips are drawn whose shares of right clips vary:
their intraclass correlation is 0 where clips are independent and 1 where a group is right or wrong
as a whole. Two tables are printed: for top-1, and for the other metrics; and the share of worlds in
which the percentile bootstrap over groups, which was used before, holds the truth.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from actionclip.evaluation import intervals, metrics
from actionclip.evaluation.intervals import Interval

NUM_GROUPS = (2, 3, 5, 8, 20, 100)
CORRELATIONS = (0.0, 0.1, 0.3, 0.6, 1.0)
CLIPS_PER_GROUP = 10


def groups_of(number: int, unequal: bool, rng: np.random.Generator) -> torch.Tensor:
    """Draw the groups of clips: of ten each, or of one to many (geometric)."""
    sizes = rng.geometric(1 / CLIPS_PER_GROUP, number) if unequal else [CLIPS_PER_GROUP] * number
    return torch.arange(number).repeat_interleave(torch.as_tensor(np.asarray(sizes)))


def draw_hits(
    groups: torch.Tensor, share: float, correlation: float, rng: np.random.Generator
) -> torch.Tensor:
    """Draw which clips are right."""
    number = int(groups.max()) + 1
    if correlation == 0:
        shares = np.full(number, share)
    elif correlation == 1:
        shares = (rng.random(number) < share).astype(float)
    else:
        size = (1 - correlation) / correlation
        shares = rng.beta(share * size, (1 - share) * size, number)
    return torch.as_tensor(rng.random(len(groups)) < shares[groups.numpy()]).float()


def bootstrap(hits: torch.Tensor, groups: torch.Tensor, rng: np.random.Generator) -> Interval:
    """The interval of before: percentiles of 1,000 draws of groups."""
    number = int(groups.max()) + 1
    sums = np.bincount(groups.numpy(), hits.numpy(), number)
    counts = np.bincount(groups.numpy(), minlength=number)
    drawn = rng.integers(number, size=(1000, number))
    shares = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return Interval(float(hits.mean()), float(low), float(high))


def holds(found: Interval, truth: float) -> bool | None:
    """Whether an interval holds the truth; None if there is no interval."""
    if found.low is None or found.high is None:
        return None
    return found.low - 1e-9 <= truth <= found.high + 1e-9


def percent(held: list[bool | None]) -> str:
    """Write the share of the intervals that hold, of those that there are."""
    found = [one for one in held if one is not None]
    return f"{100 * sum(found) / len(found):.0f}" if 2 * len(found) > len(held) else "none"


def shares_table(num_worlds: int) -> None:
    """Print how often the interval of top-1 holds, and that of before."""
    print(f"top-1, {num_worlds} worlds, groups of {CLIPS_PER_GROUP} clips (equal / unequal sizes)")
    print("groups  accuracy  " + "  ".join(f"icc {one:<10}" for one in CORRELATIONS) + " width")
    for number in NUM_GROUPS:
        for share in (0.5, 0.8, 0.95):
            cells, widths = [], []
            for correlation in CORRELATIONS:
                told = []
                for unequal in (False, True):
                    rng = np.random.default_rng(number)
                    held, before = [], []
                    for _ in range(num_worlds):
                        groups = groups_of(number, unequal, rng)
                        hits = draw_hits(groups, share, correlation, rng)
                        found = intervals.of_accuracy(hits, groups)
                        held.append(holds(found, share))
                        if found.low is not None and found.high is not None:
                            widths.append(found.high - found.low)
                        if not unequal:
                            before.append(holds(bootstrap(hits, groups, rng), share))
                    told.append(f"{percent(held):>4}" + (f" ({percent(before)})" if before else ""))
                cells.append("/".join(told))
            width = f"{np.mean(widths):.2f}" if widths else ""
            print(f"{number:6}  {share:8}  " + "  ".join(f"{c:14}" for c in cells) + f" {width}")


def others_table(num_worlds: int) -> None:
    """Print how often the intervals of the other metrics hold their mean over the worlds."""
    print(f"\nother metrics, {num_worlds} worlds, intraclass correlation 0.3")
    print("groups  mean_per_label  calibration_error  map    difference")
    for number in (3, 5, 8, 20, 100):
        found: dict[str, list[Interval]] = {}
        for world in range(num_worlds):
            rng = np.random.default_rng((number, world))
            groups = groups_of(number, False, rng)
            weights = intervals.leave_out(groups, world)
            truth = torch.as_tensor(rng.integers(4, size=len(groups)))
            hits = draw_hits(groups, 0.8, 0.3, rng)
            values = metrics.by_label(hits, truth, 4, torch.ones(1, len(hits)))
            drawn = metrics.by_label(hits, truth, 4, weights)
            drawn = drawn.where(drawn.isfinite(), values)
            one = intervals.of_replicates(float(values.nanmean()), drawn.nanmean(1), groups)
            found.setdefault("mean_per_label", []).append(one)
            sure = torch.as_tensor(rng.beta(6, 2, len(groups))).float()
            error = metrics.expected_calibration_error
            drawn = [error(sure[kept], hits[kept] > 0) for kept in weights.bool()]
            one = intervals.of_replicates(error(sure, hits > 0), torch.tensor(drawn), groups)
            found.setdefault("calibration_error", []).append(one)
            marked = torch.nn.functional.one_hot(truth, 4).bool()
            scores = torch.as_tensor(rng.normal(size=marked.shape)).float()
            scores += 2 * marked * hits[:, None]
            precisions = metrics.average_precisions(scores, marked)
            drawn = torch.stack(
                [metrics.average_precisions(scores[k], marked[k]) for k in weights.bool()]
            )
            drawn = drawn.where(drawn.isfinite(), precisions)
            one = intervals.of_replicates(float(precisions.nanmean()), drawn.nanmean(1), groups)
            found.setdefault("map", []).append(one)
            gains = draw_hits(groups, 0.15, 0.3, rng) - draw_hits(groups, 0.05, 0.3, rng)
            found.setdefault("difference", []).append(intervals.difference(gains, groups))
        cells = []
        for name, several in found.items():
            truth_of_all = 0.1 if name == "difference" else np.mean([one.value for one in several])
            cells.append(percent([holds(one, float(truth_of_all)) for one in several]))
        print(f"{number:6}  {cells[0]:>14}  {cells[1]:>17}  {cells[2]:>3}  {cells[3]:>12}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    torch.set_num_threads(1)
    num_worlds = parser.parse_args().worlds
    shares_table(num_worlds)
    others_table(max(1, num_worlds // 5))
