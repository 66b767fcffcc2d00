"""Labels become embeddings; each prompt goes through the text tower once.

Embeddings are cached in memory, and on disk (`cache`) where there are many. Those of weights that
have changed since are dropped.

Shapes:
    K: templates   N: labels   S: sentences   D: shared width
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.core.cache import PromptCache
from actionclip.model import fingerprint
from actionclip.model.actionclip import ActionCLIP
from actionclip.text import labels as label_lists
from actionclip.text import prompts

PROMPTS_PER_BATCH = 256
MAX_PROMPTS_IN_MEMORY = 100_000
MIN_PROMPTS_ON_DISK = 64
"""Fewer are embedded faster than they are read from the disk."""

Progress = Callable[[int, int], None]


class LabelEmbedder:
    """Runs the text tower on prompts that are not cached; safe for threads."""

    def __init__(self, model: ActionCLIP) -> None:
        self._model = model
        self._embeddings: dict[str, Float[Tensor, " D"]] = {}
        self._made_by: object = None
        """Weights and precision that made the cached embeddings."""
        self._lock = threading.Lock()

    def embed(
        self,
        labels: Sequence[str],
        templates: Sequence[str] | None = None,
        on_progress: Progress = lambda done, total: None,
        *,
        raw: bool = False,
    ) -> Float[Tensor, "K N D"]:
        """Embed every label in every template.

        Args:
            labels: any actions.
            templates: sentences with a hole `{}`; by default the model's own.
            on_progress: called with the numbers of embedded and of all new prompts.
            raw: fill in labels as they are instead of as plain words.

        Raises:
            ValueError: a label is empty or given twice, a template has not exactly one hole.
        """
        templates = self.templates if templates is None else templates
        labels = label_lists.check(labels)
        sentences = prompts.fill(templates, labels, raw=raw)
        embeddings = self.embed_sentences(sentences, on_progress)
        return embeddings.unflatten(0, (len(templates), len(labels)))  # (K, N, D)

    @torch.inference_mode()
    def embed_sentences(
        self, sentences: Sequence[str], on_progress: Progress = lambda done, total: None
    ) -> Float[Tensor, "S D"]:
        """Embed sentences as they are."""
        with self._lock:
            self._drop_stale()
            new = self._read_from_disk(set(sentences) - self._embeddings.keys())
            for start in range(0, len(new), PROMPTS_PER_BATCH):
                batch = new[start : start + PROMPTS_PER_BATCH]
                self._embeddings.update(zip(batch, self._model.embed_texts(batch), strict=True))
                on_progress(start + len(batch), len(new))
            if len(new) >= MIN_PROMPTS_ON_DISK:
                self._on_disk().add({prompt: self._embeddings[prompt] for prompt in new})
            embeddings = torch.stack([self._embeddings[sentence] for sentence in sentences])
            while len(self._embeddings) > MAX_PROMPTS_IN_MEMORY:
                self._embeddings.pop(next(iter(self._embeddings)))
            return embeddings

    @property
    def templates(self) -> tuple[str, ...]:
        """The default templates: those of the model's training.

        Of other models, the sentence encoder of `lite` does best with bare labels; CLIP's relatives
        get the paper's.
        """
        if self._model.task.templates:
            return self._model.task.templates
        return prompts.BARE if self._model.config.encoder == "lite" else prompts.PAPER

    def _drop_stale(self) -> None:
        """Drop what was embedded before the model was trained, cast or moved."""
        model = self._model
        version = fingerprint.weights_version(model.encoder, fingerprint.NOT_FOR_TEXTS)
        made_by = (version, model.precision)
        if made_by != self._made_by:
            self._embeddings.clear()
            self._made_by = made_by

    def _read_from_disk(self, sentences: set[str]) -> list[str]:
        """Read what is on disk; return the others in the order that is fastest to embed."""
        if len(sentences) >= MIN_PROMPTS_ON_DISK:
            found = self._on_disk().find(sorted(sentences))
            device = self._model.logit_scale.device
            self._embeddings.update({prompt: one.to(device) for prompt, one in found.items()})
            sentences = sentences - found.keys()
        return sorted(sentences, key=self._model.encoder.text_order)

    def _on_disk(self) -> PromptCache:
        return PromptCache(fingerprint.of_text(self._model))
