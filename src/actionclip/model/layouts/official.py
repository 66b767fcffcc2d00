"""Weight files of ActionCLIP, OpenAI, open_clip and others become contents of our checkpoints.

`state_dicts` finds the towers in a file, names and shapes tell which head, which visual prompts and
which sizes they have. What shapes cannot tell, the activation and the width of attention heads,
follows from whose file it is, or from the `open_clip_config.json` beside it; it is never guessed
(docs/decisions/040).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from actionclip.model import weights
from actionclip.model.checkpoint import Checkpoint, read_json
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip_tokenizer
from actionclip.model.layouts import known, open_clip, openai, state_dicts
from actionclip.model.layouts.openai import Arithmetic
from actionclip.model.layouts.state_dicts import State

logger = logging.getLogger(__name__)

_POSITIONS = "frame_position_embeddings.weight"


def read(path: Path) -> Checkpoint:
    """Read a weight file, and the `open_clip_config.json` beside it if there is one.

    Raises:
        ValueError: the layout is another one, something beside the weights is missing, or tensors
            are missing, extra or wrongly shaped.
    """
    content = weights.read(path)
    state = state_dicts.find(content, path)
    view = state_dicts.temporal_view(content)
    if view:
        raise ValueError(
            f"{path}: is an Open-VCLIP whose frames see each other ({view}), which is not "
            "supported; load one that was trained without TEMPORAL_MODELING_TYPE"
        )
    if view is None and "model_state" in content:
        logger.warning(
            "%s: does not say whether the frames of its Open-VCLIP saw each other in training "
            "(TEMPORAL_MODELING_TYPE); they are encoded alone",
            path,
        )
    head = dict(state.head)
    shift = any(_SHIFTED_BLOCK.match(name) for name in state.towers)
    towers = {_SHIFTED_BLOCK.sub(r"\1", name): tensor for name, tensor in state.towers.items()}
    if "token_embedding.weight" not in towers and state.token_samples is not None:
        towers["token_embedding.weight"] = _token_embedding(towers, state.token_samples, path)
    sizes = openai.architecture(towers, path)
    converted = openai.convert(towers, sizes, path)
    head_name = _head_of(head, path)
    if head_name != "transformer" and head.pop(_POSITIONS, None) is not None:
        logger.info("%s: left out %s, which the head %s does not use", path, _POSITIONS, head_name)
    num_positions = _num_positions(head)
    config = ModelConfig(
        encoder="clip",
        encoder_config=openai.encoder_config(sizes, _arithmetic(state, sizes, path), path),
        temporal_head=head_name,
        num_frames=state.num_frames
        or _num_frames(path, head_name, num_positions, sizes.joint_frames),
        num_positions=num_positions,
        # The official rules: the text tower's number for one head, a fixed one for the other.
        num_attention_heads=8 if head_name == "transformer_cls" else max(1, sizes.text_width // 64),
        shift=shift,
        joint=sizes.joint_frames is not None,
    )
    with torch.device("meta"):
        built = config.build_head(sizes.width)
    weights.check(head, {name: t.shape for name, t in built.state_dict().items()}, path)
    return Checkpoint(
        str(path),
        config,
        {
            **converted,
            **{f"temporal_head.{name}": tensor.float() for name, tensor in head.items()},
        },
        clip_tokenizer.for_vocabulary(sizes.vocabulary_size, sizes.num_tokens),
    )


_SHIFTED_BLOCK = re.compile(r"(visual\.transformer\.resblocks\.\d+\.)net\.")


def _arithmetic(state: State, sizes: openai.Architecture, path: Path) -> Arithmetic:
    """Find out what the shapes do not tell.

    Raises:
        ValueError: nothing tells it; says what to put beside the file.
    """
    config = path.parent / open_clip.CONFIG
    if state.is_openai:
        found = Arithmetic()
    elif config.is_file():
        document = read_json(config)
        found = open_clip.arithmetic(document, config)
        open_clip.check_sizes(document, sizes, config)
    else:
        raise ValueError(
            f"{path}: does not tell its activation (GELU or QuickGELU) and the width of its "
            f"attention heads; put the model's {open_clip.CONFIG} beside it, or, if the weights are"
            ' of OpenAI\'s CLIP, one that says {"model_cfg": {"quick_gelu": true}}'
        )
    mean, std = state.pixel_mean or found.pixel_mean, state.pixel_std or found.pixel_std
    return Arithmetic(found.activation, found.vision_head_width, found.text_heads, mean, std)


def _token_embedding(towers: Mapping[str, Tensor], samples: Tensor, path: Path) -> Tensor:
    """Take the token embedding that ViFi-CLIP leaves out from OpenAI's file beside it.

    Args:
        towers: all but the token embedding.
        samples: embedded tokens; the first of each text is the same in all.
        path: of the file that leaves it out.

    Raises:
        ValueError: there is no such file.
    """
    first = samples.flatten(0, -2)[0].float()
    for candidate in _openai_files(path.parent):
        other = weights.read(candidate)
        embedding = other.get("token_embedding.weight")
        patches = other.get("visual.conv1.weight")
        if embedding is None or patches is None or embedding.shape[1:] != first.shape:
            continue
        distances = (embedding.float() - first).abs().amax(dim=1)
        if patches.shape == towers["visual.conv1.weight"].shape and distances.min() < 1e-3:
            logger.info(
                "%s: its token embedding, which never moved, is read from %s", path, candidate
            )
            return embedding
    patch_size = towers["visual.conv1.weight"].shape[-1]
    raise ValueError(
        f"{path}: ViFi-CLIP leaves out the token embedding, which is that of OpenAI's CLIP; put "
        f"OpenAI's own file (ViT-B-{patch_size}.pt or alike) into the folder of this one"
    )


def _openai_files(folder: Path) -> Iterator[Path]:
    """List OpenAI's files in a folder, and where their package `clip` keeps them."""
    for place in (folder, Path.home() / ".cache" / "clip"):
        yield from sorted(place.glob("ViT-*.pt")) if place.is_dir() else ()


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
