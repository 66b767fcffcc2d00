"""The official augmentation: uint8 frames and a seed become a clip, as the official code does it.

RandAugment (Cubuk et al. 2020) in the sixteen operations of the package that the official code
imports, a crop in one of four scales, a mirror image, colour jitter, grey: with Pillow, on uint8,
in the order of utils/Augmentation.py. RandAugment and the strengths of the jitter are drawn for
each frame, so a clip flickers (see `augmentation` for one that does not). The crop, the mirror
image, whether to jitter and whether to make grey are drawn once a clip.

The operations equal the official ones to the last bit. Random choices have the same distribution,
but come from the clip's seed instead of global generators.

Shapes:
    T: frames of a clip   H W: pixels   S: pixels, of the model
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import ImageDraw, ImageEnhance, ImageOps
from PIL.Image import Image, Resampling, Transform, Transpose, fromarray, merge
from torch import Tensor

from actionclip.data import augmentation
from actionclip.video import transforms

NUM_OPERATIONS, MAGNITUDE, MAX_MAGNITUDE = 2, 9, 30
"""RandAugment's N and M (configs/k400), and the M at which an operation has its highest value."""
CUTOUT_COLOUR = (125, 123, 114)

JITTER_PROBABILITY, GREY_PROBABILITY = 0.8, 0.2
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.4, 0.4, 0.2, 0.1
"""The largest changes of the jitter: of hue in turns, of the others as shares."""

Change = Callable[[Image, float], Image]


@dataclass(frozen=True)
class Operation:
    """One of RandAugment's, and its values at the magnitudes 0 and 30."""

    function: Callable[..., Image]
    """Takes an image and a value; `_cutout` also takes a generator."""
    low: float
    high: float
    is_signed: bool = False
    """Whether the value is negative every second time."""

    def apply(self, image: Image, rng: random.Random) -> Image:
        """Change an image by the value at `MAGNITUDE`."""
        value = MAGNITUDE / MAX_MAGNITUDE * (self.high - self.low) + self.low
        if self.function is _cutout:
            return _cutout(image, value, rng)
        sign = -1 if self.is_signed and rng.random() > 0.5 else 1
        return self.function(image, sign * value)


def randaugment(image: Image, rng: random.Random) -> Image:
    """Apply N operations, drawn with replacement, at magnitude M."""
    for name in rng.choices(list(OPERATIONS), k=NUM_OPERATIONS):
        image = OPERATIONS[name].apply(image, rng)
    return image


def _solarize_add(image: Image, addition: float) -> Image:
    """Add to each channel, then invert what is not below 128."""
    brighter = (min(value + int(addition), 255) for value in range(256))
    return image.point([value if value < 128 else 255 - value for value in brighter] * 3)


def _cutout(image: Image, side: float, rng: random.Random) -> Image:
    """Paint a grey square around a random point, which may be cut off at two of the edges."""
    left, top = (int(max(0, rng.uniform(0, end) - side / 2)) for end in image.size)
    right, bottom = min(image.width, left + side), min(image.height, top + side)
    image = image.copy()
    ImageDraw.Draw(image).rectangle((left, top, right, bottom), CUTOUT_COLOUR)
    return image


def _affine(coefficient: int) -> Change:
    """Return a shear or a shift: pixel (x, y) comes from (a x + b y + c, d x + e y + f).

    The value is the coefficient at this index of (a, b, c, d, e, f); the others are those of the
    identity. Outside the image it is black.
    """

    def change(image: Image, value: float) -> Image:
        coefficients: list[float] = [1, 0, 0, 0, 1, 0]
        coefficients[coefficient] = value
        return image.transform(image.size, Transform.AFFINE, coefficients)

    return change


def _enhance(kind: type[ImageEnhance._Enhance]) -> Change:
    return lambda image, factor: kind(image).enhance(factor)  # type: ignore[call-arg]


OPERATIONS = {
    "AutoContrast": Operation(lambda image, value: ImageOps.autocontrast(image), 0.0, 1.0),
    "Equalize": Operation(lambda image, value: ImageOps.equalize(image), 0.0, 1.0),
    "Invert": Operation(lambda image, value: ImageOps.invert(image), 0.0, 1.0),
    "Rotate": Operation(Image.rotate, 0.0, 30.0, is_signed=True),
    "Posterize": Operation(
        lambda image, value: ImageOps.posterize(image, max(1, int(value))), 0.0, 4.0
    ),
    "Solarize": Operation(ImageOps.solarize, 0.0, 256.0),
    "SolarizeAdd": Operation(_solarize_add, 0.0, 110.0),
    "Color": Operation(_enhance(ImageEnhance.Color), 0.1, 1.9),
    "Contrast": Operation(_enhance(ImageEnhance.Contrast), 0.1, 1.9),
    "Brightness": Operation(_enhance(ImageEnhance.Brightness), 0.1, 1.9),
    "Sharpness": Operation(_enhance(ImageEnhance.Sharpness), 0.1, 1.9),
    "ShearX": Operation(_affine(1), 0.0, 0.3, is_signed=True),
    "ShearY": Operation(_affine(3), 0.0, 0.3, is_signed=True),
    "CutoutAbs": Operation(_cutout, 0.0, 40.0),
    "TranslateXabs": Operation(_affine(2), 0.0, 100.0, is_signed=True),
    "TranslateYabs": Operation(_affine(5), 0.0, 100.0, is_signed=True),
}
"""By the names that the package gives them."""


def jitter(image: Image, rng: random.Random) -> Image:
    """Change brightness, contrast, saturation and hue, in random order."""
    changes: list[tuple[Change, float]] = [
        (_enhance(ImageEnhance.Brightness), rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)),
        (_enhance(ImageEnhance.Contrast), rng.uniform(1 - CONTRAST, 1 + CONTRAST)),
        (_enhance(ImageEnhance.Color), rng.uniform(1 - SATURATION, 1 + SATURATION)),
        (turn_hue, rng.uniform(-HUE, HUE)),
    ]
    for change, strength in rng.sample(changes, k=len(changes)):
        image = change(image, strength)
    return image


def turn_hue(image: Image, turns: float) -> Image:
    """Turn the colour circle by a share of a whole turn."""
    hue, saturation, value = image.convert("HSV").split()
    hue = hue.point([(degree + int(turns * 255)) % 256 for degree in range(256)])
    return merge("HSV", (hue, saturation, value)).convert("RGB")


@dataclass(frozen=True)
class OfficialAugmentation:
    """Augments a clip to S × S pixels; everything random comes from the clip's seed.

    The official code leaves RandAugment out on UCF101 and HMDB51.
    """

    size: int
    with_randaugment: bool = True

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> UInt8[Tensor, "T 3 {self.size} {self.size}"]:
        """Augment frames of any size; the official code takes them as they were extracted.

        `mirror` allows the mirror image, drawn for every second clip.
        """
        rng = random.Random(seed)
        images = [fromarray(np.ascontiguousarray(frame)) for frame in frames]
        if self.with_randaugment:
            images = [randaugment(image, rng) for image in images]
        height, width = frames.shape[1:3]
        top, left, high, wide = rng.choice(augmentation.crops(height, width, self.size))
        box, size = (left, top, left + wide, top + high), (self.size, self.size)
        images = [image.crop(box).resize(size, Resampling.BILINEAR) for image in images]
        if rng.random() < 0.5 and mirror:
            images = [image.transpose(Transpose.FLIP_LEFT_RIGHT) for image in images]
        if rng.random() < JITTER_PROBABILITY:
            images = [jitter(image, rng) for image in images]
        if rng.random() < GREY_PROBABILITY:
            images = [image.convert("L").convert("RGB") for image in images]
        return transforms.channels_first(np.stack([np.asarray(image) for image in images]))
