"""What a tower's results depend on, as plain values: the keys of caches.

Two models with the same values compute the same from the same input, to the last digit.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP

NOT_FOR_TEXTS = ("vision_tower.",)
"""Beginnings of the names of an encoder's weights that texts do not depend on."""
_NUM_SAMPLED = 16
_CACHE = "_fingerprints"
"""The attribute of a module that holds the version and the hash of its weights."""
Version = tuple[tuple[str, torch.dtype, int, int | None, float], ...]
"""Of each tensor: name, dtype, address, number of writes, a sum of some weights."""


def of_vision(model: ActionCLIP) -> dict[str, Any]:
    """Return all that `vision_features` of the same pixels depend on, and which pixels it takes."""
    encoder = model.encoder
    return {
        **_of_encoder(model, encoder.not_for_vision_features),
        "shift": model.config.shift,
        "joint": model.config.joint,
        "short_side": encoder.short_side,
        "image_size": encoder.image_size,
    }


def of_text(model: ActionCLIP) -> dict[str, Any]:
    """Return all that `embed_texts` of the same sentences depend on."""
    tokenizer = model.encoder.tokenizer
    digest = hashlib.sha256(tokenizer.to_str().encode() if tokenizer is not None else b"")
    return {**_of_encoder(model, NOT_FOR_TEXTS), "tokenizer": digest.hexdigest()}


def _of_encoder(model: ActionCLIP, without: tuple[str, ...]) -> dict[str, Any]:
    runtimes = [name for name in model.encoder.runtimes if importlib.util.find_spec(name)]
    return {
        "weights": of_weights(model.encoder, without),
        "encoder": model.config.encoder,
        "encoder_config": dict(model.config.encoder_config),
        "precision": str(model.precision),
        "runtime": [
            model.logit_scale.device.type,
            *(f"{name} {metadata.version(name)}" for name in runtimes),
        ],
    }


def of_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """Hash the weights of a module; the hash is cached with it until one of them changes.

    Args:
        module: whose parameters and buffers, as a checkpoint holds them.
        without: leave out those whose names begin with one of these.
    """
    cache: dict[tuple[str, ...], tuple[Version, str]] = module.__dict__.setdefault(_CACHE, {})
    version = weights_version(module, without)
    if without not in cache or cache[without][0] != version:
        digest = hashlib.sha256()
        for name, weights in _weights(module, without):
            digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
            digest.update(bytes_of(weights))
        cache[without] = (version, digest.hexdigest())
    return cache[without][1]


@torch.inference_mode()
def weights_version(module: nn.Module, without: tuple[str, ...] = ()) -> Version:
    """Return a value that changes, most probably, with any weight; takes about a millisecond.

    torch counts writes to a tensor, but not those by way of its `data`; on a CPU some weights of
    each tensor are therefore read as well.

    Args:
        module: as in `of_weights`.
        without: as in `of_weights`.
    """
    return tuple(
        (
            name,
            weights.dtype,
            weights.data_ptr(),
            None if weights.is_inference() else weights._version,
            _sample(weights) if weights.device.type == "cpu" else 0.0,
        )
        for name, weights in _weights(module, without)
    )


def bytes_of(tensor: Tensor) -> memoryview:
    """Return the numbers of a tensor as they lie in memory."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def _weights(module: nn.Module, without: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    for name, weights in sorted(module.state_dict(keep_vars=True).items()):
        if not name.startswith(without):
            yield name, weights


def _sample(weights: Tensor) -> float:
    """Add up some numbers, evenly spread over the memory of a tensor, however it is laid out."""
    in_memory = weights.untyped_storage().nbytes() // weights.itemsize - weights.storage_offset()
    number = min(weights.numel(), in_memory)  # fewer lie in memory where it is expanded
    if number == 0:
        return 0.0
    size = min(_NUM_SAMPLED, number)
    return float(weights.as_strided((size,), (number // size,)).double().sum())
