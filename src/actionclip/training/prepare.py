"""A recipe becomes a run: its data is read and checked, its model loaded, all that is dear last.

Knows nothing of the loop and of the folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import AutocastKwargs, InitProcessGroupKwargs
from jaxtyping import Int
from torch import Tensor, nn

from actionclip.data import problems, reading
from actionclip.data.annotations import Annotations
from actionclip.data.clips import Sampling
from actionclip.model import devices
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Task
from actionclip.text import label_sets, prompts
from actionclip.text.label_files import LabelFile
from actionclip.training import held_out, lora, optim, random_start
from actionclip.training.cached import CachedFeatures, Progress
from actionclip.training.held_out import Parts
from actionclip.training.recipe import Data, Recipe
from actionclip.training.run import Run
from actionclip.training.sources import Source, Videos

_DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LONGEST_WAIT = timedelta(hours=6)
"""Of one process for another: shares of slow videos take unequally long, and the launcher already
ends the others when one has died."""


def make_accelerator(recipe: Recipe, output: Path, device: str | None = None) -> Accelerator:
    """Find out about devices, processes and the precision that they are good at.

    Args:
        recipe: says precision and trackers.
        output: where trackers that keep files keep them.
        device: cpu, or cuda; a GPU if there is one.

    Raises:
        ValueError: there is no such device, or fp16 was asked for where there is no GPU.
    """
    chosen = recipe.computing.precision
    place = _device(device)
    if chosen == "auto":
        is_bf16 = devices.choose_precision("auto", place).dtype == torch.bfloat16
        chosen = "bf16" if is_bf16 else "fp32"
    if chosen == "fp32":
        devices.choose_precision("fp32", place)  # in convolutions too
    if chosen == "fp16" and place.type != "cuda":
        raise ValueError(f"computing.precision: no fp16 on {place.type}; use auto, bf16 or fp32")
    AcceleratorState._reset_state()  # of a run before this one, in the same process
    return Accelerator(
        cpu=place.type == "cpu",
        mixed_precision="no" if chosen == "fp32" else chosen,
        kwargs_handlers=[
            AutocastKwargs(enabled=False),  # the model itself knows what to cast
            InitProcessGroupKwargs(timeout=_LONGEST_WAIT),
        ],
        log_with=list(recipe.computing.trackers) or None,
        project_dir=output,
    )


def _device(name: str | None) -> torch.device:
    """Make the device that was named the current one, since `Accelerator` takes the current GPU.

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


def read_data(recipe: Recipe, num_processes: int = 1) -> Parts:
    """Read the clips to train on, and those that select the checkpoint.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: something is wrong with it, or it does not go with the recipe; says what to do.
    """
    chosen, batch_size = recipe.data, recipe.optim.batch_size
    found = read_trainable(chosen)
    parts = held_out.part(found, batch_size, chosen.shots, recipe.computing.seed)
    _check_batch_size(recipe, parts.train)
    if batch_size % num_processes:
        raise ValueError(
            f"optim.batch_size: {batch_size} cannot be shared out to {num_processes} processes; "
            "choose a multiple"
        )
    return parts


def read_trainable(chosen: Data) -> Annotations:
    """Read all examples of the data that a recipe names, and make sure that they can be trained on.

    Raises:
        FileNotFoundError: there is no such data or label file.
        ValueError: something is wrong with it, or it lacks what training needs.
    """
    found = read_annotations(chosen)
    if chosen.whole_videos:
        found = found.whole_videos()
    reasons = [f"{chosen.path}: {reason}" for reason in problems.unmet_requirements(found)]
    if reasons:
        raise problems.ProblemsError(reasons)
    return found


def read_annotations(chosen: Data) -> Annotations:
    """Read all examples of the data that a recipe names.

    Raises:
        FileNotFoundError: there is no such data or label file.
        ValueError: something is wrong with it.
    """
    videos = Path(chosen.videos) if chosen.videos else None
    return reading.read(Path(chosen.path), videos, labels_of(chosen))


def labels_of(chosen: Data) -> LabelFile | None:
    """Read the label file that a recipe names; None if it names none."""
    return label_sets.find_file(chosen.labels) if chosen.labels else None


def load_start(recipe: Recipe) -> ActionCLIP:
    """Load what the recipe starts from, with its visual prompts; every time the same.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the model cannot do what the recipe asks for.
    """
    chosen = recipe.model
    torch.manual_seed(recipe.computing.seed)  # new heads begin at random
    loaded = ActionCLIP.load(
        chosen.start,
        temporal_head=chosen.temporal_head,
        num_frames=chosen.num_frames,
        shift=chosen.shift,
        joint=chosen.joint,
        head_initialisation=chosen.head_initialisation,
    )
    for name in chosen.random_towers:
        random_start.forget(loaded.encoder.get_submodule(f"{name}_tower"))
    return loaded


def load_model(recipe: Recipe, dtype: torch.dtype) -> ActionCLIP:
    """Load the start, adapt it, and freeze what is to stay.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the model cannot do what the recipe asks for.
    """
    loaded = load_start(recipe)
    is_auto = recipe.computing.precision == "auto"
    # Of what the towers compute with; their weights stay fp32.
    loaded.precision = torch.float32 if is_auto and loaded.encoder.wants_fp32 else dtype
    if recipe.weights.lora_rank is not None:
        lora.adapt(loaded, recipe.weights.lora_rank)
    optim.freeze(loaded, recipe.weights.freeze)
    if recipe.computing.gradient_checkpointing:
        for tower in (loaded.encoder.vision_tower, loaded.encoder.text_tower):
            _checkpoint_activations(tower)
    return loaded


def tokenize(loaded: ActionCLIP, recipe: Recipe, annotations: Annotations) -> Int[Tensor, "K N L"]:
    """Put every label into every template.

    Raises:
        ValueError: a template has not exactly one hole.
    """
    templates = templates_of(recipe)
    labels, raw = annotations.labels, recipe.conventions.raw_label_names
    filled = prompts.fill(templates, annotations.written(labels) if raw else labels, raw=raw)
    return loaded.tokenize(filled).unflatten(0, (len(templates), len(labels)))


def templates_of(recipe: Recipe) -> Sequence[str]:
    """Give the sentences that the recipe names or holds."""
    chosen = recipe.prompts.templates
    return prompts.SETS[chosen] if isinstance(chosen, str) else chosen


def task_of(recipe: Recipe, labels: Sequence[str]) -> Task:
    """Describe what is trained, for the checkpoint."""
    return Task(
        tuple(labels),
        tuple(templates_of(recipe)),
        recipe.data.sampling,
        Path(recipe.data.path).name,
        recipe.like,
    )


def make_run(
    recipe: Recipe,
    accelerator: Accelerator,
    parts: Parts,
    on_progress: Progress = lambda done, total: None,
) -> Run:
    """Load the model, compute the features that are to be kept, and put everything together.

    Args:
        recipe: of the run.
        accelerator: of the run.
        parts: clips to train on, and those that select the checkpoint.
        on_progress: told how many features of videos are there, and how many are wanted.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: the model cannot do what the recipe asks for.
    """
    dtype = _DTYPES[accelerator.mixed_precision]
    loaded = load_model(recipe, dtype).to(accelerator.device)
    texts = tokenize(loaded, recipe, parts.train)
    loaded.task = task_of(recipe, parts.train.labels)
    sources: list[Source] = []
    for clips, num_views in ((parts.train, recipe.data.cached_views), (parts.held_out, 1)):
        videos = Videos(
            clips,
            Sampling(loaded.config.num_frames, recipe.data.sampling),
            loaded.encoder.short_side,
            loaded.encoder.image_size,
            recipe.data,
            recipe.conventions,
            pin_memory=accelerator.device.type == "cuda",
        )
        if recipe.data.cached_views:
            _check_frozen(loaded)
            sources.append(CachedFeatures(videos, loaded, accelerator, num_views, on_progress))
        else:
            sources.append(videos)
    _check_batch_size(recipe, sources[0].annotations)  # a cache has found out what is damaged
    data, chosen = sources
    return Run(recipe, accelerator, loaded, texts, data, chosen, parts.source)


def fingerprint(parts: Parts) -> str:
    """Say in a few letters which clips and labels these are, so that a change is noticed."""
    examples = (*parts.train.examples, *parts.held_out.examples)
    clips = [dataclasses.astuple(example) for example in examples]
    return hashlib.sha256(repr((parts.train.labels, clips)).encode()).hexdigest()[:16]


def _check_batch_size(recipe: Recipe, train: Annotations) -> None:
    batch_size, num_clips = recipe.optim.batch_size, len(train.examples)
    if batch_size > num_clips:
        raise ValueError(
            f"optim.batch_size: {batch_size} is larger than the {num_clips} clips of the split "
            f"train in {recipe.data.path}; lower it"
        )


def _check_frozen(loaded: ActionCLIP) -> None:
    moving = [
        name
        for name in optim.trained(loaded)
        if name.startswith(("encoder.vision_tower.", "encoder.time_positions"))
    ]
    if moving:
        raise ValueError(
            f"data.cached_views: features can be kept of a frozen vision tower only, but "
            f'{moving[0]} moves; set weights.freeze = ["encoder.vision_tower"] or cached_views = 0'
        )


def _checkpoint_activations(tower: nn.Module) -> None:
    """Switch on what the towers of `transformers` offer; its name changed in release 5."""
    for name in ("activation_checkpointing_enable", "gradient_checkpointing_enable"):
        if hasattr(tower, name):
            getattr(tower, name)()
            return
    raise ValueError(
        "computing.gradient_checkpointing: the towers of 'lite' cannot; set it to false, and "
        "optim.micro_batch_size to less"
    )
