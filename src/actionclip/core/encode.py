"""Clips become features and embeddings: the one way from pixels to a model's device and back.

Memory is bounded in frames, not in clips: a batch of any size goes through the vision tower in
parts of `max_frames`, and a clip stays whole, because its frames may see each other. On a CPU
several batches are computed at a time, each by one thread (`model/threads`); what a GPU is given
lies in pinned memory.

Shapes:
    B: clips   V: views of each   T: frames   S: pixels   E: width of the vision tower
    D: shared width   H W: pixels of a frame
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

from actionclip.model import fingerprint, threads
from actionclip.model.actionclip import ActionCLIP
from actionclip.video import transforms

MAX_FRAMES_ON_CPU = 16
MAX_FRAMES_ON_GPU = 128

Item = TypeVar("Item")
Result = TypeVar("Result")


def device_of(model: ActionCLIP) -> torch.device:
    """Return where a model computes."""
    return model.logit_scale.device


def max_frames(model: ActionCLIP) -> int:
    """Return how many frames go through the vision tower at once."""
    return MAX_FRAMES_ON_CPU if device_of(model).type == "cpu" else MAX_FRAMES_ON_GPU


def clips_at_once(model: ActionCLIP) -> int:
    """Return how many clips are worth a batch; on a CPU each is computed by a thread of its own."""
    on_cpu = device_of(model).type == "cpu"
    return 1 if on_cpu else max(1, max_frames(model) // model.config.num_frames)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], model: ActionCLIP
) -> Generator[Result]:
    """Apply a function that runs the model to items; the results are in order.

    On a CPU several items are computed at a time, and as many are taken ahead.
    """
    return threads.on_each(function, items, device_of(model))


def make_clip(model: ActionCLIP, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, "T 3 S S"]:
    """Scale frames and cut out the middle square, as the model takes them."""
    encoder = model.encoder
    return transforms.test_clip(frames, encoder.short_side, encoder.image_size)


def vision_features(
    model: ActionCLIP, clips: Shaped[Tensor, "B T 3 S S"]
) -> Float[Tensor, "B T E"]:
    """Run the vision tower, a bounded number of frames at once.

    Args:
        model: any.
        clips: RGB, float in 0…1 or uint8, on any device.

    Returns:
        The features, on the CPU.
    """
    return _in_parts(clips, model, model.vision_features).cpu()


def embed_clips(model: ActionCLIP, clips: Shaped[Tensor, "B T 3 S S"]) -> Float[Tensor, "B D"]:
    """Make one embedding, of length one, of each clip, on the model's device.

    Args:
        model: any.
        clips: as in `vision_features`.
    """
    return _in_parts(clips, model, model.embed_clips)


def project_views(model: ActionCLIP, features: Float[Tensor, "B V T E"]) -> Float[Tensor, "B V D"]:
    """Make the clip features, of any length and on the CPU, of each view's vision features."""
    with torch.inference_mode():
        views = features.flatten(0, 1).to(device_of(model))  # (B·V, T, E)
        made = model.clip_features(model.project(views)).float().cpu()  # (B·V, D)
    return made.unflatten(0, features.shape[:2])


def stream_features(
    model: ActionCLIP, batches: Iterable[UInt8[np.ndarray, "T H W 3"]]
) -> Generator[Float[Tensor, "T E"]]:
    """Yield the features of frames that do not see each other, in their batches.

    Args:
        model: any without visual prompts inside the tower.
        batches: of `max_frames`; some are taken ahead, as by `parallel_map`.
    """

    def encode(frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, "T E"]:
        return vision_features(model, make_clip(model, frames)[None])[0]

    yield from parallel_map(encode, batches, model)


def depends_on(model: ActionCLIP) -> dict[str, Any]:
    """Return all that features depend on besides a video and a sampling, as plain values."""
    return {
        **fingerprint.of_vision(model),
        "pixels": code_of("actionclip.video"),
        "av": metadata.version("av"),
    }


@functools.cache
def code_of(package: str) -> str:
    """Hash the modules of a package, because their rules decide what is stored."""
    digest = hashlib.sha256()
    modules = sorted(resources.files(package).iterdir(), key=lambda path: path.name)
    for module in modules:
        if module.name.endswith(".py"):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:16]


def _in_parts(
    clips: Tensor, model: ActionCLIP, compute: Callable[[Tensor], Tensor]
) -> Shaped[Tensor, "B ..."]:
    """Compute some clips after others, so that no more than `max_frames` are on the device."""
    at_once = max(1, max_frames(model) // clips.shape[1])
    with torch.inference_mode():
        results = [compute(_to_device(part, device_of(model))) for part in clips.split(at_once)]
    return torch.cat(results)


def _to_device(clips: Tensor, device: torch.device) -> Float[Tensor, "B T 3 S S"]:
    if device.type == "cuda" and clips.device.type == "cpu":
        clips = clips if clips.is_pinned() else clips.pin_memory()
    return transforms.to_float(clips.to(device, non_blocking=True))
