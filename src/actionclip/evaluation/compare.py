"""Two reports on the same clips become what changed: which clips, by how much, and whether by luck.

Clips are compared one by one, which tells far more than two intervals do. A clip is right if its
labels come before all others; where each has one, the share of right clips is top-1 (equal scores
count as wrong here).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from actionclip import display, pages
from actionclip.evaluation import intervals, wording
from actionclip.evaluation.clip_results import ClipResult
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
    """What became of the clips of a label."""

    label: str
    num_clips: int
    before: float
    after: float


@dataclass(frozen=True)
class Comparison:
    """What the second report says other than the first."""

    before: str
    after: str
    num_clips: int
    num_right_in_both: int
    difference: Interval
    """In the share of right clips, -1…1; the interval takes groups as wholes."""
    p_value: float
    """How often luck alone would change so many more clips one way (exact McNemar test)."""
    is_grouped: bool
    """Whether some clips are near copies: then the interval is right and the test too sure."""
    metrics: dict[str, tuple[Interval, Interval]]
    selections: tuple[str, str]
    """What the clips chose of each model: "selected on test"; empty if nothing is known."""
    won: tuple[Change, ...]
    """Wrong before, right after."""
    lost: tuple[Change, ...]
    labels: tuple[LabelChange, ...]
    """Those that changed, the most changed first."""
    settings: dict[str, tuple[str, str]]
    """What is not the same in how the reports were made."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes that nothing changed."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)

    def to_json(self) -> str:
        """Give the comparison as one JSON document."""
        return display.to_json(dataclasses.asdict(self), indent=1, allow_nan=False)

    def to_html(self) -> str:
        """Make a page of it."""
        return pages.render("comparison.html", comparison=self, say=wording)


def compare(before: Report, after: Report) -> Comparison:
    """Compare clip by clip.

    Args:
        before: one report.
        after: another, on the same clips and labels.

    Raises:
        ValueError: they are about other clips or labels; says what differs.
    """
    _check_same(before, after)
    pairs = list(zip(_in_order(before), _in_order(after), strict=True))
    gains = torch.tensor([float(new.is_right) - float(old.is_right) for old, new in pairs])
    groups = intervals.number([old.group for old, _ in pairs])
    changes = [Change(old.clip, old.labels, old.best, new.best) for old, new in pairs]
    won = tuple(change for change, gain in zip(changes, gains, strict=True) if gain > 0)
    lost = tuple(change for change, gain in zip(changes, gains, strict=True) if gain < 0)
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
        labels=_label_changes(before, after),
        settings={
            name: (old_facts.get(name, "–"), new_facts.get(name, "–"))
            for name in old_facts | new_facts
            if old_facts.get(name) != new_facts.get(name)
        },
    )


def mcnemar(num_won: int, num_lost: int) -> float:
    """Say how often a fair coin, tossed for each changed clip, falls at least as unevenly."""
    tosses = num_won + num_lost
    log_all = tosses * math.log(2)
    tail = math.fsum(
        math.exp(_log_choose(tosses, heads) - log_all)
        for heads in range(min(num_won, num_lost) + 1)
    )
    return min(1.0, 2 * tail)


def _log_choose(number: int, chosen: int) -> float:
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)


def _in_order(report: Report) -> list[ClipResult]:
    """Sort by name; clips that were asked about in several draws stay in the order of the draws."""
    return sorted(report.clips, key=lambda result: (result.clip, result.labels))


def _label_changes(before: Report, after: Report) -> tuple[LabelChange, ...]:
    news = {result.label: result.estimate for result in after.label_results}
    changes = [
        LabelChange(old.label, old.num_clips, old.estimate.value, new.value)
        for old in before.label_results
        if old.estimate and (new := news[old.label]) and new.value != old.estimate.value
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.after - change.before)))


def _check_same(before: Report, after: Report) -> None:
    if before.split_hash != after.split_hash:
        raise ValueError(
            f"the reports are about other clips: {_other_clips(before.clips, after.clips)};"
            " compare reports on the same split"
        )
    if set(before.labels) != set(after.labels):
        first = min(set(before.labels) ^ set(after.labels))
        raise ValueError(
            f"the reports chose among other labels: {len(before.labels)} and {len(after.labels)},"
            f" and only one has {first!r}; evaluate both with the same --labels"
        )


def _other_clips(before: Sequence[ClipResult], after: Sequence[ClipResult]) -> str:
    old, new = ({result.clip: result.labels for result in results} for results in (before, after))
    only = sorted(old.keys() ^ new.keys())
    if only:
        return f"{len(old)} and {len(new)} of them, and only one has {only[0]}"
    relabelled = [clip for clip in sorted(old) if set(old[clip]) != set(new[clip])]
    if relabelled:
        clip = relabelled[0]
        return (
            f"{clip} is {', '.join(old[clip])!r} in one and {', '.join(new[clip])!r} in the other"
        )
    return f"{len(before)} and {len(after)} answers about the same clips"
