"""Scored clips become metrics with intervals, of all clips and of each label, and clip results.

Shapes:
    R: replicates   V: clips   N: labels
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from actionclip import display
from actionclip.data import splits
from actionclip.evaluation import intervals, metrics
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.scoring import ScoredClips

NUM_PREDICTIONS = 5
"""Of a clip among the worst."""

Estimates = tuple[dict[str, Interval], list[Interval | None]]
"""The metrics by name, and the accuracy or average precision of each label, if it has clips."""


@dataclass(frozen=True)
class Bin:
    """Clips with similar best scores."""

    num_clips: int
    score: float
    """On average."""
    accuracy: float


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The result of one clip."""

    clip: str
    """Its path in the data, and the part of the video if it is one."""
    group: str
    """Clips of the same group are near copies, and no independent evidence."""
    labels: tuple[str, ...]
    best: str
    """The label with the highest score; not the clip's own if another has the same."""
    rank: int | None
    """Of the clip's label, 1 for the best; of the lowest, if it has several; the last at a tie.
    None if the clip has no label."""
    score: float | None
    """Of that label."""

    @property
    def is_right(self) -> bool:
        """Whether no other label ranks above one of the clip's own."""
        return self.rank is not None and self.rank <= len(self.labels)


@dataclass(frozen=True, slots=True)
class WorstClip:
    """A clip whose label got a very low score."""

    index: int
    predictions: tuple[tuple[str, float], ...]
    """The labels with the highest scores, best first."""


def check(scored: ScoredClips) -> None:
    """Raise ValueError if there is nothing to compute with, or a score is not a number."""
    if not scored.annotations.examples:
        raise ValueError(
            f"no clip was scored, {len(scored.left_out)} could not be read;"
            " check the split and its videos"
        )
    if not scored.exclusive and not any(e.labels for e in scored.annotations.examples):
        raise ValueError("no clip has a label, so there is nothing to compare with")
    broken = ~scored.scores.isfinite()
    if broken.any():
        row, column = broken.nonzero()[0].tolist()
        raise ValueError(
            f"{scored.annotations.examples[row].video}: its score for the label"
            f" {scored.annotations.labels[column]!r} is {float(scored.scores[row, column])}, not a"
            " number; compute in fp32, or check the model's weights"
        )


def accuracies(scored: ScoredClips, seed: int, seen_labels: Sequence[str] = ()) -> Estimates:
    """Compute the metrics of clips that have one label each; the arguments are `report.make`'s."""
    scores, truth, num_labels = scored.scores, scored.truth, len(scored.annotations.labels)
    groups = intervals.number([splits.group_of(e) for e in scored.annotations.examples])
    weights = intervals.leave_out(groups, seed)  # (R, V)
    right = metrics.hits(scores, truth, 1)
    top5 = metrics.hits(scores, truth, 5)
    values = metrics.by_label(right, truth, num_labels, torch.ones_like(weights[:1]))  # (1, N)
    drawn = metrics.by_label(right, truth, num_labels, weights)  # (R, N)
    drawn = drawn.where(drawn.isfinite(), values)  # a label that a replicate leaves out whole
    confidences, is_right = scores.amax(1), right == 1
    error = metrics.expected_calibration_error(confidences, is_right)
    errors = [
        metrics.expected_calibration_error(confidences[some], is_right[some])
        for some in weights.bool()
        if some.any()
    ]
    is_trivial = num_labels <= 5
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
        found |= _seen_and_unseen(right, seen, groups, weights)
    by_label = [
        intervals.of_accuracy(right[own], groups[own]) if own.any() else None
        for own in scored.multi_hot.T
    ]
    return found, by_label


def average_precisions(scored: ScoredClips, seed: int) -> Estimates:
    """Compute map of clips that have any number of labels; the arguments are `report.make`'s."""
    scores, own = scored.scores, scored.multi_hot
    groups = intervals.number([splits.group_of(e) for e in scored.annotations.examples])
    values = metrics.average_precisions(scores, own)  # (N,)
    replicates = [
        metrics.average_precisions(scores[some], own[some])
        for some in intervals.leave_out(groups, seed).bool()
        if some.any()
    ]
    drawn = torch.stack(replicates or [values])  # (R, N)
    drawn = drawn.where(drawn.isfinite(), values)

    by_label: list[Interval | None] = []
    for value, of_label, has_it in zip(values.tolist(), drawn.T, own.T, strict=True):
        found = intervals.of_replicates(value, of_label, groups) if has_it.any() else None
        if found and intervals.of_replicates(value, of_label, groups[has_it]).low is None:
            found = Interval(value, None, None)  # too few groups have clips of the label
        by_label.append(found)
    found = intervals.of_replicates(float(values.nanmean()), drawn.nanmean(1), groups)
    return {"map": found}, by_label


def confusion(scored: ScoredClips) -> tuple[tuple[int, int, int], ...]:
    """Return label, predicted label and number of clips, without empty cells."""
    counts = metrics.confusion(scored.scores, scored.truth)
    cells = counts.nonzero().tolist()
    return tuple((row, column, int(counts[row, column])) for row, column in cells)


def reliability(scored: ScoredClips) -> tuple[Bin, ...]:
    """Return the bins of the calibration error that hold clips."""
    is_right = metrics.hits(scored.scores, scored.truth, 1) == 1
    bins = metrics.reliability(scored.scores.amax(1), is_right)
    rows = zip(*(column.tolist() for column in bins), strict=True)
    return tuple(
        Bin(round(count), score / count, hits / count) for count, score, hits in rows if count
    )


def clip_results(scored: ScoredClips, root: Path) -> tuple[ClipResult, ...]:
    """Return the result of every clip; `root` is the folder that their names are relative to."""
    scores, multi_hot, labels = scored.scores, scored.multi_hot, scored.annotations.labels
    own_scores = scores.masked_fill(~multi_hot, torch.inf).amin(1)  # (V,)
    ranks = (scores >= own_scores[:, None]).sum(1).tolist()
    best = metrics.best_labels(scores, multi_hot).tolist()
    results = []
    rows = zip(scored.annotations.examples, best, ranks, own_scores.tolist(), strict=True)
    for example, best_label, rank, score in rows:
        path = display.writable(Path(os.path.relpath(example.video, root)).as_posix())
        start, end = example.start_seconds, example.end_seconds
        part = "" if end is None else f"{end:g}"
        part = f" ({start or 0:g}–{part} s)" if start is not None or end is not None else ""
        results.append(
            ClipResult(
                clip=path + part,
                group=path if example.group is None else example.group,
                labels=example.labels,
                best=labels[best_label],
                rank=rank if example.labels else None,
                score=score if example.labels else None,
            )
        )
    return tuple(results)


def worst_clips(
    scored: ScoredClips, results: Sequence[ClipResult], num_clips: int
) -> tuple[WorstClip, ...]:
    """Return the wrong clips whose own labels have the lowest scores, the worst first."""
    wrong = sorted(
        (result.score, result.clip, index)
        for index, result in enumerate(results)
        if result.score is not None and not result.is_right
    )
    labels = scored.annotations.labels
    worst = []
    for _, _, index in wrong[:num_clips]:
        best = scored.scores[index].topk(min(NUM_PREDICTIONS, len(labels)))
        predictions = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        worst.append(
            WorstClip(index, tuple((labels[label], score) for label, score in predictions))
        )
    return tuple(worst)


def _seen_and_unseen(
    right: Float[Tensor, " V"],
    seen: Bool[Tensor, " V"],
    groups: Int[Tensor, " V"],
    weights: Float[Tensor, "R V"],
) -> dict[str, Interval]:
    """Return the accuracies of clips of seen and unseen labels, and their harmonic mean."""
    found: dict[str, Interval] = {}
    values, replicates = [], []
    for name, part in (("top1_seen", seen), ("top1_unseen", ~seen)):
        found[name] = intervals.of_accuracy(right[part], groups[part])
        value, some = found[name].value, weights[:, part]
        values.append(torch.tensor(value))
        replicates.append(((some @ right[part]) / some.sum(1)).nan_to_num(nan=value))

    def harmonic_mean(one: Tensor, other: Tensor) -> Tensor:
        return 2 * one * other / (one + other).clamp(min=torch.finfo(one.dtype).tiny)

    value, drawn = float(harmonic_mean(*values)), harmonic_mean(*replicates)
    found["harmonic_mean"] = intervals.of_replicates(value, drawn, groups, len(right))
    return found
