"""What training makes small: a module that turns clips and texts into rows, and rows into a loss.

The two halves are apart because a batch can be larger than what fits at once: rows are made piece
by piece, the loss looks at all of them (see `steps`). Only the towers compute in less than fp32.
Knows no files and no optimizer.

Shapes:
    B: clips of the step, over all processes   R: those of this process   N: labels
    K: templates   T: frames of a clip   H W: pixels   L: tokens   D: shared width
    E: width of the vision tower
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import loss, processes
from actionclip.video import transforms

Clips = UInt8[Tensor, "R T 3 H W"] | Float[Tensor, "R T 3 H W"] | Float[Tensor, "R T E"]
"""Pixels, RGB, uint8 or in 0…1; or the vision features of them."""
Texts = Int[Tensor, "R L"] | Float[Tensor, "R D"]
"""Tokens; or embeddings, which are taken as they are."""


class Answers(NamedTuple):
    """What is right about the clips of a step."""

    clip_labels: loss.Labels
    """Of this process's clips."""
    text_labels: loss.Labels
    """Of this process's texts."""


class Contrastive(nn.Module):
    """Clips and texts of one label belong together."""

    def __init__(
        self,
        model: ActionCLIP,
        target: loss.Target,
        *,
        one_hot: bool = False,
        test_scale: float | None = None,
    ) -> None:
        """Take the model to be trained.

        Args:
            model: its parameters are this module's.
            target: of rows with several matches.
            one_hot: each clip belongs to its own text only, whatever other texts say the same.
            test_scale: what `scores` multiplies cosines with; by default what training does.
        """
        super().__init__()
        self.model = model
        self.target: loss.Target = target
        self.one_hot = one_hot
        self.test_scale = test_scale

    def forward(self, clips: Clips, texts: Texts) -> tuple[Tensor, ...]:
        """Embed both; the clips' embeddings come multiplied with the logit scale."""
        text_embeddings = texts if texts.is_floating_point() else self.model.embed_tokens(texts)
        clip_embeddings = self.model.logit_scale.exp() * self._embeddings(clips)
        return clip_embeddings, text_embeddings.float()

    def loss(self, rows: Sequence[Tensor], answers: Answers) -> Float[Tensor, ""]:
        """Compare this process's clips with all texts, and its texts with all clips."""
        clips, texts = rows  # (R, D)
        clip_labels, text_labels = answers
        if self.one_hot:
            first = processes.rank() * len(clips)
            clip_labels = text_labels = torch.arange(first, first + len(clips)).to(clips.device)
        clip_to_text = self._compare(clips, texts, clip_labels, text_labels)
        text_to_clip = self._compare(texts, clips, text_labels, clip_labels)
        return (clip_to_text + text_to_clip) / 2

    def _compare(
        self,
        rows: Float[Tensor, "R D"],
        columns: Float[Tensor, "R D"],
        row_labels: loss.Labels,
        column_labels: loss.Labels,
    ) -> Float[Tensor, ""]:
        """Compare this process's rows with the columns of all processes."""
        logits = rows @ processes.gather(columns).T  # (R, B)
        matches = loss.overlap(row_labels, processes.gather(column_labels))
        return loss.kl_divergence(logits, matches, self.target)

    def scores(
        self, clips: Clips, label_embeddings: Float[Tensor, "K N D"], *, exclusive: bool
    ) -> Float[Tensor, "R N"]:
        """Score every label: the mean over the templates.

        Args:
            clips: as in `forward`.
            label_embeddings: every label in every template.
            exclusive: of probabilities that exclude each other; else of logits.
        """
        scale = self.test_scale or self.model.logit_scale.exp()
        logits = scale * self._embeddings(clips) @ label_embeddings.float().transpose(1, 2)
        return (logits.softmax(dim=-1) if exclusive else logits).mean(dim=0)  # (R, N)

    def _embeddings(self, clips: Clips) -> Float[Tensor, "R D"]:
        return self.model.embed_frame_features(frame_features_of(self.model, clips))


class Classification(nn.Module):
    """The paper's unimodal baseline: the same tower and head, a linear layer and no words."""

    def __init__(self, model: ActionCLIP, num_labels: int) -> None:
        super().__init__()
        self.model = model
        self.classifier = nn.Linear(model.encoder.width, num_labels)
        for name, parameter in model.named_parameters():
            if name.startswith(("encoder.text", "logit_scale")):
                parameter.requires_grad_(False)

    def forward(self, clips: Clips, texts: Texts) -> tuple[Tensor, ...]:
        """Give the logits of the labels; texts are not read."""
        return (self._logits(clips),)

    def loss(self, rows: Sequence[Tensor], answers: Answers) -> Float[Tensor, ""]:
        """Compare the logits with the labels."""
        return loss.classification(rows[0], answers.clip_labels)

    def scores(
        self, clips: Clips, label_embeddings: Float[Tensor, "K N D"], *, exclusive: bool
    ) -> Float[Tensor, "R N"]:
        """Score every label; the label embeddings are not read."""
        logits = self._logits(clips)
        return logits.softmax(dim=-1) if exclusive else logits

    def _logits(self, clips: Clips) -> Float[Tensor, "R N"]:
        frame_features = frame_features_of(self.model, clips)
        return self.classifier(self.model.clip_features(frame_features))


Objective = Contrastive | Classification


def frame_features_of(model: ActionCLIP, clips: Clips) -> Float[Tensor, "R T D"]:
    """Encode clips, whichever of the two they are."""
    return (
        model.project(clips)
        if clips.ndim == 3
        else model.frame_features(transforms.to_float(clips))
    )
