"""Words and examples become a query: a direction among embeddings, and scores of windows.

Words are scored as in a timeline: each beside "none of these". `without` is a second label, of
which only the better one counts, as in a timeline whose labels exclude each other.

The windows with the best score are those whose embeddings have the largest product with the text
minus the mean of the background, so that is the direction in which to look for candidates.

Shapes:
    B: windows   K: templates   D: width of an embedding
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.recognizer import Recognizer
from actionclip.timeline.engine import Score

LIKE_SHARE = 0.5
"""Of an example beside words; the rest is theirs."""


@dataclass(frozen=True, eq=False)
class Query:
    """What to search for."""

    name: str
    """For people."""
    direction: Float[Tensor, " D"]
    """Of length one, on the CPU: candidates are near to it."""
    score: Score
    """Scores windows, 0…1, in the first column."""
    labels: Sequence[str]
    """Of the columns."""


def of_words(
    recognizer: Recognizer, words: str, without: Sequence[str], templates: Sequence[str] | None
) -> Query:
    """Search for an action in words.

    Raises:
        ValueError: there are no words, or `without` repeats them.
    """
    labels = [words, *without]
    score = recognizer.scorer(labels, templates, beside_none=True, exclusive=bool(without))
    texts = recognizer.embed_labels(labels, templates).float().mean(dim=0)  # (1 + W, D)
    background = recognizer.embed_labels(recognizer.model.calibration.background, templates)
    others = torch.cat([background.float().mean(dim=(0, 1))[None], texts[1:]])
    direction = F.normalize(texts[0] - others.mean(dim=0), dim=0).cpu()
    return Query(words, direction, score, labels)
