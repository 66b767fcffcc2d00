"""Checkpoints of the official ActionCLIP, of mmaction2 and of OpenAI become ours.

| layout | towers | temporal head |
| --- | --- | --- |
| official .pt | `model_state_dict` | `fusion_model_state_dict`, its names after `module.` |
| mmaction2 .pth | `state_dict`, names after `clip.` | `state_dict`, names after `adapter.` |
| OpenAI CLIP .pt | the file itself | none |

The names and shapes tell which head, which visual prompts and which sizes they have.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actionclip.model import temporal_heads, weights
from actionclip.model.config import ModelConfig
from actionclip.model.contents import Contents
from actionclip.model.encoders import clip_tokenizer
from actionclip.model.layouts import known, openai

logger = logging.getLogger(__name__)

_POSITIONS = "frame_position_embeddings.weight"


def read(path: Path) -> Contents:
    """Read a file in one of the three layouts.

    Raises:
        ValueError: the layout is another one, or tensors are missing, extra or wrongly shaped.
    """
    towers, head = _parts(weights.read(path), path)
    shift = any(_SHIFTED_BLOCK.match(name) for name in towers)
    towers = {_SHIFTED_BLOCK.sub(r"\1", name): tensor for name, tensor in towers.items()}
    sizes = openai.architecture(towers, path)
    head_name = _head_of(head, path)
    if head_name != "transformer" and head.pop(_POSITIONS, None) is not None:
        logger.info("%s: left out %s, which the head %s does not use", path, _POSITIONS, head_name)
    num_positions = _num_positions(head)
    config = ModelConfig(
        encoder="clip",
        encoder_config=openai.encoder_config(sizes),
        temporal_head=head_name,
        num_frames=_num_frames(path, head_name, num_positions, sizes.joint_frames),
        num_positions=num_positions,
        # The official rules: the text tower's number for one head, a fixed one for the other.
        num_attention_heads=8 if head_name == "transformer_cls" else sizes.text_width // 64,
        shift=shift,
        joint=sizes.joint_frames is not None,
    )
    with torch.device("meta"):
        built = temporal_heads.build(config, sizes.width)
    weights.check(head, {name: t.shape for name, t in built.state_dict().items()}, path)
    return Contents(
        config,
        {
            **openai.convert(towers, sizes, path),
            **{f"temporal_head.{name}": tensor.float() for name, tensor in head.items()},
        },
        clip_tokenizer.for_vocabulary(sizes.vocabulary_size, sizes.num_tokens),
    )


_SHIFTED_BLOCK = re.compile(r"(visual\.transformer\.resblocks\.\d+\.)net\.")


def _parts(content: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Give the weights of the towers and those of the head."""
    if "model_state_dict" in content:
        head = content.get("fusion_model_state_dict", {})
        return _after("module.", content["model_state_dict"]), _after("module.", head)
    if "state_dict" in content:
        everything = content["state_dict"]
        towers = {name: t for name, t in everything.items() if not name.startswith("adapter.")}
        head = {name: t for name, t in everything.items() if name.startswith("adapter.")}
        return _after("clip.", towers), _after("adapter.", head)
    if any(name.startswith(("visual.", "transformer.")) for name in content):
        return dict(content), {}
    raise ValueError(
        f"{path}: the layout is not known, it begins with {list(content)[:3]}; known: ActionCLIP's "
        "(model_state_dict), mmaction2's (state_dict) and OpenAI CLIP's (visual.…)"
    )


def _after(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _head_of(head: Mapping[str, Tensor], path: Path) -> str:
    """Tell the head by the names of its weights."""
    names = [name for name in head if name != _POSITIONS]
    for start, head_name in _HEADS.items():
        if any(name.startswith(start) for name in names):
            return head_name
    if names:
        raise ValueError(
            f"{path}: the temporal head is not known, it has {names[0]}; known heads have names "
            f"that begin with {list(_HEADS)}"
        )
    return "mean"


_HEADS: dict[str, str] = {
    "transformer.resblocks.": "transformer",
    "transformer.": "transformer_cls",
    "lstm_visual.": "lstm",
    "shift.": "conv_official",
}


def _num_positions(head: Mapping[str, Tensor]) -> int:
    if _POSITIONS in head:
        return len(head[_POSITIONS])
    if "transformer.pos_embed" in head:
        return head["transformer.pos_embed"].shape[1] - 1  # the first is the class token's
    return ModelConfig.num_positions


def _num_frames(path: Path, head: str, num_positions: int, joint_frames: int | None) -> int:
    """Find out how many frames a clip had, which most of these files do not say."""
    if joint_frames is not None:
        return joint_frames
    if head == "transformer_cls":
        return num_positions
    if (checkpoint := known.by_file_name(path.name)) is not None:
        return checkpoint.num_frames
    if head == "transformer" and num_positions != ModelConfig.num_positions:
        return num_positions  # mmaction2 keeps as many positions as frames
    logger.info("%s does not say how many frames a clip has; taken to be 8", path)
    return 8
