"""What a checkpoint's config.json holds, as values: the model, what its scores mean, its task.

Shapes:
    N: labels   D: shared width
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip import conventions
from actionclip.conventions import Like
from actionclip.model import temporal_heads
from actionclip.validation import STRICT

SAMPLINGS = ("segments", "dense", "keyframes")
"""Which frames make a clip; `data.clips.Sampling` explains them."""

BACKGROUND = (
    "sleeping in bed",
    "shaving",
    "baking bread",
    "doing the laundry",
    "making the bed",
    "hammering a nail",
    "digging a hole",
    "petting a cat",
    "hunting with a gun",
    "climbing a rock",
    "swimming in a pool",
    "sunbathing on a beach",
    "flying in an aeroplane",
    "trying on clothes",
    "talking on the phone",
    "holding a meeting",
    "playing chess",
    "folding paper",
    "beating a drum",
    "singing on a stage",
    "jumping over a hurdle",
    "playing cricket",
    "fencing with swords",
    "getting married",
    "crying",
    "smoking a cigarette",
    "swinging on a swing",
    "cutting hair",
    "waiting at a bus stop",
    "opening a door",
    "reading the news",
    "feeding animals",
)
"""All sorts of actions. Only their mean counts, so it does no harm if a label is among them."""


@dataclass(frozen=True)
class ModelConfig:
    """An encoder, its visual prompts and a temporal head: enough to build the model again."""

    __pydantic_config__ = STRICT

    encoder: str
    """A registered encoder: `lite`, or the model type in `transformers`: `clip`, `siglip`, …"""
    encoder_config: Mapping[str, Any] = field(default_factory=dict)
    """What the encoder needs to build itself; each encoder defines it."""
    temporal_head: str = "mean"
    """How frame features become clip features: one of `temporal_heads.HEADS`."""
    num_frames: int = 8
    """Frames that a clip is sampled to."""
    num_positions: int = 77
    """Frames that the temporal head has positions for; transformer and transformer_cls only."""
    num_attention_heads: int = 8
    """Attention heads in the temporal head; transformer and transformer_cls only."""
    residual: bool = False
    """Add the mean over the frames to the head's output; transformer_cls only, where the official
    head leaves it out."""
    shift: bool = False
    """In-network prompt: shift channels of the patch tokens between frames before every block."""
    joint: bool = False
    """Pre-network prompt: let the patches of all frames attend to each other."""

    def __post_init__(self) -> None:
        head = temporal_heads.HEADS[self.temporal_head]
        if self.num_frames < 1:
            raise ValueError(f"num_frames: {self.num_frames} is too few; a clip has one or more")
        if head.has_positions and self.num_frames > self.num_positions:
            raise ValueError(
                f"num_frames: {self.num_frames} is too many; the temporal head "
                f"{self.temporal_head!r} has positions for {self.num_positions}"
            )

    def build_head(self, width: int) -> temporal_heads.TemporalHead:
        """Build the temporal head for features of this width, initialised as the official code."""
        return temporal_heads.HEADS[self.temporal_head](
            width,
            num_attention_heads=self.num_attention_heads,
            num_positions=self.num_positions,
            residual=self.residual,
        )

    def prompted(
        self,
        temporal_head: str | None,
        num_frames: int | None,
        shift: bool | None,
        joint: bool | None,
    ) -> ModelConfig:
        """Return the same config with other visual prompts; None leaves one as it is.

        Raises:
            ValueError: the model has not learned positions for so many frames.
        """
        given = {"num_frames": num_frames, "shift": shift, "joint": joint}
        changes: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
        stays_joint = self.joint and joint is not False
        if stays_joint and num_frames not in (None, self.num_frames):
            raise ValueError(
                f"num_frames: the visual prompt 'joint' was trained with {self.num_frames}, not "
                f"with {num_frames}; load it with {self.num_frames}"
            )
        if temporal_head is not None and temporal_head != self.temporal_head:
            frames = num_frames or self.num_frames
            changes["temporal_head"] = temporal_head
            # The official code has as many positions as CLIP has for words, and the class token's.
            is_cls = temporal_head == "transformer_cls"
            changes["num_positions"] = frames if is_cls else max(77, frames)
            if is_cls:
                changes["num_attention_heads"] = 8  # whatever the width (official code)
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Calibration:
    """How logits become scores, and scores a prediction that may be "none of these"."""

    __pydantic_config__ = STRICT

    temperature: float = 1.0
    """Divides the logits; 1 leaves the model as sure as its own logit scale makes it."""
    margin: float = 3.0
    """Logits by which a label must exceed the mean of the background to be as likely as "none"."""
    background: tuple[str, ...] = BACKGROUND
    """Actions that have nothing to do with each other, to be put into the same templates."""
    threshold: float = 0.4
    """The score from which on a label is named, 0…1, unless it has one of its own."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Labels that have one of their own."""
    fitted_on: str = ""
    """The data that the temperature was fitted on; empty if it was not fitted."""

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature: {self.temperature} is not above 0; 1 changes nothing")
        if not math.isfinite(self.margin):
            raise ValueError(f"margin: {self.margin} is no number of logits; 3 is usual")
        if not self.background:
            raise ValueError("background: holds no action; write some, or leave it out")
        for name, value in {"threshold": self.threshold, **self.thresholds}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: the threshold {value} is no score; write 0 to 1")

    def threshold_of(self, label: str) -> float:
        """Return the score from which on a label is named."""
        return self.thresholds.get(label, self.threshold)


@dataclass(frozen=True)
class Task:
    """What a model was trained for, which gives the defaults of its use; empty: unknown."""

    __pydantic_config__ = STRICT

    labels: tuple[str, ...] = ()
    """That the model was trained on, in the order of a classifier's outputs."""
    templates: tuple[str, ...] = ()
    """Sentences with a hole for the label; empty: the defaults of the encoder."""
    sampling: str = "segments"
    """How frames were chosen: one of `SAMPLINGS`."""
    data: str = ""
    """The name of the training data, for people."""
    like: Like = "default"
    """The conventions by which it was trained, and is tested unless others are requested."""

    def __post_init__(self) -> None:
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling: unknown {self.sampling!r}; known: {list(SAMPLINGS)}")
        conventions.check(self.like, "like")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: one of them is listed twice; list each once")
        for template in self.templates:
            if template.count("{}") != 1:
                raise ValueError(f"templates: {template!r} needs exactly one {{}} for the label")


class Classifier(NamedTuple):
    """The linear layer of the paper's unimodal baseline; it scores `Task.labels` without words."""

    weight: Float[Tensor, "N D"]
    bias: Float[Tensor, " N"]

    def logits(self, clip_features: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch N"]:
        """Score clip features, which have any length, on their device."""
        device = clip_features.device
        return F.linear(clip_features, self.weight.to(device), self.bias.to(device))
