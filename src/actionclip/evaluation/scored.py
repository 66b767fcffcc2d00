"""What a model said of a data set: for every clip, a score of every label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from actionclip.data.annotations import Annotations


@dataclass(frozen=True)
class Scored:
    """V clips and N labels."""

    annotations: Annotations
    """The V examples that were scored, in this order, and the N labels that were asked for."""
    scores: Float[Tensor, "V N"]
    """Probabilities that exclude each other, 0…1; logits where clips have several labels."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Where each clip that could not be read is written down, and why it could not."""

    def __post_init__(self) -> None:
        expected = (len(self.annotations.examples), len(self.annotations.labels))
        assert self.scores.shape == expected, (self.scores.shape, expected)

    @property
    def exclusive(self) -> bool:
        """Whether every clip has exactly one label."""
        return not self.annotations.is_multi_label

    @property
    def truth(self) -> Int[Tensor, " V"]:
        """The label index of every clip; only where each has one."""
        examples = self.annotations.examples
        return torch.tensor([self.annotations.label_indices(e)[0] for e in examples])

    @property
    def marked(self) -> Bool[Tensor, "V N"]:
        """For every clip, which labels it has."""
        marked = torch.zeros(self.scores.shape, dtype=torch.bool)
        for row, example in enumerate(self.annotations.examples):
            marked[row, self.annotations.label_indices(example)] = True
        return marked
