"""A query becomes hits: its nearest windows are candidates, and lead to moments of a timeline.

A moment's score is at most the best score of its windows. So candidates are taken best first, until
no further one can lead to a better hit than those that were found.

Shapes:
    D: width of an embedding
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.archive.hits import Hit
from actionclip.archive.query import Query
from actionclip.archive.slots import Part
from actionclip.archive.tables import Near, Tables
from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline.moments import Moment
from actionclip.timeline.settings import Settings

NUM_CANDIDATES = 64
"""Windows that are requested first; four times as many each time that they do not suffice."""
MAX_CANDIDATES = 4096
MAX_PARTS = 8
"""Parts of videos for each hit that is wanted, of which slots are computed."""
COPY_COSINE = 0.98
"""Cosine of the best windows of two hits from which on they show the same scene."""
NEAR_SECONDS = 2.0
"""Hits of one video that are nearer to each other are one."""


@dataclass
class _Found:
    """A moment that may become a hit."""

    video: str
    moment: Moment
    embedding: Float[Tensor, " D"]
    """Of the window that led to it."""
    copies: list[str] = field(default_factory=list)
    """Other videos that show the same."""

    def is_near(self, other: _Found) -> bool:
        """Whether both are of one video, with no window's length between them."""
        start = max(self.moment.start_seconds, other.moment.start_seconds)
        end = min(self.moment.end_seconds, other.moment.end_seconds)
        return self.video == other.video and start - end < NEAR_SECONDS

    def is_copy(self, other: _Found) -> bool:
        """Whether they are of two videos that show the same."""
        cosine = F.cosine_similarity(self.embedding, other.embedding, dim=0)
        return self.video != other.video and float(cosine) >= COPY_COSINE


@dataclass(frozen=True, eq=False)
class Search:
    """Finds the moments of one query."""

    model: ActionCLIP
    tables: Tables
    query: Query
    settings: Settings
    """With the score that a moment reaches."""
    paths: Mapping[str, Sequence[Path]]
    """Of the videos that may be found."""

    def find(self, top: int, *, weaker: bool) -> list[Hit]:
        """Return the best hits, best first.

        Args:
            top: at most so many.
            weaker: also moments that do not reach the settings' score; their borders are those of a
                timeline for which their own best score is enough.
        """
        found: list[_Found] = []
        parts: list[Part] = []
        least = 0.0 if weaker else self.settings.end_score_of(self.query.labels[0])
        for near, score in self._candidates():
            worst = found[top - 1].moment.score if len(found) >= top else least
            if score <= worst or len(parts) >= MAX_PARTS * top:
                break
            part = next((part for part in parts if part.covers(near)), None)
            if part is None:
                part = Part(self.model, self.tables, self.query, self.settings, near)
                parts.append(part)
            moment = part.moment(near, self.settings)
            peak = part.peak(near)
            if moment is None and weaker and peak > 0:
                enough = dataclasses.replace(self.settings, start_score=peak, start_scores={})
                moment = part.moment(near, enough)
            if moment is not None:
                _add(found, _Found(near.video, moment, near.embedding))
        return [self._hit(each) for each in found[:top]]

    def _candidates(self) -> Iterator[tuple[Near, float]]:
        """Yield windows near to the query and their scores, about best first."""
        limit = NUM_CANDIDATES
        seen: set[tuple[str, float]] = set()
        while limit <= MAX_CANDIDATES:
            nearest = self.tables.nearest(self.query.direction, limit)
            fresh = [near for near in nearest if (near.video, near.start_seconds) not in seen]
            if not fresh:
                return
            seen.update((near.video, near.start_seconds) for near in fresh)
            embeddings = torch.stack([near.embedding for near in fresh])
            scores = self.query.score(embeddings.to(encode.device_of(self.model)))[:, 0]
            for row in scores.argsort(descending=True, stable=True).tolist():
                if fresh[row].video in self.paths:
                    yield fresh[row], float(scores[row])
            limit *= 4

    def _hit(self, found: _Found) -> Hit:
        moment = found.moment
        paths = [path for video in (found.video, *found.copies) for path in self.paths[video]]
        return Hit(
            paths[0],
            moment.start_seconds,
            moment.end_seconds,
            moment.score,
            found.video,
            tuple(paths[1:]),
        )


def _add(found: list[_Found], new: _Found) -> None:
    """Add a moment to the others, best first; of those that show the same the best one stays."""
    same = [each for each in found if each.is_near(new) or each.is_copy(new)]
    best = max([*same, new], key=lambda each: each.moment.score)  # the earlier one if equal
    videos = (video for each in (*same, new) for video in (each.video, *each.copies))
    best.copies = [video for video in dict.fromkeys(videos) if video != best.video]
    found[:] = [each for each in found if each not in same] + [best]
    found.sort(key=lambda each: -each.moment.score)
