"""A name or a path becomes a checkpoint, in the layout of any project.

| name or path | is read as |
| --- | --- |
| `mini` | the small CLIP of drawn figures that this package has |
| a registered encoder, such as `lite` | the weights that its package has |
| a directory that `ActionCLIP.save` wrote; a run, which has `best/` | a checkpoint |
| a directory with config.json of `transformers` | `hub_folder` |
| a directory with open_clip_config.json | its weights, with that configuration |
| a directory with one weight file | that file |
| one of several files of a directory (weights, a shard, an index) | its directory |
| any other weight file | `official` |
| owner/repository | the directory that `hub` fetches |
"""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

from actionclip.model import checkpoint, hub, weights
from actionclip.model.checkpoint import Checkpoint, read_json
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import ENCODERS, Encoder
from actionclip.model.layouts import hub_folder, official, open_clip

WEIGHT_FILES = (".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".pyth")
MINI = "mini"
_MINI_FOLDER = Path(__file__).parent / "encoders" / "mini_data"
_SHARD = re.compile(r".*-\d{5}-of-\d{5}\.(safetensors|bin)|.*\.index\.json")
_RETRY_SECONDS = 30.0
"""How long a checkpoint is read again that is replaced each time meanwhile."""


def find(name_or_path: str | Path) -> Checkpoint:
    """Find the weights that are meant, and read them.

    Args:
        name_or_path: as in `ActionCLIP.load`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name is not known, or the weights are no model; names the reason.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name == MINI:
        return dataclasses.replace(hub_folder.read(_MINI_FOLDER), source=name)
    if re.fullmatch(r"[\w-]+", name) and name in ENCODERS and _has_weights(name):
        encoder = ENCODERS[name].pretrained()
        heads = max(1, encoder.width // 64)  # the official rule for the head `transformer`
        config = ModelConfig(name, encoder.settings, num_attention_heads=heads)
        return Checkpoint(name, config, {}, encoder=encoder)
    if path.is_dir():
        is_run = not (path / checkpoint.CONFIG).is_file()
        best = path / "best"
        return _read_folder(best if is_run and (best / checkpoint.CONFIG).is_file() else path)
    if path.is_file():
        is_ours = path.name in (checkpoint.CONFIG, checkpoint.WEIGHTS)
        is_part = path.name in (hub_folder.CONFIG, open_clip.CONFIG) or _SHARD.fullmatch(path.name)
        if is_part or (is_ours and checkpoint.is_checkpoint(path.parent)):
            return find(path.parent)
        return _read_file(path)
    if path.suffix in WEIGHT_FILES:
        known = official.PUBLISHED.get(path.name)
        raise FileNotFoundError(
            f"{name}: no such file; check the path"
            if known is None
            else f"{name}: no such file; it is the {known.vision_tower} of {known.num_frames} "
            f"frames, fetch it from {known.address}"
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return dataclasses.replace(_read_folder(hub.fetch(name)), source=name)
    encoders = ", ".join(map(repr, [*filter(_has_weights, ENCODERS), MINI]))
    raise ValueError(
        f"{name}: no such model; known: {encoders}, a hub name such as "
        "openai/clip-vit-base-patch16, a checkpoint directory, an official .pt or .pth file"
    )


def _has_weights(encoder: str) -> bool:
    return ENCODERS[encoder].pretrained.__func__ is not Encoder.pretrained.__func__


def _read_folder(folder: Path) -> Checkpoint:
    """Read a directory; again if it is replaced meanwhile, so that its files belong together."""
    give_up = time.monotonic() + _RETRY_SECONDS
    while True:
        before = _inode(folder)
        try:
            if checkpoint.is_checkpoint(folder):
                found = checkpoint.read(folder)
            else:
                found = _read_foreign_folder(folder)
        except (OSError, ValueError):
            if _inode(folder) == before or time.monotonic() > give_up:
                raise
        else:
            if _inode(folder) == before:
                return found
            if time.monotonic() > give_up:
                raise OSError(f"{folder}: is replaced each time while it is read; load it later")


def _inode(folder: Path) -> tuple[int, ...] | None:
    """Tell a folder from the one that replaces it."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _read_foreign_folder(folder: Path) -> Checkpoint:
    config = folder / hub_folder.CONFIG
    document = read_json(config) if config.is_file() else {}
    found = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_FILES]
    has_usual = any((folder / name).is_file() for name in hub_folder.WEIGHTS)
    is_open_clip = (folder / open_clip.CONFIG).is_file()
    if "model_type" in document and (has_usual or not is_open_clip):
        is_one_of_another_name = len(found) == 1 and not has_usual  # such as model.fp16.safetensors
        return hub_folder.read(folder, found[0] if is_one_of_another_name else None)
    if is_open_clip:
        usual = (*open_clip.WEIGHTS, *(n for n in hub_folder.WEIGHTS if not n.endswith(".json")))
        named = [folder / name for name in usual if (folder / name).is_file()]
        if not named and len(found) != 1:
            raise FileNotFoundError(f"{folder}: holds no weights; expected one of {list(usual)}")
        return official.read((named or found)[0])
    if (folder / "adapter_config.json").is_file():
        raise ValueError(f"{folder}: {_adapter(folder)}")
    if "architecture" in document or "num_features" in document:
        raise ValueError(
            f"{folder}: is a model of images for timm ({document.get('architecture')}) without a "
            "text tower; labels cannot be compared with it, load a CLIP that has both towers"
        )
    if len(found) == 1:
        return _read_file(found[0])
    if found:
        raise ValueError(
            f"{folder}: holds {len(found)} weight files and no {config.name}; name one of them, "
            f"such as {found[0].name}"
        )
    raise FileNotFoundError(
        f"{config}: no such file, and no weights beside it; a checkpoint has both"
    )


def _read_file(path: Path) -> Checkpoint:
    """Read a weight file, with what lies beside it."""
    if path.name.startswith("adapter_model.") or path.name == "adapter_config.json":
        raise ValueError(f"{path}: {_adapter(path.parent)}")
    if path.name == "state.pt":
        raise ValueError(f"{path}: is what a run goes on from; load its folder, {path.parent}")
    config = path.with_name(hub_folder.CONFIG)
    if config.is_file() and "model_type" in read_json(config):
        is_usual = path.name in hub_folder.WEIGHTS
        if is_usual or any(name.startswith("vision_model.") for name in weights.read(path)):
            return hub_folder.read(path.parent, path)
    return official.read(path)


def _adapter(folder: Path) -> str:
    """Return what to do with an adapter of the library peft."""
    config = folder / "adapter_config.json"
    document: dict[str, Any] = read_json(config) if config.is_file() else {}
    base = document.get("base_model_name_or_path") or "its model"
    return (
        f"holds an adapter ({document.get('peft_type', 'LoRA')}) of {base}, not a model; merge it "
        "into that model (peft: merge_and_unload), save the result and load it"
    )
