"""Names and files become models, and a model becomes a directory that rebuilds itself anywhere.

A checkpoint is a directory of three files: config.json says what to build, what its scores mean
and what it was trained for, model.safetensors holds the weights, tokenizer.json the tokenizer.
`layouts` reads what others wrote, `hub` fetches it. Knows no videos.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from pathlib import Path

import safetensors.torch
import torch
from tokenizers import Tokenizer

from actionclip import atomic_write
from actionclip.model import temporal_heads, weights
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.calibration import Calibration
from actionclip.model.config import ModelConfig
from actionclip.model.contents import Contents
from actionclip.model.encoders import clip
from actionclip.model.encoders.encoder import Encoder
from actionclip.model.encoders.lite import LiteEncoder
from actionclip.model.layouts import foreign, hub_folder, known
from actionclip.model.task import Classifier, Task

logger = logging.getLogger(__name__)

_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
CLASSIFIER = "classifier.safetensors"
"""Only beside a model that was trained as a classifier."""
_CALIBRATION, _TASK = "calibration", "task"
"""Sections of config.json, beside the fields of `ModelConfig`."""
_MAX_READS = 5
"""Of a checkpoint that is replaced each time while it is read."""


def load(name_or_path: str | Path) -> ActionCLIP:
    """Find the weights that are meant, and build the model they are for.

    Args:
        name_or_path: as in `ActionCLIP.load`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name is not known, or the weights do not fit; says which and why.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name == "lite":
        config = ModelConfig(encoder="lite", num_attention_heads=6)
        encoder = LiteEncoder.from_installed_packages()
        return ActionCLIP(config, encoder, temporal_heads.build(config, encoder.width))
    if path.is_dir():
        if not (path / _CONFIG).is_file() and (path / "best" / _CONFIG).is_file():
            path = path / "best"  # of the folder of a run
        return _rebuild(_read_folder(path), path)
    if path.is_file():
        is_ours = path.name in (_CONFIG, _WEIGHTS) and _is_ours(path.parent)
        if is_ours or foreign.is_part_of_folder(path):
            return load(path.parent)
        return _rebuild(foreign.read_file(path), path)
    if path.suffix in foreign.WEIGHT_FILES:
        raise FileNotFoundError(f"{name}: no such file; {_how_to_get(path.name)}")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        from actionclip.model import hub  # late: it imports huggingface_hub

        return _rebuild(_read_folder(hub.fetch(name)), name)
    raise ValueError(
        f"{name}: no such model; known: 'lite', a hub name such as openai/clip-vit-base-patch16, "
        "a checkpoint directory, an official .pt or .pth file"
    )


def save(model: ActionCLIP, folder: Path) -> None:
    """Write a checkpoint; its folder is replaced in one step, other files in it stay.

    Raises:
        OSError: the folder cannot be written, or the disk is full; the old checkpoint is unharmed.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write.replacing(folder) as unfinished:
        unfinished.mkdir()
        document = {
            **model.config.to_json(),
            _CALIBRATION: model.calibration.to_json(),
            _TASK: model.task.to_json(),
        }
        config = json.dumps(document, indent=2, ensure_ascii=False)
        (unfinished / _CONFIG).write_text(config + "\n", encoding="utf-8")
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        safetensors.torch.save_file(tensors, unfinished / _WEIGHTS, metadata={"format": "pt"})
        if model.encoder.tokenizer is not None:
            model.encoder.tokenizer.save(str(unfinished / _TOKENIZER))
        if model.classifier is not None:
            layer = {name: t.contiguous() for name, t in model.classifier._asdict().items()}
            safetensors.torch.save_file(layer, unfinished / CLASSIFIER)
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.name not in (_CONFIG, _WEIGHTS, _TOKENIZER, CLASSIFIER):
                _copy(entry, unfinished / entry.name)


def _copy(old: Path, new: Path) -> None:
    """Copy a file or folder; a file that can be linked takes no room."""
    if old.is_dir() and not old.is_symlink():
        shutil.copytree(old, new, symlinks=True)
        return
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)


def _rebuild(contents: Contents, where: str | Path) -> ActionCLIP:
    """Build a model and give it its weights."""
    encoder = _build_encoder(contents, where)
    head = temporal_heads.build(contents.config, encoder.width)
    model = ActionCLIP(contents.config, encoder, head)
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    weights.check(contents.weights, wanted, where)
    model.load_state_dict(contents.weights)
    if contents.calibration is not None:
        model.calibration = contents.calibration
    model.task = contents.task or model.task
    model.classifier = contents.classifier
    return model


def _read_folder(folder: Path) -> Contents:
    """Read a directory of ours, or one in the layout of the hub.

    A checkpoint that is replaced meanwhile is read again, so that its files belong together.
    """
    for attempt in range(1, _MAX_READS + 1):
        before = _identity(folder)
        try:
            contents = _read_files(folder)
        except (OSError, ValueError):
            if _identity(folder) == before or attempt == _MAX_READS:
                raise
        else:
            if _identity(folder) == before:
                return contents
    raise OSError(f"{folder}: is replaced again and again while it is read; load it later")


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Tell a folder from the one that replaces it."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _is_ours(folder: Path) -> bool:
    config = folder / _CONFIG
    return config.is_file() and "encoder" in hub_folder.read_json(config)


def _read_files(folder: Path) -> Contents:
    if not _is_ours(folder):
        return foreign.read_folder(folder)
    document = hub_folder.read_json(folder / _CONFIG)
    where = str(folder / _CONFIG)
    lacks = [name for name in (_CALIBRATION, _TASK) if name not in document]
    calibration = task = None
    if _CALIBRATION not in lacks:
        fitted = document.pop(_CALIBRATION)
        calibration = Calibration.from_json(fitted, where=f"{where}: {_CALIBRATION}")
    if _TASK not in lacks:
        task = Task.from_json(document.pop(_TASK), where=f"{where}: {_TASK}")
    config = ModelConfig.from_json(document, where=where)
    tokenizer = None
    if (folder / _TOKENIZER).is_file():
        tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    found = weights.read(folder / _WEIGHTS)
    if lacks:
        missing = " and ".join(_MEANINGS[name] for name in lacks)
        logger.warning("%s: from an older version, which stored no %s", folder, missing)
    classifier = _read_classifier(folder / CLASSIFIER, task or Task())
    return Contents(config, found, tokenizer, calibration, task, classifier)


def _read_classifier(path: Path, task: Task) -> Classifier | None:
    if not path.is_file():
        return None
    layer = weights.read(path)
    shape = layer["weight"].shape if "weight" in layer else torch.Size((0, 0))
    weights.check(layer, {"weight": shape, "bias": shape[:1]}, path)
    if task.labels and len(task.labels) != len(layer["weight"]):
        raise ValueError(
            f"{path}: tells {len(layer['weight'])} labels apart, but {_CONFIG} lists "
            f"{len(task.labels)}; use the files that were saved together"
        )
    return Classifier(**layer)


_MEANINGS = {_CALIBRATION: "calibration", _TASK: "labels, templates and sampling"}


def _build_encoder(contents: Contents, where: str | Path) -> Encoder:
    config = contents.config
    if config.encoder in clip.MODEL_TYPES:
        with clip.refusing_settings(where):
            return clip.build(config, contents.tokenizer)
    if config.encoder != "lite":
        raise ValueError(
            f"{where}: unknown encoder {config.encoder!r}; known: {['lite', *clip.MODEL_TYPES]}"
        )
    if contents.tokenizer is None:
        raise FileNotFoundError(f"{where}: holds no {_TOKENIZER}, which the encoder 'lite' needs")
    return LiteEncoder(contents.tokenizer)


def _how_to_get(file_name: str) -> str:
    checkpoint = known.by_file_name(file_name)
    if checkpoint is None:
        return "check the path"
    return (
        f"it is the {checkpoint.vision_tower} of {checkpoint.num_frames} frames, fetch it from "
        f"{checkpoint.source}"
    )
