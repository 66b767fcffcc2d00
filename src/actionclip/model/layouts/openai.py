"""OpenAI's names for the weights of CLIP become ours, and their shapes tell the architecture.

The same names are used by the official ActionCLIP (`model_state_dict`) and by mmaction2.
Knows no files and no temporal heads.

Shapes:
    D: shared width
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from actionclip.model import weights as weight_files
from actionclip.model.encoders import clip

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on."""


@dataclass(frozen=True)
class Arithmetic:
    """What the shapes of weights do not tell; the defaults are those of OpenAI's CLIP."""

    activation: str = "quick_gelu"
    """In the words of `transformers`: "quick_gelu" or "gelu"."""
    vision_head_width: int = 64
    text_heads: int | None = None
    """Attention heads of the text tower; None: one for each 64 of its width."""
    pixel_mean: tuple[float, ...] = PIXEL_MEAN
    pixel_std: tuple[float, ...] = PIXEL_STD


@dataclass(frozen=True)
class Architecture:
    """Sizes of both towers, as the shapes of the weights tell them."""

    width: int
    """D."""
    patch_size: int
    grid_size: int
    vision_width: int
    vision_hidden_width: int
    """Inside the perceptrons of the blocks."""
    num_vision_layers: int
    text_width: int
    text_hidden_width: int
    num_text_layers: int
    num_tokens: int
    vocabulary_size: int
    joint_frames: int | None
    """Frames with a position in time; None without the visual prompt `joint`."""


def architecture(weights: Mapping[str, Tensor], where: object) -> Architecture:
    """Read the sizes off the shapes.

    Args:
        weights: by OpenAI's names.
        where: names the file in errors.

    Raises:
        ValueError: this is not a whole CLIP with a vision transformer; says what is amiss.
    """

    def shape(name: str) -> torch.Size:
        if name not in weights:
            raise ValueError(
                f"{where}: the weights do not fit the model: missing: {name}; use the file that "
                "the model was saved to"
            )
        return weights[name].shape

    time_positions = weights.get("visual.time_embedding")
    return Architecture(
        width=shape("text_projection")[1],
        patch_size=shape("visual.conv1.weight")[-1],
        grid_size=round((shape("visual.positional_embedding")[0] - 1) ** 0.5),
        vision_width=shape("visual.conv1.weight")[0],
        vision_hidden_width=shape("visual.transformer.resblocks.0.mlp.c_fc.weight")[0],
        num_vision_layers=_count_layers(weights, "visual.transformer.resblocks."),
        text_width=shape("ln_final.weight")[0],
        text_hidden_width=shape("transformer.resblocks.0.mlp.c_fc.weight")[0],
        num_text_layers=_count_layers(weights, "transformer.resblocks."),
        num_tokens=shape("positional_embedding")[0],
        vocabulary_size=shape("token_embedding.weight")[0],
        joint_frames=None if time_positions is None else len(time_positions),
    )


def encoder_config(sizes: Architecture, arithmetic: Arithmetic, where: object) -> dict[str, Any]:
    """Write sizes and arithmetic in the words of `transformers`.

    Raises:
        ValueError: the heads do not divide the width.
    """
    vision_heads = sizes.vision_width // arithmetic.vision_head_width
    text_heads = arithmetic.text_heads or sizes.text_width // 64
    for tower, width, heads in (
        ("vision", sizes.vision_width, vision_heads),
        ("text", sizes.text_width, text_heads),
    ):
        if heads < 1 or width % heads:
            raise ValueError(
                f"{where}: the {tower} tower of width {width} cannot have {heads} attention heads; "
                "put the open_clip_config.json of the model beside the weights"
            )
    return clip.encoder_config(
        "clip",
        {
            "projection_dim": sizes.width,
            "vision_config": {
                "hidden_size": sizes.vision_width,
                "intermediate_size": sizes.vision_hidden_width,
                "num_hidden_layers": sizes.num_vision_layers,
                "num_attention_heads": vision_heads,
                "hidden_act": arithmetic.activation,
                "patch_size": sizes.patch_size,
                "image_size": sizes.patch_size * sizes.grid_size,
            },
            "text_config": {
                "hidden_size": sizes.text_width,
                "intermediate_size": sizes.text_hidden_width,
                "num_hidden_layers": sizes.num_text_layers,
                "num_attention_heads": text_heads,
                "hidden_act": arithmetic.activation,
                "max_position_embeddings": sizes.num_tokens,
                "vocab_size": sizes.vocabulary_size,
                # This value tells transformers that the end token is the one of the highest id.
                "eos_token_id": 2,
                "bos_token_id": None,
                "pad_token_id": None,
            },
        },
        arithmetic.pixel_mean,
        arithmetic.pixel_std,
    )


def convert(weights: Mapping[str, Tensor], sizes: Architecture, where: object) -> dict[str, Tensor]:
    """Rename the weights, and split and turn those that are laid out in another way.

    Raises:
        ValueError: for missing, extra or wrongly shaped tensors, by their names in the file.
    """
    scale = weights.get("logit_scale")
    if scale is not None and scale.shape == (1,):  # as open_clip can have it
        weights = {**weights, "logit_scale": scale.reshape(())}
    weight_files.check(weights, dict(_shapes(sizes)), where)
    converted = {}
    for name, tensor in weights.items():
        for old, new in _RENAMED:
            name = re.sub(old, new, name)
        name = name if name == "logit_scale" else f"encoder.{name}"
        tensor = tensor.float()
        if name.endswith("_projection.weight"):
            converted[name] = tensor.T.contiguous()
        elif ".in_proj_" in name:
            for part, third in zip("qkv", tensor.chunk(3), strict=True):
                converted[name.replace("in_proj_", f"{part}_proj.")] = third.clone()
        else:
            converted[name] = tensor
    return converted


_RENAMED = (
    (r"^visual\.proj$", "visual_projection.weight"),
    (r"^text_projection$", "text_projection.weight"),
    (r"^visual\.time_embedding$", "time_positions"),
    (r"^(?!visual|text_projection|logit_scale|time_positions)", "text_tower."),
    (r"^visual\.", "vision_tower."),
    (r"_tower\.class_embedding$", "_tower.embeddings.class_embedding"),
    (r"_tower\.conv1\.", "_tower.embeddings.patch_embedding."),
    (r"_tower\.token_embedding\.", "_tower.embeddings.token_embedding."),
    (r"_tower\.positional_embedding$", "_tower.embeddings.position_embedding.weight"),
    (r"\.ln_pre\.", ".pre_layrnorm."),
    (r"\.ln_post\.", ".post_layernorm."),
    (r"\.ln_final\.", ".final_layer_norm."),
    (r"\.transformer\.resblocks\.", ".encoder.layers."),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.attn\.", ".self_attn."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)


def _count_layers(weights: Mapping[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)})


def _shapes(sizes: Architecture) -> Iterator[tuple[str, torch.Size]]:
    """List every tensor that a CLIP of these sizes has, by OpenAI's names."""

    def tensor(name: str, *shape: int) -> tuple[str, torch.Size]:
        return name, torch.Size(shape)

    def with_bias(name: str, *shape: int) -> Iterator[tuple[str, torch.Size]]:
        yield tensor(f"{name}.weight", *shape)
        yield tensor(f"{name}.bias", shape[0])

    def blocks(
        prefix: str, width: int, hidden: int, num_layers: int
    ) -> Iterator[tuple[str, torch.Size]]:
        for block in (f"{prefix}transformer.resblocks.{layer}" for layer in range(num_layers)):
            yield tensor(f"{block}.attn.in_proj_weight", 3 * width, width)
            yield tensor(f"{block}.attn.in_proj_bias", 3 * width)
            yield from with_bias(f"{block}.attn.out_proj", width, width)
            yield from with_bias(f"{block}.mlp.c_fc", hidden, width)
            yield from with_bias(f"{block}.mlp.c_proj", width, hidden)
            yield from with_bias(f"{block}.ln_1", width)
            yield from with_bias(f"{block}.ln_2", width)

    vision, text = sizes.vision_width, sizes.text_width
    yield tensor("logit_scale")
    yield tensor("visual.class_embedding", vision)
    yield tensor("visual.positional_embedding", sizes.grid_size**2 + 1, vision)
    yield tensor("visual.conv1.weight", vision, 3, sizes.patch_size, sizes.patch_size)
    yield tensor("visual.proj", vision, sizes.width)
    yield from with_bias("visual.ln_pre", vision)
    yield from with_bias("visual.ln_post", vision)
    yield from blocks("visual.", vision, sizes.vision_hidden_width, sizes.num_vision_layers)
    if sizes.joint_frames is not None:
        yield tensor("visual.time_embedding", sizes.joint_frames, vision)
    yield tensor("token_embedding.weight", sizes.vocabulary_size, text)
    yield tensor("positional_embedding", sizes.num_tokens, text)
    yield tensor("text_projection", text, sizes.width)
    yield from with_bias("ln_final", text)
    yield from blocks("", text, sizes.text_hidden_width, sizes.num_text_layers)
