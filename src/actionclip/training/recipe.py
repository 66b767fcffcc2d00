"""A recipe: a training run as one TOML file, and as a typed value.

Unknown keys and impossible values are refused. A recipe holds everything that a run depends on;
only the device and the output folder come from the command line.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from actionclip import conventions, validation
from actionclip.conventions import Conventions, Like
from actionclip.model.config import Task
from actionclip.model.temporal_heads import HEADS, INITIALISATIONS
from actionclip.text import prompts
from actionclip.text.text_files import read_text
from actionclip.training.loss import Target
from actionclip.training.objectives import OBJECTIVES

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


def _one_of(known: Collection[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"unknown {value!r}; known: {list(known)}")
        return value

    return AfterValidator(check)


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Model(_Section):
    """What is trained."""

    start: str = "lite"
    """lite, a name on a hub, a checkpoint folder or an official .pt file."""
    temporal_head: Annotated[str, _one_of(HEADS)] | None = None
    """How frame features become clip features; by default as in `start`."""
    num_frames: Count | None = None
    """Frames that a clip is sampled to; by default as in `start`."""
    shift: bool | None = None
    """In-network prompt: shift channels between frames."""
    joint: bool | None = None
    """Pre-network prompt: patches of all frames attend to each other."""
    head_initialisation: Annotated[str, _one_of(INITIALISATIONS)] = "identity"
    """A new head starts as the mean over the frames (identity), or at random (paper)."""
    random_towers: list[Literal["vision", "text"]] = []
    """Towers whose weights are initialized anew at random (paper, table 2)."""


class Data(_Section):
    """The clips to train on."""

    path: str
    """A folder per label, a CSV, or a benchmark's own files; relative to the current folder."""
    videos: str | None = None
    """The folder of the videos, if not that of `path`."""
    labels: str | None = None
    """The label file of a list of numbers; or all labels in their order; or a set: kinetics400."""
    whole_videos: bool = False
    """Merge the parts of a video into one clip that has all their labels, as Charades is scored."""
    shots: Count | None = None
    """Train on this number of clips of each label only."""
    sampling: Literal["segments", "dense", "keyframes"] = "segments"
    """A frame of each equal part (segments), frames close together (dense), or keyframes only."""
    augmentation: Literal[
        "paper", "paper-without-randaugment", "official", "official-without-randaugment", "none"
    ] = "paper"
    """Of the pixels; paper: the same for all frames of a clip; official: as the official code."""
    one_sided: list[str] | None = None
    """Labels whose mirror image is another action; by default those with left or right in them."""
    cached_views: Annotated[int, Field(ge=0)] = 0
    """With a frozen vision tower: views of each clip whose features are cached on disk."""
    hold: bool = False
    """Decode each clip once, as for testing, and hold it in memory: pictures, short videos."""
    num_workers: Annotated[int, Field(ge=0)] = 2
    """Processes that decode videos."""


class Prompts(_Section):
    """The texts of a clip."""

    templates: Literal["paper", "bare", "clip"] | list[str] = "paper"
    """A named set, or sentences with a hole {}; a clip gets one of them at random each step."""


class Loss(_Section):
    """What is minimized."""

    kind: Annotated[str, _one_of(OBJECTIVES)] = "contrastive"
    """contrastive (ActionCLIP), one-hot (CLIP), or classifier (a linear layer, no texts)."""
    target: Target = "exact"
    """The target of a row: spread evenly over its matches, or the official softmax(10 · match)."""


class Optim(_Section):
    """AdamW, with a linear warm-up and then a cosine to zero."""

    epochs: Count = 50
    """Passes over the clips."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 5
    """Epochs over which the learning rate grows from zero."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Clips that are compared with each other, summed over all processes."""
    micro_batch_size: Count | None = None
    """Clips in memory at once in a process; the result is that of the whole batch."""
    lr: Annotated[float, Field(gt=0)] = 5e-6
    """Of the towers."""
    head_lr_ratio: Annotated[float, Field(gt=0)] = 10
    """The head's learning rate over that of the towers."""
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.9, 0.98]
    """Decay rates of AdamW's running means."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.2
    """Of AdamW."""
    decay_norms_and_biases: bool = False
    """Decay these as well, as the official code does."""
    schedule: Literal["every-step", "official"] = "every-step"
    """When the learning rate changes; official: at the first and each tenth step of an epoch."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 20
    """The largest norm of the gradient; a larger one is scaled down to it."""


class Weights(_Section):
    """Which weights are trained, and how they are averaged."""

    freeze: list[str] = []
    """Prefixes of the names of parameters that are not trained, such as encoder.text_tower."""
    lora_rank: Count | None = None
    """Freeze the encoder and train LoRA adapters of this rank in its linear layers."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Test and save an exponential moving average of the weights with this decay per step."""
    interpolate: list[Share] = []
    """Afterwards, also save mixtures with the starting weights: shares of the trained weights."""
    zero_shot_data: str | None = None
    """Data with other labels, on which start, best and mixtures are compared."""


class Computing(_Section):
    """How it is computed; apart from the seed, this changes results by rounding only."""

    seed: Annotated[int, Field(ge=0)] = 0
    """The same seed gives the same weights."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the towers; auto is bf16 where the device has it in hardware."""
    compile: bool = False
    """Use torch.compile; worth it on GPUs in runs of an hour and more."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of storing them."""
    seconds_between_saves: Annotated[float, Field(ge=0)] = 30
    """The most work that a killed run loses; more if saving is slow."""
    trackers: list[str] = ["tensorboard"]
    """Trackers of accelerate that get the metrics besides metrics.csv, such as wandb."""


OFFICIAL: dict[str, dict[str, Any]] = {
    "model": {"head_initialisation": "paper"},  # modules/Visual_Prompt.py
    "data": {"augmentation": "official", "one_sided": []},  # utils/Augmentation.py
    "loss": {"target": "official"},  # utils/KLLoss.py
    "optim": {
        "decay_norms_and_biases": True,  # utils/solver.py
        "schedule": "official",  # train.py
        "clip_norm": None,  # train.py: the configuration's clip_gradient is not read
    },
}
"""The defaults with `like = "official"`; those of testing are in `conventions.OFFICIAL`."""


class Recipe(_Section):
    """A training run."""

    like: Like = "default"
    """official: train and test as the official code does, in every key that is not set."""
    model: Model = Model()
    data: Data
    prompts: Prompts = Prompts()
    loss: Loss = Loss()
    optim: Optim = Optim()
    weights: Weights = Weights()
    computing: Computing = Computing()

    @property
    def conventions(self) -> Conventions:
        """How clips are scaled, cropped and scored at test."""
        return conventions.named(self.like)

    @property
    def templates(self) -> Sequence[str]:
        """The sentences that the recipe names or lists."""
        chosen = self.prompts.templates
        return prompts.SETS[chosen] if isinstance(chosen, str) else chosen

    def task(self, labels: Sequence[str]) -> Task:
        """Describe what is trained, for the checkpoint."""
        return Task(
            tuple(labels),
            tuple(self.templates),
            self.data.sampling,
            Path(self.data.path).name,
            self.like,
        )

    @model_validator(mode="before")
    @classmethod
    def _set_official_defaults(cls, document: object) -> object:
        if not isinstance(document, dict) or document.get("like") != "official":
            return document
        filled = dict(document)
        for name, keys in OFFICIAL.items():
            section = filled.get(name, {})
            if isinstance(section, _Section):
                section = section.model_dump(exclude_unset=True)
            if isinstance(section, dict):
                filled[name] = keys | section
        return filled

    @model_validator(mode="after")
    def _check_combinations(self) -> Recipe:
        optim = self.optim
        if optim.warmup_epochs > optim.epochs:
            raise ValueError(
                f"optim.warmup_epochs: {optim.warmup_epochs:g} is longer than the "
                f"{optim.epochs} epochs; shorten it"
            )
        if self.data.hold and (self.data.augmentation != "none" or self.data.cached_views):
            raise ValueError(
                "data.hold: a held clip is the same in every epoch; set data.augmentation = "
                '"none" and data.cached_views = 0'
            )
        if optim.micro_batch_size and optim.batch_size % optim.micro_batch_size:
            raise ValueError(
                f"optim.micro_batch_size: {optim.micro_batch_size} does not divide the "
                f"batch of {optim.batch_size}; choose one that does"
            )
        if self.loss.kind == "classifier" and (
            self.weights.interpolate or self.weights.zero_shot_data
        ):
            raise ValueError(
                "weights.interpolate: a classifier has scores for its own labels only; remove it "
                "and zero_shot_data"
            )
        return self


def read(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not text or TOML, or has an unknown key or an impossible value.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe; check the path")
    return parse(read_text(path), str(path))


def parse(text: str, where: str) -> Recipe:
    """Read the TOML text of a recipe; `where` names it in errors.

    Raises:
        ValueError: as in `read`.
    """
    try:
        return validation.read(Recipe, tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where}: not TOML: {error}") from error
    except TypeError as error:
        raise ValueError(f"{where}: a date, which no key takes ({error}); quote text") from error


def write(recipe: Recipe) -> str:
    """Return the recipe as TOML: the keys that are set, each below its description."""
    lines = [f'like = "{recipe.like}"'] if recipe.like != "default" else []
    for name, section in recipe:
        if name not in recipe.model_fields_set or not isinstance(section, _Section):
            continue
        lines += ["", f"[{name}]"]
        for key, value in section:
            if key in section.model_fields_set and value is not None:  # TOML has no null
                lines.append(f"# {type(section).model_fields[key].description}")
                lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines).strip()


def by_key(recipe: Recipe) -> dict[str, Any]:
    """Return the value of each key, set or not: {"like": "default", "optim.lr": 5e-6, …}."""
    sections = {name: value for name, value in recipe if isinstance(value, _Section)}
    values = {f"{n}.{key}": value for n, section in sections.items() for key, value in section}
    return {"like": recipe.like, **values}


def with_like(text: str, like: Like, where: str) -> str:
    """Return the text of a recipe with `like` set in it; `where` names it in errors.

    Raises:
        ValueError: as in `parse`; or the recipe has another value.
    """
    recipe = parse(text, where)
    if "like" not in recipe.model_fields_set:
        return f'like = "{like}"\n{text}'
    if recipe.like != like:
        raise ValueError(f'{where}: has like = "{recipe.like}"; change it there to "{like}"')
    return text
