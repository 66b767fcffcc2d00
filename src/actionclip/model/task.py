"""What a model was trained for, as a value that goes into its checkpoint: labels and how to ask.

It gives the defaults of every question to the model, so that no training data and no recipe is
needed to use it. Knows no files and no videos.

Shapes:
    N: labels   D: shared width
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip import conventions
from actionclip.conventions import Like
from actionclip.model import documents

SAMPLINGS = ("segments", "dense", "keyframes")
"""Which frames make a clip; `data.clips.Sampling` explains them."""


@dataclass(frozen=True)
class Task:
    """The labels of a training and the settings that its answers depend on; empty: none known."""

    labels: tuple[str, ...] = ()
    """That the model was trained on, in the order of a classifier's outputs."""
    templates: tuple[str, ...] = ()
    """Sentences with a hole for the label; empty: the defaults of the encoder."""
    sampling: str = "segments"
    """How frames were chosen: one of `SAMPLINGS`."""
    data: str = ""
    """The name of the training data, for people."""
    like: Like = "default"
    """The conventions by which it was trained, and is tested unless told otherwise."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling: unknown {self.sampling!r}; known: {list(SAMPLINGS)}")
        conventions.check(self.like, "like")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: one of them is listed twice; list each once")
        for template in self.templates:
            if template.count("{}") != 1:
                raise ValueError(f"templates: {template!r} needs exactly one {{}} for the label")

    def to_json(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        fields = dataclasses.asdict(self)
        return {n: list(v) if isinstance(v, tuple) else v for n, v in fields.items()}

    @classmethod
    def from_json(cls, document: object, where: str = "task") -> Task:
        """Read what `to_json` gave; fields that are left out have their defaults.

        Args:
            document: the parsed JSON.
            where: names the file in errors.

        Raises:
            ValueError: for a field that is unknown, of the wrong type or impossible.
        """
        return documents.read(cls, _READERS, document, where)


class Classifier(NamedTuple):
    """The linear layer of the paper's unimodal baseline; it scores `Task.labels` without words."""

    weight: Float[Tensor, "N D"]
    bias: Float[Tensor, " N"]

    def logits(self, clip_features: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch N"]:
        """Score clip features, which have any length, on their device."""
        device = clip_features.device
        return F.linear(clip_features, self.weight.to(device), self.bias.to(device))


_READERS = {
    "labels": documents.texts,
    "templates": documents.texts,
    "sampling": documents.text,
    "data": documents.text,
    "like": documents.text,
}
