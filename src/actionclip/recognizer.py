"""The recognizer: a video and labels go in, predictions come out, best first.

This is the one place where video, text and model meet. The costly half (a video's embedding, a
label's embedding) is computed once; every question after that is a product of the two.

Shapes:
    T: frames   H W: pixels   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip import prompt_cache
from actionclip.model import identity
from actionclip.model.actionclip import ActionCLIP
from actionclip.prompt_cache import PromptCache
from actionclip.text import labels as label_lists
from actionclip.text import prompts
from actionclip.video import decode, sampling, transforms

PROMPTS_PER_BATCH = 256
MAX_KEPT_PROMPTS = 100_000
"""In memory; those on disk are bounded by their size."""
PROMPTS_WORTH_KEEPING = 64
"""Fewer are embedded faster than they are looked up on disk."""

Video = str | Path | UInt8[np.ndarray, "_ _ _ 3"]
"""A file, or its frames: (T, H, W, 3), RGB."""


@dataclass(frozen=True)
class Prediction:
    """A label and how likely it is, among the labels that were asked for."""

    label: str
    score: float
    """A probability, 0…1; the scores of one answer add up to 1."""


class Recognizer:
    """Says which of any labels a video shows.

    Example:
        >>> recognizer = Recognizer.load("lite")
        >>> recognizer.recognize("bikes.mp4", ["driving a taxi", "parking a bicycle"])
        [Prediction(label='driving a taxi', score=...), Prediction(label=..., score=...)]
    """

    def __init__(self, model: ActionCLIP) -> None:
        self.model = model.eval()
        self._prompt_embeddings: dict[str, Float[Tensor, " D"]] = {}

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = "lite",
        *,
        device: str | None = None,
        precision: str = "auto",
    ) -> Recognizer:
        """Load a model by name ("lite", a hub name) or from a path (see `ActionCLIP.load`).

        Args:
            name_or_path: what to load.
            device: where it runs, "cpu" or "cuda"; by default a GPU if there is one.
            precision: of the towers: "fp32", "bf16", or "auto", which is bf16 where the device
                multiplies it fast.

        Raises:
            ValueError: there is no such model, or its files are damaged.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(ActionCLIP.load(name_or_path, device=device, precision=precision))

    def push_to_hub(self, name: str, *, private: bool = False) -> None:
        """Upload the model as a checkpoint that `load` takes by the same name.

        Args:
            name: "owner/model".
            private: whether only you can see it.
        """
        from actionclip.model import hub  # late: it imports huggingface_hub

        hub.push(self.model, name, private=private)

    def recognize(
        self, video: Video, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[Prediction]:
        """Rank the labels by how well they say what the video shows, best first.

        Args:
            video: a file, or its frames as an array, uint8 (T, H, W, 3), RGB.
            labels: any actions, in your own words.
            templates: sentences with a hole `{}` for the label; by default the model's own.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the video cannot be decoded, a label is empty or given twice, a template
                has no hole.
        """
        label_embeddings = self.embed_labels(labels, templates)
        return self.rank(self.embed_frames(self.read_frames(video)), labels, label_embeddings)

    def read_frames(self, video: Video) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames that the model looks at: the middle one of each equal part."""
        num_frames = self.model.config.num_frames
        short_side = self.model.encoder.short_side
        if isinstance(video, np.ndarray):
            if len(video) == 0:
                raise ValueError("the array holds no frame; give at least one")
            indices = sampling.segment_middles(len(video), num_frames)
            return transforms.resize_short_side(video[indices], short_side)
        path = Path(video)
        indices = sampling.segment_middles(decode.probe(path).num_frames, num_frames)
        return decode.read_frames(path, indices, short_side)

    @torch.inference_mode()
    def embed_frames(self, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, " D"]:
        """Embed frames that `read_frames` gave as one clip."""
        encoder = self.model.encoder
        clip = transforms.test_clip(frames, encoder.short_side, encoder.image_size)  # (T, 3, H, W)
        return self.model.embed_clips(clip[None].to(self.model.logit_scale.device))[0]

    @torch.inference_mode()
    def embed_labels(
        self,
        labels: Sequence[str],
        templates: Sequence[str] | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Float[Tensor, "K N D"]:
        """Embed every label in every template; what was embedded before is not embedded again.

        Args:
            labels: any actions, in your own words.
            templates: sentences with a hole `{}`; by default the model's own.
            on_progress: told how many of the new prompts are done, and how many there are.
        """
        labels = label_lists.check(labels)
        templates = self.templates if templates is None else templates
        sentences = prompts.fill(templates, labels)
        new = self._look_up(set(sentences) - self._prompt_embeddings.keys())
        for start in range(0, len(new), PROMPTS_PER_BATCH):
            batch = new[start : start + PROMPTS_PER_BATCH]
            self._prompt_embeddings.update(zip(batch, self.model.embed_texts(batch), strict=True))
            on_progress(start + len(batch), len(new))
        if len(new) >= PROMPTS_WORTH_KEEPING:
            self._kept_prompts.add({prompt: self._prompt_embeddings[prompt] for prompt in new})
        embeddings = torch.stack([self._prompt_embeddings[sentence] for sentence in sentences])
        while len(self._prompt_embeddings) > MAX_KEPT_PROMPTS:
            self._prompt_embeddings.pop(next(iter(self._prompt_embeddings)))
        return embeddings.unflatten(0, (len(templates), len(labels)))  # (K, N, D)

    def _look_up(self, sentences: set[str]) -> list[str]:
        """Take from the disk what is there; give what is to be embedded, short ones first."""
        if len(sentences) >= PROMPTS_WORTH_KEEPING:
            kept = self._kept_prompts.find(sorted(sentences))
            device = self.model.logit_scale.device
            self._prompt_embeddings.update({prompt: e.to(device) for prompt, e in kept.items()})
            sentences = sentences - kept.keys()
        return sorted(sentences, key=lambda sentence: (len(sentence), sentence))

    @functools.cached_property
    def _kept_prompts(self) -> PromptCache:
        return PromptCache(prompt_cache.default_folder(), identity.of_text(self.model))

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates that are used when none are given.

        The sentence encoder of `lite` reads bare labels best; CLIP's relatives get the paper's.
        """
        return prompts.BARE if self.model.config.encoder == "lite" else prompts.PAPER

    def rank(
        self,
        clip_embedding: Float[Tensor, " D"],
        labels: Sequence[str],
        label_embeddings: Float[Tensor, "K N D"],
    ) -> list[Prediction]:
        """Compare a clip with labels: softmax over labels, mean over templates, best first."""
        scale = self.model.logit_scale.detach().float().exp()
        logits = scale * (label_embeddings.float() @ clip_embedding.float())  # (K, N)
        scores = logits.softmax(dim=-1).mean(dim=0)  # (N,)
        ranking: list[int] = scores.argsort(descending=True, stable=True).tolist()
        return [Prediction(labels[index], float(scores[index])) for index in ranking]
