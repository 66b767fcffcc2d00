"""What a tower's results depend on, as plain values: for caches, which look results up by them.

Two models with the same values compute the same from the same input, to the last digit. Hashing all
weights takes long, so that the hash is kept with the model until one of its weights changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import weakref
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP

NOT_FOR_TEXTS = ("vision_tower.",)
"""Beginnings of the names of an encoder's weights that texts do not depend on."""
_NUM_SAMPLED = 16
Version = tuple[tuple[str, torch.dtype, int, int | None, float], ...]
"""Of each tensor: name, dtype, where it lies, how often it was written, a sum of some weights."""

_known: weakref.WeakKeyDictionary[nn.Module, dict[tuple[str, ...], tuple[Version, str]]] = (
    weakref.WeakKeyDictionary()
)


def of_vision(model: ActionCLIP) -> dict[str, Any]:
    """Return all that `vision_features` of the same pixels depend on, and which pixels it takes."""
    encoder = model.encoder
    return {
        "weights": of_weights(encoder, encoder.not_for_vision_features),
        "encoder": model.config.encoder,
        "encoder_config": dict(model.config.encoder_config),
        "precision": str(model.precision),
        "shift": model.config.shift,
        "joint": model.config.joint,
        "short_side": encoder.short_side,
        "image_size": encoder.image_size,
        "runtime": _runtime(model),
    }


def of_text(model: ActionCLIP) -> dict[str, Any]:
    """Return all that `embed_texts` of the same sentences depend on."""
    encoder, tokenizer = model.encoder, model.encoder.tokenizer
    return {
        "weights": of_weights(encoder, NOT_FOR_TEXTS),
        "encoder": model.config.encoder,
        "encoder_config": dict(model.config.encoder_config),
        "precision": str(model.precision),
        "tokenizer": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
        "runtime": _runtime(model),
    }


def of_weights(module: nn.Module, without: tuple[str, ...] = ()) -> str:
    """Hash the weights of a module, as a checkpoint holds them; kept until one of them changes.

    Args:
        module: whose parameters and buffers.
        without: leave out those whose names begin with one of these.
    """
    known = _known.setdefault(module, {})
    version = weights_version(module, without)
    if without not in known or known[without][0] != version:
        digest = hashlib.sha256()
        for name, weights in _weights(module, without):
            digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
            digest.update(bytes_of(weights))
        known[without] = (version, digest.hexdigest())
    return known[without][1]


@torch.inference_mode()
def weights_version(module: nn.Module, without: tuple[str, ...] = ()) -> Version:
    """Return what differs, most probably, when a weight has changed; takes about a millisecond.

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


def _runtime(model: ActionCLIP) -> list[str]:
    """Return the libraries that compute, with their versions, and the kind of device."""
    libraries = ["torch"]
    if model.config.encoder == "lite" and importlib.util.find_spec("onnxruntime"):
        libraries.append("onnxruntime")
    device = model.logit_scale.device.type
    return [device, *(f"{library} {metadata.version(library)}" for library in libraries)]
