"""The official augmentation: uint8 frames and a seed become a clip, as the official code does it.

RandAugment (Cubuk et al. 2020) in the sixteen operations of the package that the official code
imports, a crop in one of four scales, a mirror image, colour jitter, grey: with Pillow, on uint8,
in the order of utils/Augmentation.py. RandAugment and the strengths of the jitter are drawn for
each frame, so a clip flickers (see `augmentation` for one that does not). The crop, the mirror
image, whether to jitter and whether to make grey are drawn once a clip.

The operations equal the official ones to the last bit. What is drawn has the same distribution, but
comes from the clip's seed instead of global generators.

Shapes:
    T: frames of a clip   H W: pixels   S: pixels, of the model
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Operation:
    """One of RandAugment's, and its values at the magnitudes 0 and 30."""

    function: Callable[..., Image]
    """Takes an image and a value; `cutout` also takes a generator."""
    low: float
    high: float
    is_signed: bool = False
    """Whether the value is negative every second time."""

    @property
    def value(self) -> float:
        """The value at `MAGNITUDE`."""
        return MAGNITUDE / MAX_MAGNITUDE * (self.high - self.low) + self.low

    def apply(self, image: Image, rng: random.Random) -> Image:
        """Change an image by the value."""
        if self.function is cutout:
            return cutout(image, self.value, rng)
        sign = -1 if self.is_signed and rng.random() > 0.5 else 1
        return self.function(image, sign * self.value)


def randaugment(image: Image, rng: random.Random) -> Image:
    """Apply N operations, drawn with replacement, at magnitude M."""
    for name in rng.choices(list(OPERATIONS), k=NUM_OPERATIONS):
        image = OPERATIONS[name].apply(image, rng)
    return image


def posterize(image: Image, num_bits: float) -> Image:
    """Keep the highest bits of each channel, one at least."""
    return ImageOps.posterize(image, max(1, int(num_bits)))


def solarize_add(image: Image, addition: float) -> Image:
    """Add to each channel, then invert what is not below 128."""
    brighter = (min(value + int(addition), 255) for value in range(256))
    return image.point([value if value < 128 else 255 - value for value in brighter] * 3)


def cutout(image: Image, side: float, rng: random.Random) -> Image:
    """Paint a grey square around a random place, which may be cut off at two of the edges."""
    left, top = (int(max(0, rng.uniform(0, end) - side / 2)) for end in image.size)
    right, bottom = min(image.width, left + side), min(image.height, top + side)
    image = image.copy()
    ImageDraw.Draw(image).rectangle((left, top, right, bottom), CUTOUT_COLOUR)
    return image


def shear_x(image: Image, slope: float) -> Image:
    """Shift each row by its distance from the top edge times the slope."""
    return _affine(image, (1, slope, 0, 0, 1, 0))


def shear_y(image: Image, slope: float) -> Image:
    """Shift each column by its distance from the left edge times the slope."""
    return _affine(image, (1, 0, 0, slope, 1, 0))


def translate_x(image: Image, pixels: float) -> Image:
    """Shift to the left."""
    return _affine(image, (1, 0, pixels, 0, 1, 0))


def translate_y(image: Image, pixels: float) -> Image:
    """Shift upwards."""
    return _affine(image, (1, 0, 0, 0, 1, pixels))


def _affine(image: Image, coefficients: Sequence[float | int]) -> Image:
    """Take pixel (x, y) from (a x + b y + c, d x + e y + f); outside the image it is black."""
    return image.transform(image.size, Transform.AFFINE, coefficients)


def _enhance(kind: type[ImageEnhance._Enhance]) -> Callable[[Image, float], Image]:
    return lambda image, factor: kind(image).enhance(factor)  # type: ignore[call-arg]


OPERATIONS = {
    "AutoContrast": Operation(lambda image, value: ImageOps.autocontrast(image), 0.0, 1.0),
    "Equalize": Operation(lambda image, value: ImageOps.equalize(image), 0.0, 1.0),
    "Invert": Operation(lambda image, value: ImageOps.invert(image), 0.0, 1.0),
    "Rotate": Operation(Image.rotate, 0.0, 30.0, is_signed=True),
    "Posterize": Operation(posterize, 0.0, 4.0),
    "Solarize": Operation(ImageOps.solarize, 0.0, 256.0),
    "SolarizeAdd": Operation(solarize_add, 0.0, 110.0),
    "Color": Operation(_enhance(ImageEnhance.Color), 0.1, 1.9),
    "Contrast": Operation(_enhance(ImageEnhance.Contrast), 0.1, 1.9),
    "Brightness": Operation(_enhance(ImageEnhance.Brightness), 0.1, 1.9),
    "Sharpness": Operation(_enhance(ImageEnhance.Sharpness), 0.1, 1.9),
    "ShearX": Operation(shear_x, 0.0, 0.3, is_signed=True),
    "ShearY": Operation(shear_y, 0.0, 0.3, is_signed=True),
    "CutoutAbs": Operation(cutout, 0.0, 40.0),
    "TranslateXabs": Operation(translate_x, 0.0, 100.0, is_signed=True),
    "TranslateYabs": Operation(translate_y, 0.0, 100.0, is_signed=True),
}
"""By the names that the package gives them."""


def jitter(image: Image, rng: random.Random) -> Image:
    """Change brightness, contrast, saturation and hue, in random order."""
    changes: list[tuple[Callable[[Image, float], Image], float]] = [
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
    """Draws what happens to a clip from the clip's seed, and from nothing else."""

    size: int
    """S, height and width of the result."""
    with_randaugment: bool = True
    """The official code leaves it out on UCF101 and HMDB51."""

    def __call__(
        self, frames: UInt8[np.ndarray, "T H W 3"], seed: int, mirror: bool
    ) -> UInt8[Tensor, "T 3 {self.size} {self.size}"]:
        """Augment a clip.

        Args:
            frames: of any size; the official code takes them as they were extracted.
            seed: the same seed does the same to any clip of this size.
            mirror: whether the mirror image, drawn for every second clip, shows the same action.
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
