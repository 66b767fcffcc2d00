"""The configuration that open_clip writes beside weights becomes what has no shape in them.

`open_clip_config.json` has `model_cfg` (widths of heads, activation, sizes) and `preprocess_cfg`
(mean and standard deviation of pixels). Settings that this package cannot compute are refused by
name.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from actionclip.model.layouts import openai
from actionclip.model.layouts.openai import Arithmetic

logger = logging.getLogger(__name__)

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Where weights are looked for, in this order; `hub_folder.WEIGHTS` after them."""

_KNOWN = {
    "model_cfg": {
        *("embed_dim", "quick_gelu", "custom_text", "vision_cfg", "text_cfg"),
        *("init_logit_scale", "init_logit_bias", "cast_dtype", "output_dict"),
    },
    "vision_cfg": {
        *("width", "layers", "patch_size", "image_size", "head_width", "mlp_ratio"),
        *("patch_dropout", "output_tokens", "final_ln_after_pool"),
    },
    "text_cfg": {
        *("width", "layers", "heads", "context_length", "vocab_size", "mlp_ratio"),
        *("output_tokens", "pad_id", "final_ln_after_pool"),
    },
}
"""Keys that are read here or off the shapes of the weights, and those without effect."""
_USUAL = {
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "proj_type": ("linear",),
}
"""Values that are as in OpenAI's CLIP; elsewhere these are false, null, 0 and empty."""
_USUAL_TEXT_HEADS = 8
"""Of a text tower that is described without its heads, whatever its width."""


def arithmetic(document: Mapping[str, Any], where: object) -> Arithmetic:
    """Read the arithmetic off a parsed `open_clip_config.json`; what it leaves out has defaults.

    Raises:
        ValueError: a setting changes the computation in a way that is not supported.
    """
    model = _section(document, "model_cfg", where)
    if not model:
        raise ValueError(
            f'{where}: has no "model_cfg"; write {{"model_cfg": …}} around what open_clip lists '
            "for this model in its model_configs"
        )
    if "multimodal_cfg" in model:
        raise ValueError(
            f"{where}: is a CoCa (multimodal_cfg), which is not supported; load a CLIP"
        )
    vision, text = _section(model, "vision_cfg", where), _section(model, "text_cfg", where)
    _refuse_what_differs("model_cfg", model, where)
    if isinstance(vision.get("layers"), list):
        raise ValueError(
            f"{where}: its vision tower is a ResNet, and only vision transformers are supported; "
            "load a ViT such as openai/clip-vit-base-patch16"
        )
    _refuse_what_differs("vision_cfg", vision, where)
    _refuse_what_differs("text_cfg", text, where)
    head_width = vision.get("head_width", 64)
    text_heads = text.get("heads", _USUAL_TEXT_HEADS if text else None)
    for name, number in (("vision_cfg.head_width", head_width), ("text_cfg.heads", text_heads)):
        if number is not None and (type(number) is not int or number < 1):
            raise ValueError(f"{where}: {name} is {number!r}; write a whole number from 1 up")
    pixels = _section(document, "preprocess_cfg", where)
    if pixels.get("resize_mode", "shortest") != "shortest":
        logger.warning(
            "%s: resize_mode %r is not applied, frames keep their shape",
            where,
            pixels["resize_mode"],
        )
    return Arithmetic(
        "quick_gelu" if model.get("quick_gelu", False) else "gelu",
        head_width or 64,
        text_heads,
        tuple(pixels.get("mean") or openai.PIXEL_MEAN),
        tuple(pixels.get("std") or openai.PIXEL_STD),
    )


def check_sizes(document: Mapping[str, Any], sizes: openai.Architecture, where: object) -> None:
    """Compare the sizes that a configuration names with those of the weights.

    Raises:
        ValueError: they differ, so that the two do not belong together.
    """
    model = document["model_cfg"]
    vision, text = model.get("vision_cfg", {}), model.get("text_cfg", {})
    image_size = vision.get("image_size")
    if isinstance(image_size, list) and len(image_size) == 2 and len(set(image_size)) == 1:
        image_size = image_size[0]  # a square, written as two numbers
    found = {
        "embed_dim": (model.get("embed_dim"), sizes.width),
        "vision_cfg.width": (vision.get("width"), sizes.vision_width),
        "vision_cfg.layers": (vision.get("layers"), sizes.num_vision_layers),
        "vision_cfg.patch_size": (vision.get("patch_size"), sizes.patch_size),
        "vision_cfg.image_size": (image_size, sizes.patch_size * sizes.grid_size),
        "text_cfg.width": (text.get("width"), sizes.text_width),
        "text_cfg.layers": (text.get("layers"), sizes.num_text_layers),
        "text_cfg.context_length": (text.get("context_length"), sizes.num_tokens),
        "text_cfg.vocab_size": (text.get("vocab_size"), sizes.vocabulary_size),
    }
    for name, (given, actual) in found.items():
        if given is not None and given != actual:
            raise ValueError(
                f"{where}: {name} is {given}, but the weights have {actual}; "
                "put the configuration of these weights there"
            )


def _section(document: Mapping[str, Any], name: str, where: object) -> Mapping[str, Any]:
    section = document.get(name) or {}
    if not isinstance(section, Mapping):
        raise ValueError(f"{where}: {name} is {section!r}; write an object")
    return section


def _refuse_what_differs(name: str, section: Mapping[str, Any], where: object) -> None:
    for key, value in section.items():
        if key in _KNOWN[name] or not value or value in _USUAL.get(key, ()):
            continue
        raise ValueError(
            f"{where}: {name}.{key} is {value!r}, which changes what the model computes and is not "
            "supported; load a plain CLIP such as openai/clip-vit-base-patch16"
        )
