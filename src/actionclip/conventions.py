"""Conventions: where the official ActionCLIP code tests the same frames and weights differently.

`OFFICIAL` gives the scores of the official code to rounding. `DEFAULT` is what everything else in
this package does, because it is better or faster. What only training does differently is in
`training.recipe.OFFICIAL`; docs/paper.md lists all of it with reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Like = Literal["default", "official"]
Scaling = Literal["decoder", "pillow"]


@dataclass(frozen=True)
class Conventions:
    """How a clip is tested, where the two differ."""

    like: Like
    logit_scale: float | None
    """What cosines are multiplied by at test time; None: the learned scale over the temperature.
    Official: 100, whatever was learned (test.py)."""
    scaling: Scaling
    """What scales frames to the short side. "decoder": libswscale, bilinear, with the long side
    rounded. Official: "pillow", bicubic from the full frame, with the long side cut to an integer;
    extracted frames are read by Pillow, too (datasets/transforms_ss.py, datasets/datasets.py)."""
    crop_rounding: Callable[[float], int]
    """Turns the offset of a centred crop into pixels, x.5 included. Official: Python's `round`, to
    the even neighbour (torchvision's CenterCrop)."""
    raw_label_names: bool
    """Put labels into prompts as the data set writes them, `ApplyEyeMakeup`, instead of as words,
    `apply eye makeup`. Official: yes (utils/Text_Prompt.py)."""


DEFAULT = Conventions(
    "default", logit_scale=None, scaling="decoder", crop_rounding=math.floor, raw_label_names=False
)
OFFICIAL = Conventions(
    "official", logit_scale=100.0, scaling="pillow", crop_rounding=round, raw_label_names=True
)


def named(like: Like) -> Conventions:
    """Return the conventions of this name."""
    return OFFICIAL if like == "official" else DEFAULT


def check(like: str, option: str) -> Like:
    """Return the name if there are such conventions.

    Args:
        like: a name that a person gave.
        option: where it was given, for the message: "--like".

    Raises:
        ValueError: there are none of this name.
    """
    if like == "default" or like == "official":
        return like
    raise ValueError(f"{option}: unknown {like!r}; known: ['default', 'official']")
