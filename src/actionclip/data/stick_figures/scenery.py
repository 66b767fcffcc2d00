"""The room and the clothes: some chance becomes colours and a wall with a floor before it.

Light walls get dark outlines and dark walls light ones, so that a figure stands out from any of
them. Knows no actions and no figures.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """The colours of one clip."""

    wall: Colour
    floor: Colour
    line: Colour
    """Of the floor's edge and of all outlines."""
    shadow: Colour
    chair: Colour
    skin: Colour
    hair: Colour
    shirt: Colour
    sleeves: Colour
    trousers: Colour
    shoes: Colour


def choose_colours(chance: Generator) -> Palette:
    """Draw a palette: dressed in several colours or all in one, before a light or a dark wall."""
    dark = chance.uniform() < 0.3
    backdrop = (0.22, 0.42) if dark else (0.8, 0.97)
    clothes = (0.72, 1.0) if dark else (0.3, 0.85)
    wall = _colour(chance, (0.02, 0.24), backdrop)
    floor = _colour(chance, (0.05, 0.25), (backdrop[0] - 0.12, backdrop[1] - 0.15))
    skin = _mix((255, 222, 190), (110, 70, 45), chance.uniform())
    shirt, trousers = (_colour(chance, (0.45, 0.95), clothes) for _ in range(2))
    if plain := chance.uniform() < 0.2:
        trousers = shirt
    return Palette(
        wall=wall,
        floor=floor,
        line=(238, 238, 228) if dark else (38, 36, 40),
        shadow=_mix(floor, (0, 0, 0), 0.25),
        chair=_colour(chance, (0.3, 0.7), clothes),
        skin=skin,
        hair=_mix((235, 200, 120), (25, 18, 15), chance.uniform()),
        shirt=shirt,
        sleeves=shirt if plain or chance.uniform() < 0.6 else skin,
        trousers=trousers,
        shoes=_colour(chance, (0.1, 0.9), clothes),
    )


def paint_room(
    chance: Generator, palette: Palette, width: int, height: int, horizon: int
) -> Image.Image:
    """Paint wall and floor; the floor begins `horizon` pixels below the top."""
    painters = (_plain, _gradient, _shapes, _texture)
    wall = painters[chance.integers(len(painters))](chance, palette.wall, width, height)
    draw = ImageDraw.Draw(wall)
    draw.rectangle((0, horizon, width, height), fill=palette.floor)
    draw.line((0, horizon, width, horizon), fill=_mix(palette.floor, palette.line, 0.5), width=3)
    return wall


def _plain(chance: Generator, colour: Colour, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def _gradient(chance: Generator, colour: Colour, width: int, height: int) -> Image.Image:
    other = _shade(chance, colour, 0.35)
    ramp = Image.linear_gradient("L").rotate(int(chance.choice([0, 90, 180, 270])))
    wall, end = (Image.new("RGB", (width, height), each) for each in (colour, other))
    return Image.composite(end, wall, ramp.resize((width, height)))


def _shapes(chance: Generator, colour: Colour, width: int, height: int) -> Image.Image:
    """Pictures and balls, none of them as strong as the figure before them."""
    wall = _plain(chance, colour, width, height)
    draw = ImageDraw.Draw(wall)
    for _ in range(chance.integers(3, 8)):
        x, y = chance.uniform(0, width), chance.uniform(0, height * 0.7)
        across, high = chance.uniform(0.05, 0.16, 2) * width
        shape = draw.rectangle if chance.uniform() < 0.6 else draw.ellipse
        shape((x - across, y - high, x + across, y + high), fill=_shade(chance, colour, 0.22))
    return wall


def _texture(chance: Generator, colour: Colour, width: int, height: int) -> Image.Image:
    """Plaster, or wallpaper with stripes."""
    if chance.uniform() < 0.5:
        grain = chance.integers(0, 256, (height // 6, width // 6), dtype=np.uint8)
        mask = Image.fromarray(grain).filter(ImageFilter.GaussianBlur(0.8))
    else:
        period = chance.integers(16, 60)
        stripes = np.arange(width) % period < period // 2
        mask = Image.fromarray(np.tile(np.where(stripes, 255, 0).astype(np.uint8), (height, 1)))
    wall, other = _plain(chance, colour, width, height), _shade(chance, colour, 0.25)
    return Image.composite(Image.new("RGB", wall.size, other), wall, mask.resize(wall.size))


def _colour(
    chance: Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    hsv = chance.uniform(), chance.uniform(*saturation), chance.uniform(*value)
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(*hsv))
    return red, green, blue


def _shade(chance: Generator, colour: Colour, most: float) -> Colour:
    """Make a colour somewhat lighter or darker."""
    towards = (255, 255, 255) if chance.uniform() < 0.5 else (40, 40, 60)
    return _mix(colour, towards, chance.uniform(0.3, 1) * most)


def _mix(start: Colour, end: Colour, weight: float) -> Colour:
    red, green, blue = (round(a + weight * (b - a)) for a, b in zip(start, end, strict=True))
    return red, green, blue
