"""A recipe becomes a run: its data is read and checked, its model loaded, all that is dear last.

Knows nothing of the loop and of the folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import AutocastKwargs
from jaxtyping import Int
from torch import Tensor, nn

from actionclip.data import reading, requirements, splits
from actionclip.data.annotations import Annotations
from actionclip.data.clips import Sampling
from actionclip.data.problems import ProblemsError
from actionclip.model import precision
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.task import Task
from actionclip.text import label_sets, prompts
from actionclip.text.label_files import LabelFile
from actionclip.training import lora, optim, random_start
from actionclip.training.cached import CachedFeatures, Progress
from actionclip.training.recipe import Data, Recipe
from actionclip.training.run import Run
from actionclip.training.sources import Source, Videos

_DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def make_accelerator(recipe: Recipe, output: Path, device: str | None = None) -> Accelerator:
    """Find out about devices, processes and the precision that they are good at.

    Args:
        recipe: says precision and trackers.
        output: where trackers that keep files keep them.
        device: cpu, or cuda; a GPU if there is one.

    Raises:
        ValueError: fp16 was asked for where there is no GPU.
    """
    chosen = recipe.computing.precision
    place = precision.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if chosen == "auto":
        is_bf16 = precision.choose("auto", place).dtype == torch.bfloat16
        chosen = "bf16" if is_bf16 else "fp32"
    if chosen == "fp32":
        precision.choose("fp32", place)  # in convolutions too
    if chosen == "fp16" and place.type != "cuda":
        raise ValueError(f"computing.precision: no fp16 on {place.type}; use auto, bf16 or fp32")
    AcceleratorState._reset_state()  # of a run before this one, in the same process
    return Accelerator(
        cpu=place.type == "cpu",
        mixed_precision="no" if chosen == "fp32" else chosen,
        kwargs_handlers=[AutocastKwargs(enabled=False)],  # the model itself knows what to cast
        log_with=list(recipe.computing.trackers) or None,
        project_dir=output,
    )


def read_data(recipe: Recipe, num_processes: int = 1) -> tuple[Annotations, Annotations]:
    """Read the data to train on and the data to test on.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: something is wrong with it, or it does not go with the recipe; says what to do.
    """
    chosen, batch_size = recipe.data, recipe.optim.batch_size
    found = read_trainable(chosen)
    if chosen.shots is not None:
        found = splits.few_shot(found, chosen.shots, recipe.computing.seed)
    train = found.of_split("train")
    train = train.with_examples(example for example in train.examples if example.labels)
    held_out = found.of_split("val" if "val" in found.splits else "test")
    _check_batch_size(recipe, train)
    if batch_size % num_processes:
        raise ValueError(
            f"optim.batch_size: {batch_size} cannot be shared out to {num_processes} processes; "
            "choose a multiple"
        )
    return train, held_out


def read_trainable(chosen: Data) -> Annotations:
    """Read all examples of the data that a recipe names, and make sure that they can be trained on.

    Raises:
        FileNotFoundError: there is no such data or label file.
        ValueError: something is wrong with it, or it lacks what training needs.
    """
    found = read_annotations(chosen)
    if chosen.whole_videos:
        found = found.whole_videos()
    reasons = [f"{chosen.path}: {reason}" for reason in requirements.unmet(found)]
    if reasons:
        raise ProblemsError(reasons)
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
    train: Annotations,
    held_out: Annotations,
    on_progress: Progress = lambda done, total: None,
) -> Run:
    """Load the model, compute the features that are to be kept, and put everything together.

    Args:
        recipe: of the run.
        accelerator: of the run.
        train: clips to train on.
        held_out: clips to test on.
        on_progress: told how many features of videos are there, and how many are wanted.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: the model cannot do what the recipe asks for.
    """
    dtype = _DTYPES[accelerator.mixed_precision]
    loaded = load_model(recipe, dtype).to(accelerator.device)
    texts = tokenize(loaded, recipe, train)
    loaded.task = task_of(recipe, train.labels)
    sources: list[Source] = []
    for part, num_views in ((train, recipe.data.cached_views), (held_out, 1)):
        videos = Videos(
            part,
            Sampling(loaded.config.num_frames, recipe.data.sampling),
            loaded.encoder.short_side,
            loaded.encoder.image_size,
            recipe.data,
            recipe.conventions,
        )
        if recipe.data.cached_views:
            _check_frozen(loaded)
            sources.append(CachedFeatures(videos, loaded, accelerator, num_views, on_progress))
        else:
            sources.append(videos)
    _check_batch_size(recipe, sources[0].annotations)  # a cache has found out what is damaged
    return Run(recipe, accelerator, loaded, texts, *sources)


def fingerprint(parts: Sequence[Annotations]) -> str:
    """Say in a few letters which clips and labels these are, so that a change is noticed."""
    clips = [dataclasses.astuple(example) for part in parts for example in part.examples]
    return hashlib.sha256(repr((parts[0].labels, clips)).encode()).hexdigest()[:16]


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
