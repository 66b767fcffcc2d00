"""A file or folder that this package did not write becomes contents, or the sentence that helps.

| path | is read as |
| --- | --- |
| a folder with config.json of `transformers` | `hub_folder` |
| a folder with open_clip_config.json | its weights, with that configuration |
| a folder with one weight file | that file |
| one of several files of a folder (weights, a shard, an index) | its folder |
| any other weight file | `official` |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from actionclip.model import weights
from actionclip.model.contents import Contents
from actionclip.model.layouts import hub_folder, official, open_clip

WEIGHT_FILES = (".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".pyth")
_SHARD = re.compile(r".*-\d{5}-of-\d{5}\.(safetensors|bin)|.*\.index\.json")


def read_folder(folder: Path) -> Contents:
    """Read a folder that is no checkpoint of ours.

    Raises:
        FileNotFoundError: there are no weights in it.
        ValueError: it holds something else than a model, or one that is not supported.
    """
    config = hub_folder.CONFIG
    document = hub_folder.read_json(folder / config) if (folder / config).is_file() else {}
    found = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_FILES]
    has_usual = any((folder / name).is_file() for name in hub_folder.WEIGHTS)
    is_open_clip = (folder / open_clip.CONFIG).is_file()
    if "model_type" in document and (has_usual or not is_open_clip):
        is_one_of_another_name = len(found) == 1 and not has_usual  # such as model.fp16.safetensors
        return hub_folder.read(folder, found[0] if is_one_of_another_name else None)
    if is_open_clip:
        return official.read(_open_clip_weights(folder))
    if (folder / "adapter_config.json").is_file():
        raise ValueError(f"{folder}: {_adapter(folder)}")
    if "architecture" in document or "num_features" in document:
        raise ValueError(
            f"{folder}: is a model of images for timm ({document.get('architecture')}) without a "
            "text tower; labels cannot be compared with it, load a CLIP that has both towers"
        )
    if len(found) == 1:
        return read_file(found[0])
    if found:
        raise ValueError(
            f"{folder}: holds {len(found)} weight files and no {config}; name one of them, such as "
            f"{found[0].name}"
        )
    raise FileNotFoundError(
        f"{folder / config}: no such file, and no weights beside it; a checkpoint has both"
    )


def read_file(path: Path) -> Contents:
    """Read a weight file, with what lies beside it.

    Raises:
        ValueError: it holds no model, or one that is not supported.
    """
    if path.name.startswith("adapter_model.") or path.name == "adapter_config.json":
        raise ValueError(f"{path}: {_adapter(path.parent)}")
    if path.name == "state.pt":
        raise ValueError(f"{path}: is what a run goes on from; load its folder, {path.parent}")
    beside = path.with_name(hub_folder.CONFIG)
    if beside.is_file() and "model_type" in hub_folder.read_json(beside):
        is_usual = path.name in hub_folder.WEIGHTS
        if is_usual or any(n.startswith("vision_model.") for n in weights.read(path)):
            return hub_folder.read(path.parent, path)
    return official.read(path)


def is_part_of_folder(path: Path) -> bool:
    """Whether a file is read as its folder: a configuration, an index or a shard."""
    return path.name in (hub_folder.CONFIG, open_clip.CONFIG) or bool(_SHARD.fullmatch(path.name))


def _open_clip_weights(folder: Path) -> Path:
    names = (*open_clip.WEIGHTS, *hub_folder.WEIGHTS)
    for name in names:
        if (folder / name).is_file() and not name.endswith(".json"):
            return folder / name
    others = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_FILES]
    if len(others) == 1:
        return others[0]
    raise FileNotFoundError(f"{folder}: holds no weights; expected one of {list(names)}")


def _adapter(folder: Path) -> str:
    """Say what to do with an adapter of the library peft."""
    config = folder / "adapter_config.json"
    document: dict[str, Any] = hub_folder.read_json(config) if config.is_file() else {}
    base = document.get("base_model_name_or_path") or "its model"
    return (
        f"holds an adapter ({document.get('peft_type', 'LoRA')}) of {base}, not a model; merge it "
        "into that model (peft: merge_and_unload), save the result and load it"
    )
