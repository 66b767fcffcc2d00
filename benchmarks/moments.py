"""Moments that were found and those that are true become average precision and frame accuracy.

Average precision is ActivityNet's (Caba Heilbron et al. 2015): over all videos the moments of a
label are taken by falling score, and each is right if it overlaps enough with a true one that none
before it has taken. Frame accuracy asks at steady times what is said then, and "none" is an answer.
Knows no models and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from actionclip.timeline.moments import Moment


@dataclass(frozen=True)
class TrueMoment:
    """A part of a video in which a label is true."""

    start_seconds: float
    end_seconds: float
    label: str


_AnyMoment = TypeVar("_AnyMoment", Moment, TrueMoment)


def temporal_iou(one: Moment | TrueMoment, other: Moment | TrueMoment) -> float:
    """Give the time that two parts of a video share, over the time that they fill: 0…1."""
    shared = min(one.end_seconds, other.end_seconds) - max(one.start_seconds, other.start_seconds)
    if shared <= 0:
        return 0.0
    lengths = (one.end_seconds - one.start_seconds) + (other.end_seconds - other.start_seconds)
    return shared / (lengths - shared)


def mean_average_precision(
    found: Sequence[Sequence[Moment]], truth: Sequence[Sequence[TrueMoment]], iou: float
) -> float:
    """Give the mean of `average_precision` over the labels that are true somewhere.

    What was found of other labels does not count, neither for nor against.

    Args:
        found: the moments of each video.
        truth: those that are true, in the order of the same videos; at least one.
        iou: how much a moment overlaps at least with a true one to be right, above 0, at most 1.
    """
    labels = sorted({moment.label for video in truth for moment in video})
    precisions = [
        average_precision(_of_label(found, label), _of_label(truth, label), iou) for label in labels
    ]
    return float(np.mean(precisions))


def average_precision(
    found: Sequence[Sequence[Moment]], truth: Sequence[Sequence[TrueMoment]], iou: float
) -> float:
    """Give the area under precision over recall for the moments of one label.

    The precision at a recall is the highest at this recall or a higher one (all points are used,
    as in Pascal VOC since 2010). Among equal scores the order is the one that is given.

    Args:
        found: as in `mean_average_precision`.
        truth: as in `mean_average_precision`.
        iou: as in `mean_average_precision`.
    """
    ranked = [(moment, video) for video, moments in enumerate(found) for moment in moments]
    ranked.sort(key=lambda pair: -pair[0].score)
    free = [list(moments) for moments in truth]
    is_right: list[bool] = []
    for moment, video in ranked:
        ious = [temporal_iou(moment, other) for other in free[video]]
        is_right.append(max(ious, default=0.0) >= iou)
        if is_right[-1]:
            del free[video][int(np.argmax(ious))]
    right = np.array(is_right, dtype=bool)
    precisions = right.cumsum() / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precisions[::-1])[::-1]
    return float(highest[right].sum() / sum(map(len, truth)))


def frame_accuracy(
    found: Sequence[Moment],
    truth: Sequence[TrueMoment],
    duration_seconds: float,
    frames_per_second: float,
) -> float:
    """Say how often the answer is a label that is true then, or rightly "none": 0…1.

    Args:
        found: the moments of a video.
        truth: those that are true; where there are several at a time, each is right.
        duration_seconds: of the video.
        frames_per_second: how often is asked.
    """
    answers = answers_over_time(found, duration_seconds, frames_per_second)
    is_right = [
        answer in ({moment.label for moment in truth if _covers(moment, seconds)} or {None})
        for seconds, answer in answers
    ]
    return float(np.mean(is_right))


def answers_over_time(
    found: Sequence[Moment], duration_seconds: float, frames_per_second: float
) -> Iterator[tuple[float, str | None]]:
    """Give what is said in the middle of every frame: the label with the best score, or None.

    Args:
        found: as in `frame_accuracy`.
        duration_seconds: as in `frame_accuracy`.
        frames_per_second: as in `frame_accuracy`.

    Yields:
        Seconds from the beginning, and the answer then.
    """
    for frame in range(round(duration_seconds * frames_per_second)):
        seconds = (frame + 0.5) / frames_per_second
        said = [moment for moment in found if _covers(moment, seconds)]
        best = max(said, key=lambda moment: moment.score, default=None)
        yield seconds, best and best.label


def _of_label(videos: Sequence[Sequence[_AnyMoment]], label: str) -> list[list[_AnyMoment]]:
    return [[moment for moment in video if moment.label == label] for video in videos]


def _covers(moment: Moment | TrueMoment, seconds: float) -> bool:
    return moment.start_seconds <= seconds < moment.end_seconds
