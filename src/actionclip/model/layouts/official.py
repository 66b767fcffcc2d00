"""Weight files of ActionCLIP, OpenAI, open_clip and others become checkpoints.

`projects` finds the towers in a file; names and shapes determine the head, the visual prompts and
the sizes. The activation and the width of attention heads, which have no shape, follow from the
project, or from the `open_clip_config.json` beside the file; they are never guessed
(docs/decisions/040).
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from actionclip.model import weights
from actionclip.model.checkpoint import Checkpoint, read_json
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip_tokenizer
from actionclip.model.encoders.clip import ClipEncoder
from actionclip.model.layouts import open_clip, openai, projects

logger = logging.getLogger(__name__)

_POSITIONS = "frame_position_embeddings.weight"


class Published(NamedTuple):
    """A checkpoint that mmaction2 trained on Kinetics-400.

    The library fetches none: these are pickles on a plain web server, whose hashes nobody
    published in full, and the official ones lie behind a web page.
    """

    vision_tower: str
    num_frames: int
    address: str


_SERVER = "https://download.openmmlab.com/mmaction/v1.0/projects/actionclip"
PUBLISHED = {
    f"vit-b-{patch}-{frames}f.pth": Published(
        f"ViT-B/{patch}",
        frames,
        f"{_SERVER}/actionclip_vit-base-p{patch}-res224-clip-pre_1x1x{frames}_k400-rgb"
        f"/vit-b-{patch}-{frames}f.pth",
    )
    for patch, frames in ((32, 8), (16, 8), (16, 16), (16, 32))
} | {
    f"{run}_20230801-{digest}.pth": Published(
        f"ViT-B/{patch}", 8, f"{_SERVER}/{run}/{run}_20230801-{digest}.pth"
    )
    for patch, digest in ((32, "8535b794"), (16, "b307a0cd"))
    for run in (f"actionclip_vit-base-p{patch}-res224-clip-pre_g8xb16_1x1x8_k400-rgb",)
}
"""By their file names."""


def read(path: Path) -> Checkpoint:
    """Read a weight file, and the `open_clip_config.json` beside it if there is one.

    Raises:
        ValueError: the layout is another one, something beside the weights is missing, or tensors
            are missing, extra or wrongly shaped.
    """
    content = weights.read(path)
    state = projects.find(content, path)
    if state.temporal_view:
        raise ValueError(
            f"{path}: is an Open-VCLIP whose frames see each other ({state.temporal_view}), which "
            "is not supported; load one that was trained without TEMPORAL_MODELING_TYPE"
        )
    if state.temporal_view is None and "model_state" in content:
        logger.warning(
            "%s: does not specify whether the frames of its Open-VCLIP saw each other in training "
            "(TEMPORAL_MODELING_TYPE); they are encoded alone",
            path,
        )
    shift = any(_SHIFTED_BLOCK.match(name) for name in state.towers)
    towers = {_SHIFTED_BLOCK.sub(r"\1", name): tensor for name, tensor in state.towers.items()}
    if "token_embedding.weight" not in towers and state.token_samples is not None:
        towers["token_embedding.weight"] = _token_embedding(towers, state.token_samples, path)
    sizes = openai.architecture(towers, path)
    converted = openai.convert(towers, _shapes_of(sizes, path), openai.OPENAI, path)
    head_name, head = _head_of(state.head, path)
    num_positions = ModelConfig.num_positions
    if _POSITIONS in head:
        num_positions = len(head[_POSITIONS])
    elif "transformer.pos_embed" in head:
        num_positions = head["transformer.pos_embed"].shape[1] - 1  # the first: the class token's
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
        shapes = {n: t.shape for n, t in config.build_head(sizes.width).state_dict().items()}
    weights.check(head, shapes, path)
    converted |= {f"temporal_head.{name}": tensor.float() for name, tensor in head.items()}
    tokenizer = clip_tokenizer.for_vocabulary(sizes.vocabulary_size, sizes.num_tokens)
    return Checkpoint(str(path), config, converted, tokenizer)


def _shapes_of(sizes: openai.Architecture, path: Path) -> ClipEncoder:
    """Build an encoder without numbers; its names and shapes do not depend on its heads."""
    one_head = openai.Arithmetic(vision_head_width=sizes.vision_width, text_heads=1)
    described = openai.encoder_config(sizes, one_head, path)
    is_joint = sizes.joint_frames is not None
    config = ModelConfig("clip", described, num_frames=sizes.joint_frames or 1, joint=is_joint)
    with torch.device("meta"):
        return ClipEncoder.build(config, None)


_SHIFTED_BLOCK = re.compile(r"(visual\.transformer\.resblocks\.\d+\.)net\.")


def _arithmetic(state: projects.State, sizes: openai.Architecture, path: Path) -> openai.Arithmetic:
    """Determine what has no shape.

    Raises:
        ValueError: it is unknown; names what to put beside the file.
    """
    config = path.parent / open_clip.CONFIG
    if state.is_openai:
        found = openai.Arithmetic()
    elif config.is_file():
        document = read_json(config)
        found = open_clip.arithmetic(document, config)
        open_clip.check_sizes(document, sizes, config)
    else:
        raise ValueError(
            f"{path}: does not specify its activation (GELU or QuickGELU) and the width of its "
            f"attention heads; put the model's {open_clip.CONFIG} beside it, or, if the weights are"
            ' of OpenAI\'s CLIP, one that holds {"model_cfg": {"quick_gelu": true}}'
        )
    mean, std = state.pixel_mean or found.pixel_mean, state.pixel_std or found.pixel_std
    return dataclasses.replace(found, pixel_mean=mean, pixel_std=std)


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
    """List OpenAI's files in a folder, and where their package `clip` stores them."""
    for place in (folder, Path.home() / ".cache" / "clip"):
        yield from sorted(place.glob("ViT-*.pt")) if place.is_dir() else ()


def _head_of(head: Mapping[str, Tensor], path: Path) -> tuple[str, dict[str, Tensor]]:
    """Tell the head by the names of its weights, and return those that it uses."""
    used = {name: tensor for name, tensor in head.items() if name != _POSITIONS}
    starts = (start for start in _HEADS if any(name.startswith(start) for name in used))
    start = next(starts, None)
    if start is None and used:
        raise ValueError(
            f"{path}: the temporal head is not known, it has {next(iter(used))}; known heads have "
            f"names that begin with {list(_HEADS)}"
        )
    name = "mean" if start is None else _HEADS[start]
    if name == "transformer":
        return name, dict(head)
    if len(used) < len(head):
        logger.info("%s: left out %s, which the head %s does not use", path, _POSITIONS, name)
    return name, used


_HEADS = {
    "transformer.resblocks.": "transformer",
    "transformer.": "transformer_cls",
    "lstm_visual.": "lstm",
    "shift.": "conv_official",
}


def _num_frames(path: Path, head: str, num_positions: int, joint_frames: int | None) -> int:
    """Return how many frames a clip had, which most of these files do not specify."""
    if joint_frames is not None:
        return joint_frames
    if head == "transformer_cls":
        return num_positions
    if path.name in PUBLISHED:
        return PUBLISHED[path.name].num_frames
    if head == "transformer" and num_positions != ModelConfig.num_positions:
        return num_positions  # mmaction2 has as many positions as frames
    logger.info("%s does not specify how many frames a clip has; taken to be 8", path)
    return 8
