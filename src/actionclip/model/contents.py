"""What a checkpoint holds, wherever it was read from: a config, weights and more."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Tokenizer
from torch import Tensor

from actionclip.model.calibration import Calibration
from actionclip.model.config import ModelConfig
from actionclip.model.task import Classifier, Task


@dataclass(frozen=True)
class Contents:
    """Enough to rebuild a model."""

    config: ModelConfig
    weights: dict[str, Tensor]
    """By the names in `ActionCLIP.state_dict()`, checked to be complete and of the right shapes."""
    tokenizer: Tokenizer | None
    """None where no tokenizer is known that fits the weights."""
    calibration: Calibration | None = None
    """None where nothing says what the scores mean."""
    task: Task | None = None
    """None where nothing says what it was trained for."""
    classifier: Classifier | None = None
    """Only of a model that was trained as a classifier."""
