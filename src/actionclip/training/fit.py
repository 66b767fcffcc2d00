"""A recipe and a folder become a trained checkpoint in that folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import AutocastKwargs, InitProcessGroupKwargs

from actionclip.model import devices
from actionclip.training import data, held_out, loop
from actionclip.training import recipe as recipes
from actionclip.training.checkpoints import CheckpointManager
from actionclip.training.loop import Epoch, Progress, Stopped
from actionclip.training.recipe import Recipe
from actionclip.training.run import Run
from actionclip.training.sources import OnProgress

_TIMEOUT = timedelta(hours=6)
"""Of one process waiting for another: shares of slow videos take unequally long, and the launcher
already ends the others when one has died."""


def fit(
    recipe_text: str,
    output: Path,
    *,
    where: str = "the recipe",
    resume: bool = False,
    device: str | None = None,
    on_features: OnProgress = lambda done, total: None,
    on_step: Callable[[Progress], object] = lambda progress: None,
    on_epoch: Callable[[Epoch], object] = lambda epoch: None,
) -> None:
    """Train as the recipe says; afterwards output/best and output/last are checkpoints.

    Args:
        recipe_text: TOML.
        output: the folder of the run; made if it does not exist.
        where: names the recipe in errors.
        resume: continue the run in the folder, if there is one.
        device: cpu, or cuda; a GPU if there is one.
        on_features: called with the number of cached features that exist, and of all.
        on_step: called after every step.
        on_epoch: called after every epoch.

    Raises:
        FileNotFoundError: data or model do not exist.
        ValueError: recipe, data or folder are wrong, or the loss is not a finite number.
        OSError: the disk is full, or another process ended; what was saved before is intact.
        Stopped: by Ctrl-C or SIGTERM, after saving.
    """
    recipe = recipes.parse(recipe_text, where)
    accelerator = make_accelerator(recipe, output, device)
    parts = data.read(recipe, accelerator.num_processes)
    zero_shot = data.read_zero_shot(recipe)
    checkpoints = CheckpointManager(output, recipe_text, parts.fingerprint, resume=resume)
    run = Run(recipe, accelerator, parts, on_features)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        parts.warn(recipe.data.path)
        checkpoints.create()
    accelerator.wait_for_everyone()
    checkpoints.restore(run)
    accelerator.init_trackers("log")
    try:
        with loop.naming_lost_processes(accelerator.num_processes):
            loop.train(run, checkpoints, on_step, on_epoch)
            accelerator.wait_for_everyone()
            held_out.calibrate(run, checkpoints)
            held_out.interpolate(run, checkpoints, zero_shot)
            accelerator.wait_for_everyone()
    except Stopped:
        accelerator.end_training()
        raise
    accelerator.end_training()  # ends the process group, so nothing of several processes follows


def make_accelerator(recipe: Recipe, output: Path, device: str | None = None) -> Accelerator:
    """Set up device, processes, precision and trackers, whose files go below `output`.

    Raises:
        ValueError: there is no such device, or the recipe asks for fp16 without a GPU.
    """
    place = _device(device)
    chosen = recipe.computing.precision
    if chosen == "auto":
        is_bf16 = devices.choose_precision("auto", place).dtype == torch.bfloat16
        chosen = "bf16" if is_bf16 else "fp32"
    if chosen == "fp32":
        devices.choose_precision("fp32", place)  # in convolutions too
    if chosen == "fp16" and place.type != "cuda":
        raise ValueError(f"computing.precision: no fp16 on {place.type}; use auto, bf16 or fp32")
    AcceleratorState._reset_state()  # of an earlier run in the same process
    return Accelerator(
        cpu=place.type == "cpu",
        mixed_precision="no" if chosen == "fp32" else chosen,
        kwargs_handlers=[
            AutocastKwargs(enabled=False),  # the model itself casts its towers
            InitProcessGroupKwargs(timeout=_TIMEOUT),
        ],
        log_with=list(recipe.computing.trackers) or None,
        project_dir=output,
    )


def _device(name: str | None) -> torch.device:
    """Make the device the current one, since `Accelerator` takes the current GPU.

    Raises:
        ValueError: there is no such device, or one GPU is named for several processes.
    """
    device = devices.find(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda" and device.index is not None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ValueError(
                f"device: {name!r} is one GPU for several processes; give 'cuda', and each takes"
                " its own"
            )
        torch.cuda.set_device(device)
    return device
