"""What a model said of a data set becomes metrics with intervals, of all clips and of each label.

Knows the names of the metrics; how each is computed and how sure it is, others know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from actionclip.evaluation import calibration, intervals, metrics
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.metrics import Bins
from actionclip.evaluation.scored import Scored


@dataclass(frozen=True)
class Estimates:
    """Metrics by name, and what each label contributes."""

    metrics: dict[str, Interval]
    by_label: list[Interval | None]
    """Accuracies, or average precisions; None for labels without clips."""
    bins: Bins | None
    """Only where scores exclude each other: others are no probabilities."""


def headlines(scored: Scored) -> dict[str, float]:
    """Compute the metrics that decide, without intervals: top1 and top5, or map.

    Raises:
        ValueError: there are no clips, or a score is not a number; names the clip.
    """
    metrics.check(scored)
    labels = [scored.annotations.label_indices(e) for e in scored.annotations.examples]
    compute = metrics.accuracy if scored.exclusive else metrics.mean_average_precision
    return compute(scored.scores, labels)


def estimate(scored: Scored, seed: int, seen_labels: Sequence[str] = ()) -> Estimates:
    """Compute all metrics; the arguments are those of `report.make`."""
    groups = intervals.number([intervals.group_of(e) for e in scored.annotations.examples])
    if not scored.exclusive:
        return _of_rankings(scored, groups, seed)
    return _of_choices(scored, groups, seed, seen_labels)


def _of_choices(
    scored: Scored, groups: Int[Tensor, " V"], seed: int, seen_labels: Sequence[str]
) -> Estimates:
    """Clips that have one label each."""
    scores, truth, num_labels = scored.scores, scored.truth, len(scored.annotations.labels)
    weights = intervals.leave_out(groups, seed)  # (R, V)
    right = metrics.hits(scores, truth, 1)
    top5 = metrics.hits(scores, truth, 5)
    is_trivial = num_labels <= 5

    values = metrics.by_label(right, truth, num_labels, torch.ones_like(weights[:1]))  # (1, N)
    drawn = metrics.by_label(right, truth, num_labels, weights)  # (R, N)
    drawn = drawn.where(drawn.isfinite(), values)  # a label that a replicate leaves out whole
    confidences, is_right = scores.amax(1), right == 1
    errors = [
        calibration.expected_calibration_error(confidences[kept], is_right[kept])
        for kept in weights.bool()
        if kept.any()
    ]
    error = calibration.expected_calibration_error(confidences, is_right)
    found = {
        "top1": intervals.of_accuracy(right, groups),
        "top5": Interval(1.0, 1.0, 1.0) if is_trivial else intervals.of_accuracy(top5, groups),
        "mean_per_label": intervals.of_replicates(
            float(values.nanmean()), drawn.nanmean(1), groups, len(right)
        ),
        "calibration_error": intervals.of_replicates(error, torch.tensor(errors), groups),
    }
    seen = torch.tensor([label in set(seen_labels) for label in scored.annotations.labels])[truth]
    if seen.any() and not seen.all():
        found |= _of_parts(right, seen, groups, weights)

    by_label = [
        intervals.of_accuracy(right[own], groups[own]) if own.any() else None
        for own in (truth == label for label in range(num_labels))
    ]
    return Estimates(found, by_label, metrics.reliability(confidences, is_right))


def _of_parts(
    right: Float[Tensor, " V"],
    seen: Bool[Tensor, " V"],
    groups: Int[Tensor, " V"],
    weights: Float[Tensor, "R V"],
) -> dict[str, Interval]:
    """Tell clips of labels that the model was trained on from the others."""
    parts = {"top1_seen": seen, "top1_unseen": ~seen}
    found = {name: intervals.of_accuracy(right[part], groups[part]) for name, part in parts.items()}
    seen_share, unseen_share = (interval.value for interval in found.values())
    value = _harmonic_mean(torch.tensor(seen_share), torch.tensor(unseen_share))
    shares = [
        _share(right[part], weights[:, part]).nan_to_num(nan=found[name].value)
        for name, part in parts.items()
    ]
    drawn = _harmonic_mean(*shares)
    found["harmonic_mean"] = intervals.of_replicates(float(value), drawn, groups, len(right))
    return found


def _share(hits: Float[Tensor, " V"], weights: Float[Tensor, "R V"]) -> Float[Tensor, " R"]:
    return (weights @ hits) / weights.sum(1)


def _harmonic_mean(one: Tensor, other: Tensor) -> Tensor:
    return 2 * one * other / (one + other).clamp(min=torch.finfo(one.dtype).tiny)


def _of_rankings(scored: Scored, groups: Int[Tensor, " V"], seed: int) -> Estimates:
    """Clips that have any number of labels."""
    scores, marked = scored.scores, scored.marked
    values = metrics.average_precisions(scores, marked)  # (N,)
    kept = intervals.leave_out(groups, seed).bool()  # (R, V)
    drawn = torch.stack(
        [metrics.average_precisions(scores[one], marked[one]) for one in kept if one.any()]
        or [values]
    )  # (R, N)
    drawn = drawn.where(drawn.isfinite(), values)
    found = intervals.of_replicates(float(values.nanmean()), drawn.nanmean(1), groups)
    by_label = [
        _of_label(float(value), drawn[:, label], groups, marked[:, label])
        if marked[:, label].any()
        else None
        for label, value in enumerate(values)
    ]
    return Estimates({"map": found}, by_label, None)


def _of_label(
    value: float, drawn: Float[Tensor, " R"], groups: Int[Tensor, " V"], own: Bool[Tensor, " V"]
) -> Interval:
    """Return an average precision; its evidence is the groups that hold clips of the label."""
    found = intervals.of_replicates(value, drawn, groups)
    own_groups = intervals.of_replicates(value, drawn, groups[own])
    return found if own_groups.low is not None else own_groups
