"""Weights by the names of others become those of an encoder; shapes give the architecture.

OpenAI's names are also those of the official ActionCLIP (`model_state_dict`) and of mmaction2.

Shapes:
    D: shared width
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from actionclip.model import weights
from actionclip.model.encoders import Encoder, clip

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on."""


@dataclass(frozen=True)
class Arithmetic:
    """What has no shape in the weights; the defaults are those of OpenAI's CLIP."""

    activation: str = "quick_gelu"
    """In the words of `transformers`: "quick_gelu" or "gelu"."""
    vision_head_width: int = 64
    text_heads: int | None = None
    """Attention heads of the text tower; None: one for each 64 of its width."""
    pixel_mean: tuple[float, ...] = PIXEL_MEAN
    pixel_std: tuple[float, ...] = PIXEL_STD


@dataclass(frozen=True)
class Architecture:
    """Sizes of both towers, from the shapes of the weights."""

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


def architecture(towers: Mapping[str, Tensor], where: object) -> Architecture:
    """Read the sizes off the shapes.

    Args:
        towers: by OpenAI's names.
        where: names the file in errors.

    Raises:
        ValueError: this is not a whole CLIP with a vision transformer; names what is missing.
    """

    def shape(name: str) -> torch.Size:
        if name not in towers:
            raise ValueError(
                f"{where}: the weights do not fit the model: missing: {name}; use the file that "
                "the model was saved to"
            )
        return towers[name].shape

    time_positions = towers.get("visual.time_embedding")
    return Architecture(
        width=shape("text_projection")[1],
        patch_size=shape("visual.conv1.weight")[-1],
        grid_size=round((shape("visual.positional_embedding")[0] - 1) ** 0.5),
        vision_width=shape("visual.conv1.weight")[0],
        vision_hidden_width=shape("visual.transformer.resblocks.0.mlp.c_fc.weight")[0],
        num_vision_layers=_count_layers(towers, "visual.transformer.resblocks."),
        text_width=shape("ln_final.weight")[0],
        text_hidden_width=shape("transformer.resblocks.0.mlp.c_fc.weight")[0],
        num_text_layers=_count_layers(towers, "transformer.resblocks."),
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
                # For transformers this means: the end token is the one of the highest id.
                "eos_token_id": 2,
                "bos_token_id": None,
                "pad_token_id": None,
            },
        },
        arithmetic.pixel_mean,
        arithmetic.pixel_std,
    )


def convert(
    found: Mapping[str, Tensor],
    encoder: Encoder,
    renames: Sequence[tuple[str, str]],
    where: object,
) -> dict[str, Tensor]:
    """Return an encoder's weights and the logit scale by the names of `ActionCLIP.state_dict()`.

    Args:
        found: the weights of a file.
        encoder: that they are for; it may be on the device "meta".
        renames: what is replaced in the encoder's names to get those of the file.
        where: names the file in errors.

    Raises:
        ValueError: for missing, extra or wrongly shaped tensors, by their names in the file.
    """
    wanted, sources = {"logit_scale": torch.Size(())}, {}
    if "logit_scale" in found and found["logit_scale"].numel() == 1:
        wanted["logit_scale"] = found["logit_scale"].shape  # SigLIP's has one dimension
    for name, tensor in encoder.state_dict().items():
        source = name
        for ours, theirs in renames:
            source = source.replace(ours, theirs)
        shape, third = tensor.shape, _THIRD.search(name) if ".in_proj_" in source else None
        if third is not None:
            shape = torch.Size((3 * shape[0], *shape[1:]))
        wanted[source] = torch.Size(reversed(shape)) if source in _TURNED else shape
        sources[name] = source, third
    weights.check(found, wanted, where)
    converted = {"logit_scale": found["logit_scale"].float().reshape(())}
    for name, (source, third) in sources.items():
        tensor = found[source].float()
        if third is not None:
            tensor = tensor.chunk(3)["qkv".index(third[1])].clone()
        converted[f"encoder.{name}"] = tensor.T.contiguous() if source in _TURNED else tensor
    return converted


_THIRD = re.compile(r"\.([qkv])_proj\.")
"""Of a weight for queries, keys and values together."""
TRANSFORMERS = (("vision_tower.", "vision_model."), ("text_tower.", "text_model."))
"""Names of an encoder's weights, and those in `transformers`."""
OPENAI = (
    ("visual_projection.weight", "visual.proj"),
    ("text_projection.weight", "text_projection"),
    ("time_positions", "visual.time_embedding"),
    (".embeddings.class_embedding", ".class_embedding"),
    (".embeddings.patch_embedding.", ".conv1."),
    (".embeddings.token_embedding.", ".token_embedding."),
    (".embeddings.position_embedding.weight", ".positional_embedding"),
    (".pre_layrnorm.", ".ln_pre."),
    (".post_layernorm.", ".ln_post."),
    (".final_layer_norm.", ".ln_final."),
    (".encoder.layers.", ".transformer.resblocks."),
    (".layer_norm1.", ".ln_1."),
    (".layer_norm2.", ".ln_2."),
    (".self_attn.", ".attn."),
    *((f".{part}_proj.", ".in_proj_") for part in "qkv"),
    (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."),
    ("vision_tower.", "visual."),
    ("text_tower.", ""),
)
"""Names of an encoder's weights, and those of OpenAI."""
_TURNED = ("visual.proj", "text_projection")
"""Transposed, in files by OpenAI's names."""


def _count_layers(towers: Mapping[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in towers if name.startswith(prefix)})
