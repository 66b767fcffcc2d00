"""A recipe: a training run written down in TOML becomes a typed value, and back.

Unknown keys and impossible values are refused. Everything a run depends on stands in its recipe;
only where it runs and where its files go are said on the command line. Knows no data and no model.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from actionclip import conventions
from actionclip.conventions import Conventions, Like
from actionclip.model.temporal_heads import HEADS, INITIALISATIONS
from actionclip.text.text_files import read_text
from actionclip.training.loss import Target

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
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
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
    """Towers that forget what they learnt before and start at random (paper, table 2)."""


class Data(_Section):
    """What it is trained on."""

    path: str
    """A folder per label, a CSV, or a benchmark's own files; relative to where you stand."""
    videos: str | None = None
    """The folder of the videos, if not that of `path`."""
    labels: str | None = None
    """The label file of a list of numbers; or all labels in their order; or a set: kinetics400."""
    whole_videos: bool = False
    """Merge the parts of a video into one clip that has all their labels, as Charades is scored."""
    shots: Count | None = None
    """Train on so many clips of each label only."""
    sampling: Literal["segments", "dense", "keyframes"] = "segments"
    """One frame of each equal part; frames close together; or only frames that decode alone."""
    augmentation: Literal[
        "paper", "paper-without-randaugment", "official", "official-without-randaugment", "none"
    ] = "paper"
    """Of the pixels; paper: the same for all frames of a clip; official: as the official code."""
    one_sided: list[str] | None = None
    """Labels whose mirror image is another action; by default those that say left or right."""
    cached_views: Annotated[int, Field(ge=0)] = 0
    """With a frozen vision tower: keep the features of so many views of each clip on disk."""
    num_workers: Annotated[int, Field(ge=0)] = 2
    """Processes that decode videos."""


class Prompts(_Section):
    """What is said about a clip."""

    templates: Literal["paper", "bare", "clip"] | list[str] = "paper"
    """A named set, or sentences with a hole {}; a clip gets one of them at random each step."""


class Loss(_Section):
    """What is made small."""

    kind: Literal["contrastive", "one-hot", "classifier"] = "contrastive"
    """ActionCLIP's, CLIP's own, or the paper's unimodal baseline: a linear layer and no words."""
    target: Target = "exact"
    """Of `contrastive`: mass spread over the matches, or the official softmax(10 · match)."""


class Optim(_Section):
    """How: AdamW, a linear warm-up, then a cosine to zero."""

    epochs: Count = 50
    """How often every clip is looked at."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 5
    """Over which the learning rate grows from zero."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Clips that are compared with each other, over all processes together."""
    micro_batch_size: Count | None = None
    """Clips that a process holds activations of at once; the result is that of the whole batch."""
    lr: Annotated[float, Field(gt=0)] = 5e-6
    """Of the towers."""
    head_lr_ratio: Annotated[float, Field(gt=0)] = 10
    """The head's learning rate over that of the towers."""
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.9, 0.98]
    """AdamW's decay of its running means."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.2
    """AdamW's pull towards zero."""
    decay_norms_and_biases: bool = False
    """Pull these as well, as the official code does."""
    schedule: Literal["every-step", "official"] = "every-step"
    """When the learning rate changes; official: at the first and each tenth step of an epoch."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 20
    """Gradients longer than this are shortened to it."""


class Weights(_Section):
    """Which weights move, and what becomes of them."""

    freeze: list[str] = []
    """Beginnings of parameter names that stay as they are, such as encoder.text_tower."""
    lora_rank: Count | None = None
    """Freeze the encoder and learn changes of its linear layers of this rank (LoRA)."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Test and keep a running mean of the weights that forgets at this rate each step."""
    interpolate: list[Share] = []
    """Afterwards, also keep mixtures with the starting weights; shares of the trained ones."""
    zero_shot_data: str | None = None
    """Data with other labels, on which start, best and mixtures are compared."""


class Computing(_Section):
    """What it is computed with; changes the result no more than rounding does."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Same seed, same weights."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the towers; auto is bf16 where the device multiplies it in hardware."""
    compile: bool = False
    """Let torch.compile fuse the model; pays on GPUs in runs of an hour and more."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them."""
    seconds_between_saves: Annotated[float, Field(ge=0)] = 30
    """How much work is lost at most when a run is killed, unless saving takes very long."""
    trackers: list[str] = ["tensorboard"]
    """Where metrics go besides metrics.csv; any of accelerate's, such as wandb."""


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
"""With `like = "official"`, what a recipe means by the keys that it leaves out. How it is tested is
in `conventions.OFFICIAL`."""


class Recipe(_Section):
    """A training run."""

    like: Like = "default"
    """official: as the official code trains and tests, in every key that is not set."""
    model: Model = Model()
    data: Data
    prompts: Prompts = Prompts()
    loss: Loss = Loss()
    optim: Optim = Optim()
    weights: Weights = Weights()
    computing: Computing = Computing()

    @property
    def conventions(self) -> Conventions:
        """How clips are tested."""
        return conventions.named(self.like)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, document: object) -> object:
        """Set the keys that are not set to the official values."""
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
    def _belong_together(self) -> Recipe:
        optim = self.optim
        if optim.warmup_epochs > optim.epochs:
            raise ValueError(
                f"optim.warmup_epochs: {optim.warmup_epochs:g} is longer than the "
                f"{optim.epochs} epochs; shorten it"
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
                "weights.interpolate: a classifier knows its own labels only; leave it and "
                "zero_shot_data away"
            )
        return self


def read(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not text or TOML, or names an unknown key or an impossible value.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe; check the path")
    return parse(read_text(path), str(path))


def parse(text: str, where: str) -> Recipe:
    """Read the text of a recipe; `where` names it in errors.

    Raises:
        ValueError: as in `read`.
    """
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where}: not TOML: {error}") from error
    except ValidationError as error:
        complaints = "; ".join(_complaint(detail) for detail in error.errors())
        raise ValueError(f"{where}: {complaints}") from error


def write(recipe: Recipe) -> str:
    """Give the recipe as TOML: what was set in it, each key below what it means."""
    like = [f'like = "{recipe.like}"'] if recipe.like != "default" else []
    sections = [name for name in _set(recipe) if name != "like"]
    return "\n\n".join([*like, *("\n".join(_lines(s, getattr(recipe, s))) for s in sections)])


def by_key(recipe: Recipe) -> dict[str, Any]:
    """Give the value of each key, set or not: {"like": "default", "optim.lr": 5e-6, …}."""
    sections = {name: getattr(recipe, name) for name in Recipe.model_fields if name != "like"}
    values = {f"{n}.{key}": value for n, section in sections.items() for key, value in section}
    return {"like": recipe.like, **values}


def with_like(text: str, like: Like, where: str) -> str:
    """Give the text of a recipe with `like` set in it.

    Args:
        text: TOML.
        like: to set.
        where: names the recipe in errors.

    Raises:
        ValueError: as in `parse`; or the recipe itself says another.
    """
    said = parse(text, where)
    if "like" not in said.model_fields_set:
        return f'like = "{like}"\n{text}'
    if said.like != like:
        raise ValueError(f'{where}: says like = "{said.like}"; change it there to "{like}"')
    return text


def _lines(name: str, section: _Section) -> Iterator[str]:
    yield f"[{name}]"
    for key in _set(section):
        if getattr(section, key) is None:
            continue  # TOML has no null; it is the default, or what `like` means
        yield f"# {type(section).model_fields[key].description}"
        yield f"{key} = {json.dumps(getattr(section, key), ensure_ascii=False)}"


def _set(section: _Section) -> list[str]:
    keys = (key for key in type(section).model_fields if key in section.model_fields_set)
    return [key for key in keys if getattr(section, key) is not None]  # TOML has no null


def _complaint(detail: ErrorDetails) -> str:
    """Say what pydantic found, in one clause."""
    place = [str(part) for part in detail["loc"] if not str(part).endswith("]")]  # no unions
    where = ".".join(place)
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(place[:-1])
            close = difflib.get_close_matches(place[-1], known, n=1)
            advice = f"did you mean {close[0]!r}? " if close else ""
            return f"{where}: unknown; {advice}known: {known}"
        case "missing":
            return f"{where}: missing; add it"
        case "value_error":
            return ": ".join(filter(None, (where, detail["msg"].removeprefix("Value error, "))))
        case _:
            return f"{where}: {detail['msg']}, not {detail['input']!r}"


def _known_keys(place: list[str]) -> list[str]:
    section: Any = Recipe
    for name in place:
        section = section.model_fields[name].annotation
    return sorted(section.model_fields)
