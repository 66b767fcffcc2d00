"""A checkpoint: a directory that rebuilds its model anywhere, and what it holds as a value.

config.json describes what to build, what scores mean and what the model was trained for;
model.safetensors holds the weights, tokenizer.json the tokenizer, classifier.safetensors the layer
of a model that was trained as a classifier.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor

from actionclip import atomic_write, validation
from actionclip.model import weights
from actionclip.model.config import Calibration, Classifier, ModelConfig, Task
from actionclip.model.encoders import Encoder

logger = logging.getLogger(__name__)

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
CLASSIFIER = "classifier.safetensors"
_SECTIONS = {"calibration": "calibration", "task": "labels, templates and sampling"}
"""Of config.json, beside the fields of `ModelConfig`, and what they hold."""


@dataclass(frozen=True)
class Checkpoint:
    """Enough to build a model, wherever it was read from."""

    source: str
    """Names the file or folder in errors."""
    config: ModelConfig
    weights: dict[str, Tensor]
    """By the names in `ActionCLIP.state_dict()`."""
    tokenizer: Tokenizer | None = None
    """None where no tokenizer is known that fits the weights."""
    calibration: Calibration | None = None
    """None where the scores have no known meaning."""
    task: Task = dataclasses.field(default_factory=Task)
    classifier: Classifier | None = None
    encoder: Encoder | None = None
    """Only of an encoder that came with its weights; `weights` is empty then."""


def read_json(path: Path) -> dict[str, Any]:
    """Parse a JSON file of a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON object.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; a checkpoint directory has one")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: is no JSON ({error}); fetch it again") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: holds no JSON object; fetch it again")
    return document


def is_checkpoint(folder: Path) -> bool:
    """Whether `write` made a folder."""
    return (folder / CONFIG).is_file() and "encoder" in read_json(folder / CONFIG)


def read(folder: Path) -> Checkpoint:
    """Read a directory that `write` made; older ones lack a calibration and a task.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or config.json has an unknown key or an impossible value.
    """
    path = folder / CONFIG
    document = read_json(path)
    sections = {name: document.pop(name) for name in _SECTIONS if name in document}
    calibration, task = None, Task()
    if "calibration" in sections:
        calibration = validation.read(Calibration, sections["calibration"], f"{path}: calibration")
    if "task" in sections:
        task = validation.read(Task, sections["task"], f"{path}: task")
    config = validation.read(ModelConfig, document, str(path))
    tokenizer = folder / TOKENIZER
    found = weights.read(folder / WEIGHTS)
    if missing := [meaning for name, meaning in _SECTIONS.items() if name not in sections]:
        logger.warning(
            "%s: from an older version, which stored no %s", folder, " and ".join(missing)
        )
    return Checkpoint(
        str(folder),
        config,
        found,
        Tokenizer.from_file(str(tokenizer)) if tokenizer.is_file() else None,
        calibration,
        task,
        _read_classifier(folder / CLASSIFIER, task),
    )


def _read_classifier(path: Path, task: Task) -> Classifier | None:
    if not path.is_file():
        return None
    layer = weights.read(path)
    shape = layer["weight"].shape if "weight" in layer else torch.Size((0, 0))
    weights.check(layer, {"weight": shape, "bias": shape[:1]}, path)
    if task.labels and len(task.labels) != len(layer["weight"]):
        raise ValueError(
            f"{path}: scores {len(layer['weight'])} labels, but {CONFIG} lists "
            f"{len(task.labels)}; use the files that were saved together"
        )
    return Classifier(**layer)


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a directory; it is replaced in one step, other files in it stay.

    Raises:
        OSError: the folder cannot be written, or the disk is full; the old checkpoint is unharmed.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write.replacing(folder) as unfinished:
        unfinished.mkdir()
        document = dataclasses.asdict(checkpoint.config)
        document |= {name: dataclasses.asdict(getattr(checkpoint, name)) for name in _SECTIONS}
        config = json.dumps(document, indent=2, ensure_ascii=False)
        (unfinished / CONFIG).write_text(config + "\n", encoding="utf-8")
        tensors = {name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}
        safetensors.torch.save_file(tensors, unfinished / WEIGHTS, metadata={"format": "pt"})
        if checkpoint.tokenizer is not None:
            checkpoint.tokenizer.save(str(unfinished / TOKENIZER))
        if checkpoint.classifier is not None:
            layer = {name: t.contiguous() for name, t in checkpoint.classifier._asdict().items()}
            safetensors.torch.save_file(layer, unfinished / CLASSIFIER)
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.name not in (CONFIG, WEIGHTS, TOKENIZER, CLASSIFIER):
                _copy(entry, unfinished / entry.name)


def _copy(old: Path, new: Path) -> None:
    """Copy a file or folder; a file is linked where that is possible, which takes no space."""
    if old.is_dir() and not old.is_symlink():
        shutil.copytree(old, new, symlinks=True)
        return
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)
