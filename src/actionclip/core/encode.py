"""The one inference path: pixels → device → features → embeddings → host.

Batches are bounded in frames, not in clips: a batch of any size goes through the vision tower in
chunks of `max_frames`; a clip stays whole, because its frames may attend to each other. On a CPU
several batches are computed at a time, each by one thread; GPUs are fed from pinned memory.

Shapes:
    B: clips   V: views of each   T: frames   S: pixels   E: width of a row of vision features
    F: width of frame features   D: shared width   H W: pixels of a frame
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Generator, Iterable
from importlib import metadata, resources
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from actionclip.model import devices, fingerprint
from actionclip.model.actionclip import ActionCLIP
from actionclip.video import transforms

MAX_FRAMES_ON_CPU = 16
MAX_FRAMES_ON_GPU = 128

Item = TypeVar("Item")
Result = TypeVar("Result")


def device_of(model: ActionCLIP) -> torch.device:
    """Return the device of a model."""
    return model.logit_scale.device


def max_frames(model: ActionCLIP) -> int:
    """Return how many frames go through the vision tower at once."""
    return MAX_FRAMES_ON_CPU if device_of(model).type == "cpu" else MAX_FRAMES_ON_GPU


def clips_at_once(model: ActionCLIP) -> int:
    """Return the best batch size in clips; on a CPU each clip has a thread of its own."""
    on_cpu = device_of(model).type == "cpu"
    return 1 if on_cpu else max(1, max_frames(model) // model.config.num_frames)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], model: ActionCLIP
) -> Generator[Result]:
    """Apply a function that runs the model to items, on a CPU several at a time; in order."""
    return devices.parallel_map(function, items, device_of(model))


def make_clip(model: ActionCLIP, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, "T 3 S S"]:
    """Resize frames and crop the middle square, as the model takes them."""
    encoder = model.encoder
    return transforms.test_clip(frames, encoder.short_side, encoder.image_size)


def vision_features(
    model: ActionCLIP, clips: Shaped[Tensor, "B T 3 S S"]
) -> Float[Tensor, "B T E"]:
    """Run the vision tower; the features are on the CPU.

    Args:
        model: any.
        clips: RGB, float in 0…1 or uint8, on any device.
    """
    return _in_chunks(clips, model, model.vision_features).cpu()


def embed_rows(model: ActionCLIP, features: Float[Tensor, "B T E"]) -> Float[Tensor, "B D"]:
    """Embed clips, with length one and on the model's device, from their vision features."""
    with torch.inference_mode():
        return model.embed_frame_features(model.project(features.to(device_of(model))))


def project_views(model: ActionCLIP, features: Float[Tensor, "B V T E"]) -> Float[Tensor, "B V F"]:
    """Compute clip features, of any length and on the CPU, from each view's vision features."""
    with torch.inference_mode():
        views = features.flatten(0, 1).to(device_of(model))  # (B·V, T, E)
        clip_features = model.clip_features(model.project(views)).float().cpu()  # (B·V, D)
    return clip_features.unflatten(0, features.shape[:2])


def project_frames(model: ActionCLIP, features: Float[Tensor, "T E"]) -> Float[Tensor, "T F"]:
    """Project the vision features of frames, on the model's device."""
    with torch.inference_mode():
        return model.project(features[None].to(device_of(model)))[0]


def embed_frame_features(
    model: ActionCLIP, frame_features: Float[Tensor, "B T F"]
) -> Float[Tensor, "B D"]:
    """Embed clips of projected frames."""
    with torch.inference_mode():
        return model.embed_frame_features(frame_features)


def depends_on(model: ActionCLIP) -> dict[str, Any]:
    """Return everything that features depend on besides video and sampling, as plain values."""
    context = model.encoder.context
    around = {"context": [*context, code_of("actionclip.model.encoders")]} if context else {}
    return {
        **fingerprint.of_vision(model),
        **around,
        "pixels": code_of("actionclip.video"),
        "av": metadata.version("av"),
    }


@functools.cache
def code_of(package: str) -> str:
    """Hash the source of a package whose rules change the numbers."""
    digest = hashlib.sha256()
    modules = sorted(resources.files(package).iterdir(), key=lambda path: path.name)
    for module in modules:
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def _in_chunks(
    clips: Tensor, model: ActionCLIP, compute: Callable[[Tensor], Tensor]
) -> Shaped[Tensor, "B ..."]:
    chunk_size = max(1, max_frames(model) // clips.shape[1])
    with torch.inference_mode():
        chunks = clips.split(chunk_size)
        return torch.cat([compute(_to_device(chunk, device_of(model))) for chunk in chunks])


def _to_device(clips: Tensor, device: torch.device) -> Float[Tensor, "B T 3 S S"]:
    if device.type == "cuda" and clips.device.type == "cpu":
        clips = clips if clips.is_pinned() else clips.pin_memory()
    return transforms.to_float(clips.to(device, non_blocking=True))
