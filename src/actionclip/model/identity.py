"""What a tower's answers depend on, as plain values: for whoever keeps answers and looks them up.

Two models with the same identity say the same of the same input, to the last digit.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP


def of_vision(model: ActionCLIP) -> dict[str, Any]:
    """Say all that `vision_features` of the same pixels depend on, and which pixels it wants."""
    return {
        "weights": fingerprint(model.encoder.vision_tower),
        "encoder": model.config.encoder,
        "encoder_config": dict(model.config.encoder_config),
        "precision": str(model.precision),
        "shift": model.config.shift,
        "joint": model.config.joint,
        "short_side": model.encoder.short_side,
        "image_size": model.encoder.image_size,
    }


def of_text(model: ActionCLIP) -> dict[str, Any]:
    """Say all that `embed_texts` of the same sentences depend on."""
    encoder, tokenizer = model.encoder, model.encoder.tokenizer
    return {
        "weights": fingerprint(encoder, without="vision_tower."),
        "encoder": model.config.encoder,
        "encoder_config": dict(model.config.encoder_config),
        "precision": str(model.precision),
        "tokenizer": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
    }


def fingerprint(module: nn.Module, without: str | None = None) -> str:
    """Say in 64 letters which weights a module holds: another number anywhere, another result.

    Args:
        module: whose weights.
        without: leave out those whose names begin so.
    """
    digest = hashlib.sha256()
    for name, weights in sorted(module.state_dict().items()):
        if without is not None and name.startswith(without):
            continue
        digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
        digest.update(bytes_of(weights))
    return digest.hexdigest()


def bytes_of(tensor: Tensor) -> memoryview:
    """Give the numbers of a tensor as they lie in memory."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
