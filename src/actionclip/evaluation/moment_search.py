"""Moments that were found for queries are scored as DiDeMo and QVHighlights do.

For each query the best hit counts, or nothing if there is none: how much of it and of a true moment
is shared (intersection over union, the best of the true moments). Beside it stands a baseline that
does not read the query: one and the same part of every video. What it reaches is due to where
moments usually are.

References: Anne Hendricks et al. 2017 (DiDeMo), Lei et al. 2021 (QVHighlights).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[float, float]
"""Start and end, in seconds."""

THRESHOLDS = (0.5, 0.7)
_NUM_PARTS = 10
"""Of a video, at whose ends the parts of the baseline begin and end."""


@dataclass(frozen=True)
class Query:
    """What was asked of a video, and what came of it."""

    video_seconds: float
    truth: Sequence[Span]
    """At least one."""
    found: Span | None
    """The best hit."""

    def iou(self, span: Span | None) -> float:
        """Return what a span shares with the true moment that it fits best, 0…1."""
        return 0.0 if span is None else max(overlap(span, true) for true in self.truth)


@dataclass(frozen=True)
class Scores:
    """Means over queries, 0…1."""

    recall_at_1: dict[float, float]
    """By the intersection over union that the best hit has at least."""
    mean_iou: float


def overlap(one: Span, other: Span) -> float:
    """Return intersection over union of two spans.

    >>> overlap((0.0, 4.0), (2.0, 6.0))
    0.3333333333333333
    """
    shared = min(one[1], other[1]) - max(one[0], other[0])
    if shared <= 0:
        return 0.0
    return shared / ((one[1] - one[0]) + (other[1] - other[0]) - shared)


def score(queries: Sequence[Query]) -> Scores:
    """Score the best hit of each query.

    Raises:
        ValueError: there is no query.
    """
    return _scores([query.iou(query.found) for query in queries])


def score_blind(queries: Sequence[Query]) -> tuple[Span, Scores]:
    """Score the same part of every video, whatever the query.

    The part is the best one for these queries, in tenths of a video; a baseline that is chosen
    without knowing them can only be worse.

    Returns:
        The part as shares of a video, and its scores.

    Raises:
        ValueError: there is no query.
    """
    bounds = [number / _NUM_PARTS for number in range(_NUM_PARTS + 1)]
    parts = list(itertools.combinations(bounds, 2))
    scored = [(part, score_part(queries, part)) for part in parts]
    return max(scored, key=lambda each: each[1].mean_iou)


def score_part(queries: Sequence[Query], part: Span) -> Scores:
    """Score one part of every video, in shares of its length; (0, 1) is all of it."""
    spans = [(part[0] * query.video_seconds, part[1] * query.video_seconds) for query in queries]
    return _scores([query.iou(span) for query, span in zip(queries, spans, strict=True)])


def _scores(ious: Sequence[float]) -> Scores:
    if not ious:
        raise ValueError("queries: there is none to score; give at least one")
    recall = {least: statistics.mean(iou >= least for iou in ious) for least in THRESHOLDS}
    return Scores({least: float(share) for least, share in recall.items()}, statistics.mean(ious))
