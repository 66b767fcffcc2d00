"""What a model said of a data set becomes metrics with intervals, of all clips and of each label.

Knows the names of the metrics; how each is computed and how sure it is, others know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from actionclip.evaluation import bootstrap, metrics
from actionclip.evaluation.bootstrap import Interval
from actionclip.evaluation.metrics import Calibration
from actionclip.evaluation.scored import Scored

NUM_MAP_DRAWS = 200
"""Average precision costs a pass over all scores for each draw, so it gets fewer of them."""


@dataclass(frozen=True)
class Estimates:
    """Metrics by name, and what each label contributes."""

    metrics: dict[str, Interval]
    by_label: list[Interval | None]
    """Accuracies, or average precisions; None for labels without clips."""
    calibration: Calibration | None
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
    groups = bootstrap.number([bootstrap.group_of(e) for e in scored.annotations.examples])
    if not scored.exclusive:
        return _of_rankings(scored, groups, seed)
    return _of_choices(scored, groups, seed, seen_labels)


def _of_choices(
    scored: Scored, groups: Int[Tensor, " V"], seed: int, seen_labels: Sequence[str]
) -> Estimates:
    """Clips that have one label each."""
    scores, truth, num_labels = scored.scores, scored.truth, len(scored.annotations.labels)
    weights = bootstrap.draw(groups, bootstrap.NUM_DRAWS, seed)  # (R, V)
    once = torch.ones_like(weights[:1])
    num_groups = len(groups.unique())
    right = metrics.hits(scores, truth, 1)

    drawn = metrics.by_label(right, truth, num_labels, weights)  # (R, N)
    values = metrics.by_label(right, truth, num_labels, once)
    calibration = metrics.calibrate(scores, truth, once)
    errors = metrics.calibrate(scores, truth, weights).error
    found = {
        "top1": _accuracy(right, groups, weights),
        "top5": Interval(1.0, 1.0, 1.0)  # by definition
        if num_labels <= 5
        else _accuracy(metrics.hits(scores, truth, 5), groups, weights),
        "mean_per_label": bootstrap.interval(float(values.nanmean()), drawn.nanmean(1), num_groups),
        "calibration_error": bootstrap.interval(float(calibration.error), errors, num_groups),
    }
    seen = torch.tensor([label in set(seen_labels) for label in scored.annotations.labels])[truth]
    if seen.any() and not seen.all():
        found |= _of_parts(right, seen, groups, weights)

    by_label = [
        bootstrap.of_accuracy(right[own], groups[own], drawn[:, label]) if own.any() else None
        for label, own in enumerate(truth == label for label in range(num_labels))
    ]
    return Estimates(found, by_label, calibration)


def _of_parts(
    right: Float[Tensor, " V"],
    seen: Bool[Tensor, " V"],
    groups: Int[Tensor, " V"],
    weights: Float[Tensor, "R V"],
) -> dict[str, Interval]:
    """Tell clips of labels that the model was trained on from the others."""
    parts = {"top1_seen": seen, "top1_unseen": ~seen}
    found = {
        name: _accuracy(right[part], groups[part], weights[:, part]) for name, part in parts.items()
    }
    value = _harmonic_mean(*(torch.tensor(interval.value) for interval in found.values()))
    drawn = _harmonic_mean(*(_share(right[part], weights[:, part]) for part in parts.values()))
    found["harmonic_mean"] = bootstrap.interval(float(value), drawn, len(groups.unique()))
    return found


def _accuracy(
    hits: Float[Tensor, " V"], groups: Int[Tensor, " V"], weights: Float[Tensor, "R V"]
) -> Interval:
    return bootstrap.of_accuracy(hits, groups, _share(hits, weights))


def _share(hits: Float[Tensor, " V"], weights: Float[Tensor, "R V"]) -> Float[Tensor, " R"]:
    return (weights @ hits) / weights.sum(1)


def _harmonic_mean(one: Tensor, other: Tensor) -> Tensor:
    return 2 * one * other / (one + other).clamp(min=torch.finfo(one.dtype).tiny)


def _of_rankings(scored: Scored, groups: Int[Tensor, " V"], seed: int) -> Estimates:
    """Clips that have any number of labels."""
    scores, marked = scored.scores, scored.marked
    weights = bootstrap.draw(groups, NUM_MAP_DRAWS, seed)  # (R, V)
    drawn = metrics.drawn_average_precisions(scores, marked, weights)  # (R, N)
    values = metrics.average_precisions(scores, marked)  # (N,)
    found = bootstrap.interval(float(values.nanmean()), drawn.nanmean(1), len(groups.unique()))
    by_label = [
        bootstrap.interval(float(value), drawn[:, label], len(groups[marked[:, label]].unique()))
        if marked[:, label].any()
        else None
        for label, value in enumerate(values)
    ]
    return Estimates({"map": found}, by_label, None)
