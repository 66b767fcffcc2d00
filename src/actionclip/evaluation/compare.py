"""Two reports on the same clips become a comparison: which clips changed, and whether by chance.

Clips are compared one by one, which tells far more than two intervals do. A clip is right if its
labels rank above all others; where each has one, the share of right clips is top-1 (equal scores
count as wrong here).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch

from actionclip import display
from actionclip.evaluation import intervals, wording
from actionclip.evaluation.estimates import ClipResult
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.report import Report


@dataclass(frozen=True)
class Change:
    """A clip that is right in one report only."""

    clip: str
    labels: tuple[str, ...]
    before: str
    """The best label in the first report."""
    after: str


@dataclass(frozen=True)
class LabelChange:
    """The accuracies of a label, or its average precisions."""

    label: str
    num_clips: int
    before: float
    after: float


@dataclass(frozen=True)
class Comparison:
    """The differences of the second report from the first."""

    before: str
    after: str
    num_clips: int
    num_right_in_both: int
    difference: Interval
    """In the share of right clips, -1…1; the interval takes groups as wholes."""
    p_value: float
    """How often chance alone would change so many more clips one way (exact McNemar test)."""
    is_grouped: bool
    """Whether some clips are near copies: then the interval is right and the test too sure."""
    metrics: dict[str, tuple[Interval, Interval]]
    selections: tuple[str, str]
    """What the clips selected of each model: "selected on test"; empty if unknown."""
    won: tuple[Change, ...]
    """Wrong before, right after."""
    lost: tuple[Change, ...]
    labels: tuple[LabelChange, ...]
    """Those that changed, the most changed first."""
    settings: dict[str, tuple[str, str]]
    """The facts in which the reports differ."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes 0."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)

    def to_json(self) -> str:
        """Return the comparison as one JSON document."""
        return display.to_json(dataclasses.asdict(self), indent=1, allow_nan=False)


def compare(before: Report, after: Report) -> Comparison:
    """Compare two reports clip by clip.

    Raises:
        ValueError: they are about other clips or labels; says what differs.
    """
    _check_same(before, after)
    pairs = list(zip(_in_order(before), _in_order(after), strict=True))
    gains = torch.tensor([float(new.is_right) - float(old.is_right) for old, new in pairs])
    groups = intervals.number([old.group for old, _ in pairs])
    changes = [
        (gain, Change(old.clip, old.labels, old.best, new.best))
        for gain, (old, new) in zip(gains.tolist(), pairs, strict=True)
    ]
    won = tuple(change for gain, change in changes if gain > 0)
    lost = tuple(change for gain, change in changes if gain < 0)
    estimates = {result.label: result.estimate for result in after.label_results}
    labels = [
        LabelChange(old.label, old.num_clips, old.estimate.value, new.value)
        for old in before.label_results
        if old.estimate and (new := estimates[old.label]) and new.value != old.estimate.value
    ]
    old_facts, new_facts = wording.facts(before), wording.facts(after)
    return Comparison(
        before=before.setting.model,
        after=after.setting.model,
        num_clips=len(pairs),
        num_right_in_both=sum(old.is_right and new.is_right for old, new in pairs),
        difference=intervals.difference(gains, groups),
        p_value=mcnemar(len(won), len(lost)),
        is_grouped=len(groups.unique()) < len(pairs),
        metrics={
            name: (interval, after.metrics[name])
            for name, interval in before.telling_metrics.items()
            if name in after.metrics
        },
        selections=(before.selection, after.selection),
        won=won,
        lost=lost,
        labels=tuple(sorted(labels, key=lambda change: -abs(change.after - change.before))),
        settings={
            name: (old_facts.get(name, "–"), new_facts.get(name, "–"))
            for name in old_facts | new_facts
            if old_facts.get(name) != new_facts.get(name)
        },
    )


def mcnemar(num_won: int, num_lost: int) -> float:
    """Return how often a fair coin, tossed for each changed clip, falls at least as unevenly."""
    tosses = num_won + num_lost

    def probability(heads: int) -> float:
        ways = math.lgamma(tosses + 1) - math.lgamma(heads + 1) - math.lgamma(tosses - heads + 1)
        return math.exp(ways - tosses * math.log(2))

    return min(1.0, 2 * math.fsum(map(probability, range(min(num_won, num_lost) + 1))))


def _in_order(report: Report) -> list[ClipResult]:
    """Sort by name; clips of several draws stay in the order of the draws."""
    return sorted(report.clips, key=lambda result: (result.clip, result.labels))


def _check_same(before: Report, after: Report) -> None:
    if before.split_hash != after.split_hash:
        raise ValueError(
            f"the reports are about other clips: {_other_clips(before, after)};"
            " compare reports on the same split"
        )
    if set(before.labels) != set(after.labels):
        first = min(set(before.labels) ^ set(after.labels))
        raise ValueError(
            f"the reports chose among other labels: {len(before.labels)} and {len(after.labels)},"
            f" and only one has {first!r}; evaluate both with the same --labels"
        )


def _other_clips(before: Report, after: Report) -> str:
    old, new = ({clip.clip: clip.labels for clip in report.clips} for report in (before, after))
    only = sorted(old.keys() ^ new.keys())
    if only:
        return f"{len(old)} and {len(new)} of them, and only one has {only[0]}"
    for clip in sorted(old):
        if set(old[clip]) != set(new[clip]):
            labels = (repr(", ".join(some[clip])) for some in (old, new))
            return f"{clip} is {next(labels)} in one and {next(labels)} in the other"
    return f"{len(before.clips)} and {len(after.clips)} results of the same clips"
