"""A model and clips become scores: of every clip, for the labels that a question asks for.

Every clip counts once and its scores do not depend on batch size, workers, order or the number of
processes, but for rounding: 1e-5 with towers in fp32. Between processes `torch.distributed`
gathers, if it was started. Knows no metrics.

Shapes:
    R: clips   V: views of each   T: frames   E: width of the vision tower
    D: shared width   K: templates   N: labels
"""

from __future__ import annotations

import abc
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from actionclip.core.encode import project_views
from actionclip.data.annotations import Annotations
from actionclip.evaluation.protocols import Question
from actionclip.evaluation.scored import Scored
from actionclip.evaluation.view_features import Progress, ViewFeatures, Views
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier

_CLIPS_AT_ONCE = 64
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class EncodedClips:
    """What a model made of clips, before any label is asked for."""

    annotations: Annotations
    """The R clips that could be read, in their order."""
    features: Float[Tensor, "R V D"]
    """What the temporal head gives for each view, of any length."""
    left_out: Mapping[str, str]
    """Where each clip that could not be read is written down, and why it could not."""


class Scorer(abc.ABC):
    """Compares clips with labels."""

    @abc.abstractmethod
    def logits(
        self, features: Float[Tensor, "R V D"], labels: tuple[str, ...]
    ) -> Float[Tensor, "R V K N"]:
        """Give the logits of labels for each view, in each template.

        Raises:
            ValueError: it does not know one of the labels.
        """


def encode(
    model: ActionCLIP,
    annotations: Annotations,
    views: Views,
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    on_progress: Progress = lambda done, total: None,
) -> EncodedClips:
    """Look at every clip that can be read; each process at its part, and all get everything.

    Args:
        model: looks at the clips.
        annotations: the clips.
        views: of each clip.
        batch_size: clips at once.
        num_workers: processes that decode; 0 decodes here.
        on_progress: told how many of this process's clips the tower has seen, and of how many.

    Raises:
        ValueError: too many videos are damaged.
    """
    rank, num_processes = 0, 1
    if dist.is_initialized():
        rank, num_processes = dist.get_rank(), dist.get_world_size()
    mine = range(rank, len(annotations.examples), num_processes)
    reader = ViewFeatures(model, annotations, views, batch_size=batch_size, num_workers=num_workers)
    found: list[tuple[int, Tensor]] = []
    for places, features in reader.read(mine, on_progress):
        found += zip(places, project_views(model, features), strict=True)
    found = sorted(_gather(found), key=operator.itemgetter(0))
    left_out = sorted(_gather(list(reader.left_out.items())))
    return EncodedClips(
        annotations.with_examples(annotations.examples[place] for place, _ in found),
        torch.stack([features for _, features in found]),
        {annotations.examples[place].source: reason for place, reason in left_out},
    )


@torch.inference_mode()
def answer(clips: EncodedClips, question: Question, scorer: Scorer) -> Scored:
    """Score the labels of a question for each of its clips: the mean over templates and views.

    Of probabilities, if each clip has one label; else of logits.
    """
    asked = question.select(clips.annotations)
    features = clips.features[question.places(clips.annotations)]
    scores = []
    for some in features.split(_CLIPS_AT_ONCE):
        logits = scorer.logits(some, question.among)  # (R, V, K, N)
        each = logits if asked.is_multi_label else logits.softmax(dim=-1)
        scores.append(each.mean(dim=(1, 2)).cpu())  # (R, N)
    return Scored(asked, torch.cat(scores), clips.left_out)


class ByWords(Scorer):
    """Compares clips with what the model makes of labels in words."""

    def __init__(
        self,
        model: ActionCLIP,
        labels: tuple[str, ...],
        embeddings: Float[Tensor, "K N D"],
        *,
        logit_scale: float | None = None,
    ) -> None:
        """Take the embeddings of all labels that will be asked for, in every template.

        Args:
            model: whose scale and temperature are used by default.
            labels: in the order of the embeddings.
            embeddings: of length one.
            logit_scale: to multiply the cosines with, in place of the model's.
        """
        learned = model.scale / model.calibration.temperature
        self._scale = learned if logit_scale is None else logit_scale
        self._embeddings = embeddings.float()
        self._column = {label: column for column, label in enumerate(labels)}

    def logits(
        self, features: Float[Tensor, "R V D"], labels: tuple[str, ...]
    ) -> Float[Tensor, "R V K N"]:
        """Compare embeddings by their scaled cosine, as sure as the model was found to be."""
        chosen = self._embeddings[:, [self._column[label] for label in labels]]  # (K, N, D)
        embeddings = F.normalize(features.to(chosen.device), dim=-1)
        return self._scale * torch.einsum("rvd,knd->rvkn", embeddings, chosen)


class ByClassifier(Scorer):
    """The unimodal baseline: a linear layer that knows the labels it was trained on."""

    def __init__(self, classifier: Classifier, labels: tuple[str, ...]) -> None:
        """Take the layer and its labels.

        Args:
            classifier: of a checkpoint.
            labels: that it was trained on, in their order.

        Raises:
            ValueError: it was trained on another number of labels.
        """
        if len(classifier.weight) != len(labels):
            raise ValueError(
                f"the classifier tells {len(classifier.weight)} labels apart, not {len(labels)};"
                " name the labels that it was trained on, in their order"
            )
        self._classifier = classifier
        self._column = {label: column for column, label in enumerate(labels)}

    def logits(
        self, features: Float[Tensor, "R V D"], labels: tuple[str, ...]
    ) -> Float[Tensor, "R V 1 N"]:
        """Give the outputs of the layer; there are no templates."""
        unknown = [label for label in labels if label not in self._column]
        if unknown:
            raise ValueError(
                "the model is a classifier, which knows only the labels that it was trained on, and"
                f" {unknown[0]!r} is none of those; give data with its {len(self._column)} labels"
            )
        chosen = [self._column[label] for label in labels]
        return self._classifier.logits(features)[:, :, None, chosen]


def _gather(found: list[_Found]) -> list[_Found]:
    """Give what all processes found."""
    if not dist.is_initialized():
        return found
    everyone: list[list[_Found]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(everyone, found)
    return [one for of_process in everyone for one in of_process]
