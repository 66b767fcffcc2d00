"""Labels become embeddings, each prompt once: what was embedded before is looked up.

In memory for as long as the process lives, and on disk (`prompt_cache`) where there are many. Knows
no videos.

Shapes:
    K: templates   N: labels   D: shared width
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip import prompt_cache
from actionclip.model import identity
from actionclip.model.actionclip import ActionCLIP
from actionclip.prompt_cache import PromptCache
from actionclip.text import labels as label_lists
from actionclip.text import prompts

PROMPTS_PER_BATCH = 256
MAX_KEPT_PROMPTS = 100_000
"""In memory; those on disk are bounded by their size."""
PROMPTS_WORTH_KEEPING = 64
"""Fewer are embedded faster than they are looked up on disk."""


class LabelEmbedder:
    """Asks a model for the embeddings of prompts that are not known yet."""

    def __init__(self, model: ActionCLIP) -> None:
        self._model = model
        self._known: dict[str, Float[Tensor, " D"]] = {}

    @torch.inference_mode()
    def embed(
        self,
        labels: Sequence[str],
        templates: Sequence[str],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Float[Tensor, "K N D"]:
        """Embed every label in every template.

        Args:
            labels: any actions.
            templates: sentences with a hole `{}`.
            on_progress: told how many of the new prompts are done, and how many there are.

        Raises:
            ValueError: a label is empty or given twice, a template has not exactly one hole.
        """
        labels = label_lists.check(labels)
        sentences = prompts.fill(templates, labels)
        new = self._look_up(set(sentences) - self._known.keys())
        for start in range(0, len(new), PROMPTS_PER_BATCH):
            batch = new[start : start + PROMPTS_PER_BATCH]
            self._known.update(zip(batch, self._model.embed_texts(batch), strict=True))
            on_progress(start + len(batch), len(new))
        if len(new) >= PROMPTS_WORTH_KEEPING:
            self._kept.add({prompt: self._known[prompt] for prompt in new})
        embeddings = torch.stack([self._known[sentence] for sentence in sentences])
        while len(self._known) > MAX_KEPT_PROMPTS:
            self._known.pop(next(iter(self._known)))
        return embeddings.unflatten(0, (len(templates), len(labels)))  # (K, N, D)

    def _look_up(self, sentences: set[str]) -> list[str]:
        """Take from the disk what is there; give what is to be embedded, in the best order."""
        if len(sentences) >= PROMPTS_WORTH_KEEPING:
            found = self._kept.find(sorted(sentences))
            device = self._model.logit_scale.device
            self._known.update({prompt: one.to(device) for prompt, one in found.items()})
            sentences = sentences - found.keys()
        return sorted(sentences, key=self._model.encoder.text_order)

    @functools.cached_property
    def _kept(self) -> PromptCache:
        return PromptCache(prompt_cache.default_folder(), identity.of_text(self._model))
