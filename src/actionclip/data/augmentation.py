"""Augmentation: a clip and a seed become another clip of the same action, of the model's size.

The steps are those of the official code (utils/Augmentation.py), in its order: RandAugment on whole
frames, a crop in one of four scales, a mirror image, colour jitter, grey, with its probabilities.
Two things differ. Random choices hold for the whole clip, so that nothing moves but what moved; the
official code draws RandAugment and the strengths of the jitter for each frame. And the operations
are kornia's: at magnitude 9 posterize keeps 6 bits, not 1; brightness is added, not multiplied;
contrast multiplies without regard to the mean; solarize draws its threshold; there is no cutout.
`official_augmentation` equals the official code. Works on the device that the clip is on.

Shapes:
    T: frames of a clip   H W: pixels   S: pixels, of the model
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from kornia.augmentation import AugmentationSequential, ColorJitter, RandomGrayscale
from kornia.augmentation.auto import RandAugment
from torch import Tensor
from torch.nn import functional as F

from actionclip.video import transforms

SCALES = (1, 0.875, 0.75, 0.66)
"""Of a crop's sides to the short side of the frame."""
MAX_SCALES_APART = 1
"""How many positions in `SCALES` height and width may be apart."""
SNAP_PIXELS = 3
"""A side nearer than this to the model's size becomes the model's size: nothing is rescaled."""
POSITIONS = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2)),
    *((2, 0), (2, 4), (4, 2), (0, 2)),
    *((1, 1), (1, 3), (3, 1), (3, 3)),
)
"""Of a crop, down and across, in quarters of the room that it has."""

NUM_OPERATIONS, MAGNITUDE = 2, 9
"""RandAugment's N and M; the magnitude goes up to 30."""
OPERATIONS = [
    [("auto_contrast", 0, 1)],
    [("equalize", 0, 1)],
    [("invert", 0, 1)],
    [("rotate", -30.0, 30.0)],
    [("posterize", 4.0, 8.0)],
    [("solarize", 0.0, 1.0)],
    [("solarize_add", 0.0, 0.43)],
    [("color", 0.1, 1.9)],
    [("contrast", 0.1, 1.9)],
    [("brightness", 0.1, 1.9)],
    [("sharpness", 0.1, 1.9)],
    [("shear_x", -0.093, 0.093)],  # kornia counts half turns: a slope of 0.3
    [("shear_y", -0.093, 0.093)],
    [("translate_x", -0.3, 0.3)],  # 100 of 340 pixels
    [("translate_y", -0.3, 0.3)],
]
"""RandAugment's list (Cubuk et al. 2020) in kornia's operations, without cutout, with the values of
each at magnitudes 0 and 30."""

_Choice = TypeVar("_Choice")


class Augmentation:
    """Augments a clip to S × S pixels; everything random comes from the clip's seed.

    The paper uses RandAugment on Kinetics-400, not on the smaller UCF101 and HMDB51.
    """

    def __init__(self, size: int, *, randaugment: bool = True) -> None:
        self.size = size
        self.randaugment = (
            RandAugment(NUM_OPERATIONS, MAGNITUDE, OPERATIONS) if randaugment else None
        )
        self.colours = AugmentationSequential(
            ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8, same_on_batch=True),
            RandomGrayscale(p=0.2, same_on_batch=True),
        )

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> Float[Tensor, "T 3 {self.size} {self.size}"]:
        """Augment decoded frames; see `augment_clip`."""
        return self.augment_clip(transforms.to_clip(frames), seed, mirror=mirror)

    def augment_clip(
        self, clip: Float[Tensor, "T 3 H W"], seed: int, *, mirror: bool = True
    ) -> Float[Tensor, "T 3 {self.size} {self.size}"]:
        """Augment a clip, RGB in 0…1, every frame of it in the same way.

        The same seed does the same to any clip of this size. kornia uses torch's global generator,
        so that one is seeded here, and restored afterwards. `mirror` allows the mirror image, drawn
        for every second clip; it is False for actions to the left or to the right.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if self.randaugment is not None:
                clip = _apply(self.randaugment, clip)
            height, width = clip.shape[-2:]
            top, left, high, wide = _one_of(crops(height, width, self.size))
            clip = clip[..., top : top + high, left : left + wide]
            clip = F.interpolate(clip, (self.size, self.size), mode="bilinear", antialias=True)
            if _one_of([True, False]) and mirror:
                clip = clip.flip(-1)
            return self.colours(clip).clamp(0, 1)


def crops(height: int, width: int, size: int) -> list[tuple[int, int, int, int]]:
    """List the crops of a frame, equally likely: top, left, height and width."""
    sides = [int(min(height, width) * scale) for scale in SCALES]
    sides = [size if abs(side - size) < SNAP_PIXELS else side for side in sides]
    return [
        (down * ((height - high) // 4), across * ((width - wide) // 4), high, wide)
        for row, high in enumerate(sides)
        for column, wide in enumerate(sides)
        if abs(row - column) <= MAX_SCALES_APART
        for down, across in POSITIONS
    ]


def _apply(randaugment: RandAugment, clip: Float[Tensor, "T 3 H W"]) -> Float[Tensor, "T 3 H W"]:
    """Draw the operations for one frame and apply them to all, which kornia has no option for."""
    drawn: list[Any] = randaugment.forward_parameters(torch.Size((1, *clip.shape[1:])))
    for parameters in (step.data for operation in drawn for step in operation.data):
        for name, value in parameters.items():
            if name != "forward_input_shape":
                parameters[name] = value.expand(len(clip), *value.shape[1:])
    return randaugment(clip, params=drawn)


def _one_of(choices: Sequence[_Choice]) -> _Choice:
    return choices[int(torch.randint(len(choices), ()))]
