"""Scores become what is said of single clips: which label was best, and which clips went worst.

The results are small enough to keep for every clip, so that two evaluations can be compared clip by
clip.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from actionclip import display
from actionclip.data.annotations import Example
from actionclip.evaluation import metrics
from actionclip.evaluation.scored import Scored


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What became of one clip."""

    clip: str
    """Its path in the data, and the part of the video if it is one."""
    group: str
    """Clips of the same group are near copies, and no independent evidence."""
    labels: tuple[str, ...]
    best: str
    """The label with the highest score; not the clip's own if another has the same."""
    rank: int | None
    """Of the clip's label, 1 for the best; of the lowest, if it has several; its equals go first.
    None if the clip has no label."""
    score: float | None
    """Of that label."""

    @property
    def is_right(self) -> bool:
        """Whether no other label comes before one of the clip's own."""
        return self.rank is not None and self.rank <= len(self.labels)


@dataclass(frozen=True, slots=True)
class WorstClip:
    """A clip whose label got a very low score."""

    index: int
    """Its place among the clips."""
    predictions: tuple[tuple[str, float], ...]
    """The labels with the highest scores, best first."""


def make(scored: Scored, root: Path) -> tuple[ClipResult, ...]:
    """Tell what became of every clip; `root` is the folder that their names are relative to."""
    scores, marked, labels = scored.scores, scored.marked, scored.annotations.labels
    own = scores.masked_fill(~marked, torch.inf).amin(1)  # (V,)
    ranks = (scores >= own[:, None]).sum(1)
    best = metrics.best_labels(scores, marked)
    results = []
    for place, example in enumerate(scored.annotations.examples):
        path = display.writable(Path(os.path.relpath(example.video, root)).as_posix())
        results.append(
            ClipResult(
                clip=path + _part(example),
                group=path if example.group is None else example.group,
                labels=example.labels,
                best=labels[int(best[place])],
                rank=int(ranks[place]) if example.labels else None,
                score=float(own[place]) if example.labels else None,
            )
        )
    return tuple(results)


def worst(
    scored: Scored, results: Sequence[ClipResult], num_clips: int, num_labels: int = 5
) -> tuple[WorstClip, ...]:
    """Choose the wrong clips whose own labels got the lowest scores, the worst first."""
    wrong = sorted(
        (result.score, result.clip, place)
        for place, result in enumerate(results)
        if result.score is not None and not result.is_right
    )
    labels = scored.annotations.labels
    chosen = []
    for _, _, place in wrong[:num_clips]:
        best = scored.scores[place].topk(min(num_labels, len(labels)))
        told = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        chosen.append(WorstClip(place, tuple((labels[index], score) for index, score in told)))
    return tuple(chosen)


def digest(results: Sequence[ClipResult]) -> str:
    """Say in 64 letters which clips there are and what their labels are, in whatever order."""
    lines = sorted(json.dumps([result.clip, sorted(result.labels)]) for result in results)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _part(example: Example) -> str:
    if example.start_seconds is None and example.end_seconds is None:
        return ""
    end = "" if example.end_seconds is None else f"{example.end_seconds:g}"
    return f" ({example.start_seconds or 0:g}–{end} s)"
