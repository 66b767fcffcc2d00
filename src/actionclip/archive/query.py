"""Words and examples become a query: a direction among embeddings, and scores of windows.

Words are scored as in a timeline: each beside "none of these". `without` is a second label, of
which only the better one counts, as in a timeline whose labels exclude each other.

How alike a window and an example are is told against what is usual: 0 for a cosine that windows of
the archive have with the example in the mean, 1 for the example itself. So it means the same for
every model, and less in an archive of few scenes. A logistic function, fitted on real clips, makes
a score of it. Words and examples together, and several examples, are averaged as logits.

All these logits are linear in a window's embedding. So the windows with the best score are those
with the largest product with one vector, and that is the direction in which to look for candidates.

Shapes:
    B: windows   K: templates   N: labels   X: examples   D: width of an embedding
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.core import scoring
from actionclip.recognizer import Recognizer
from actionclip.text import actions
from actionclip.text.actions import Action, Label
from actionclip.timeline.engine import Score

LIKE_SHARE = 0.5
"""Of examples beside words; the rest is theirs."""
EVEN_LIKENESS = 0.28
"""From which on a window is as likely to show an example's action as another one, if both are
equally frequent; and how fast that changes:"""
LOGITS_PER_LIKENESS = 7.4
"""Both fitted on 6,048 pairs of clips (docs/log.md)."""
MIN_SPREAD = 0.1
"""Of cosines, from what is usual to the example itself: where all windows of an archive are alike,
small differences say nothing."""


@dataclass(frozen=True, eq=False)
class Query:
    """What to search for."""

    direction: Float[Tensor, " D"]
    """Of length one, on the CPU: candidates are near to it."""
    score: Score
    """Scores windows, 0…1, in the first column."""
    labels: Sequence[str]
    """Of the columns."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What windows are compared with."""

    embeddings: Float[Tensor, "X D"]
    """Of length one."""
    usual: Float[Tensor, " X"]
    """The mean cosine of each with windows of the archive."""

    @property
    def _slopes(self) -> Float[Tensor, " X"]:
        return LOGITS_PER_LIKENESS / (1 - self.usual).clamp(min=MIN_SPREAD)

    @property
    def direction(self) -> Float[Tensor, " D"]:
        """By which the logit of a window rises."""
        return (self._slopes[:, None] * self.embeddings).mean(dim=0)

    def logits(self, windows: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """Return how much likelier windows show the action of the examples than another one."""
        beyond_usual = windows.float() @ self.embeddings.T - self.usual  # (B, X)
        even = EVEN_LIKENESS * LOGITS_PER_LIKENESS
        return (self._slopes * beyond_usual - even).mean(dim=1)


def of(
    recognizer: Recognizer,
    words: Label | None,
    examples: Examples | None,
    like_share: float,
    without: Sequence[str],
    templates: Sequence[str] | None,
) -> Query:
    """Search for an action in words, by examples, or both.

    Raises:
        ValueError: there is nothing to search for, `without` repeats the words, or a described
            action has examples beside it.
        FileNotFoundError: an example of a described action is gone.
    """
    if examples is None:
        if not words:
            raise ValueError("query: give an action in words, or an example that it looks like")
        return of_words(recognizer, words, without, templates)
    if isinstance(words, Action):
        raise ValueError(
            f"like: the action {words.name!r} has examples of its own; add them to these, or "
            "search by words"
        )
    model, calibration = recognizer.model, recognizer.model.calibration
    labels = [*([words] if words else []), *without]
    background = recognizer.embed_labels(calibration.background, templates)  # (K, M, D)
    texts = recognizer.embed_labels(labels, templates) if labels else background[:, :0]  # (K, N, D)
    fitted = {"temperature": calibration.temperature, "margin": calibration.margin}
    share = like_share if words else 1.0

    def score(windows: Float[Tensor, "B D"]) -> Float[Tensor, "B N"]:
        of_labels = scoring.logits(windows, texts, model.scale)  # (B, K, N)
        none = scoring.logits(windows, background, model.scale).mean(dim=-1)  # (B, K)
        alike = calibration.temperature * examples.logits(windows)[:, None]
        alike = none + calibration.margin + alike  # as the logits of a label that says so
        if words:
            alike = share * alike + (1 - share) * of_labels[..., 0]
        columns = [alike[..., None], of_labels[..., 1:] if words else of_labels]
        if without:
            return scoring.with_none(torch.cat(columns, dim=-1), none, **fitted)[0]
        return scoring.each_beside_none(alike[..., None], none, **fitted)

    direction = share * examples.direction
    if words:
        per_cosine = model.scale / calibration.temperature
        direction = direction + (1 - share) * per_cosine * _beyond(texts, background)
    return Query(F.normalize(direction, dim=0).cpu(), score, [words or "the examples", *without])


def of_words(
    recognizer: Recognizer, words: Label, without: Sequence[str], templates: Sequence[str] | None
) -> Query:
    """Search for an action in words, or for one that more is known of.

    Raises:
        ValueError: there are no words, `without` repeats them, or an example cannot be decoded.
        FileNotFoundError: an example is gone.
    """
    labels = [words, *without]
    score = recognizer.scorer(labels, templates, beside_none=True, exclusive=bool(without))
    texts = recognizer.embed_labels(labels, templates)
    background = recognizer.embed_labels(recognizer.model.calibration.background, templates)
    direction = F.normalize(_beyond(texts, background), dim=0).cpu()
    return Query(direction, score, actions.names(labels))


def _beyond(
    texts: Float[Tensor, "K N D"], background: Float[Tensor, "K M D"]
) -> Float[Tensor, " D"]:
    """Return by what the first text exceeds the mean of the others and of the background."""
    means = texts.float().mean(dim=0)  # (N, D)
    others = torch.cat([background.float().mean(dim=(0, 1))[None], means[1:]])
    return means[0] - others.mean(dim=0)
