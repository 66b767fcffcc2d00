"""One clip: the labels of what a person does and a random generator become frames.

Everything about a clip is drawn here from one generator: the person, the motion, the room, the
colours and the camera. Light walls get dark outlines and dark walls light ones, so that a figure
stands out from any of them.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from actionclip.data.stick_figures import figure, motions
from actionclip.data.stick_figures.figure import (
    FINENESS,
    HEIGHT,
    MARGIN,
    WIDTH,
    Camera,
    Colour,
    Palette,
)

NUM_FRAMES = 24
FRAMES_PER_SECOND = 12

Frames = UInt8[np.ndarray, "T H W 3"]
Range = tuple[float, float]


def film(labels: tuple[str, ...], rng: Generator) -> Frames:
    """Film a person who does one action, or the first with the legs and the second with the arms.

    Args:
        labels: none of them played backwards.
        rng: the same state gives the same frames.
    """
    body = figure.grow(rng)
    motion = motions.start(labels[0], rng)
    for label in labels[1:]:
        motion = motions.with_arms_of(motion, motions.start(label, rng))
    motion = motions.with_bearing(motion, rng)
    fewest, most = np.min([motions.TURNS[label] for label in labels], axis=0)
    turn = rng.choice([-1, 1]) * rng.uniform(fewest, most)
    poses = [motion(moment) for moment in np.linspace(0, 1, NUM_FRAMES)]
    joints = [figure.stand(body, replace(pose, turn=pose.turn + turn)) for pose in poses]
    chair = figure.chair(body, turn) if "sitting down" in labels else []

    seen = np.concatenate([joint.points() for joint in joints] + chair)
    camera = aim(rng, seen)
    palette = choose_colours(rng)
    horizon = round(camera.origin[1] - rng.uniform(0.08, 0.3) * camera.scale)
    room = paint_room(rng, palette, *figure.STAGE, horizon)
    return np.stack(
        [
            figure.draw_frame(room, camera, palette, body, joint, chair, shake)
            for joint, shake in zip(joints, _shake(rng), strict=True)
        ]
    )


def aim(rng: Generator, seen: figure.Points) -> Camera:
    """Choose a camera that has all these points in the picture, nearer or farther."""
    elevation = rng.uniform(2, 18)
    flat = figure.flatten(seen, elevation)
    low, high = flat.min(axis=0) - 0.04, flat.max(axis=0) + 0.06
    width, height = 0.94 * WIDTH * FINENESS, 0.94 * HEIGHT * FINENESS
    fitting = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    scale = min(fitting, rng.uniform(0.6, 0.88) * HEIGHT * FINENESS)
    spare_x, spare_y = width - scale * (high[0] - low[0]), height - scale * (high[1] - low[1])
    left = (MARGIN + 0.03 * WIDTH) * FINENESS + rng.uniform(0.15, 0.85) * spare_x
    bottom = (MARGIN + 0.97 * HEIGHT) * FINENESS - rng.uniform(0, 0.5) * spare_y
    return Camera(scale, (left - scale * low[0], bottom + scale * low[1]), elevation)


def _shake(rng: Generator) -> list[tuple[float, float]]:
    """Move the camera a little, slowly and smoothly, in pixels."""
    time = np.linspace(0, 1, NUM_FRAMES)[:, None]
    speeds, offsets = rng.uniform(0.3, 3, (2, 1, 2)), rng.uniform(0, 1, (2, 1, 2))
    waves = np.sin(2 * np.pi * (speeds * time + offsets)).mean(axis=0)  # (T, 2)
    return [(x, y) for x, y in rng.uniform(0, MARGIN) * waves]


def choose_colours(rng: Generator) -> Palette:
    """Draw a palette: clothes of several colours or of one, a light or a dark wall."""
    dark = rng.uniform() < 0.3
    backdrop = (0.22, 0.42) if dark else (0.8, 0.97)
    clothes = (0.72, 1.0) if dark else (0.3, 0.85)
    wall = colour(rng, (0.02, 0.24), backdrop)
    floor = colour(rng, (0.05, 0.25), (backdrop[0] - 0.12, backdrop[1] - 0.15))
    skin = _mix((255, 222, 190), (110, 70, 45), rng.uniform())
    shirt, trousers = (colour(rng, (0.45, 0.95), clothes) for _ in range(2))
    if plain := rng.uniform() < 0.2:
        trousers = shirt
    return Palette(
        wall=wall,
        floor=floor,
        line=(238, 238, 228) if dark else (38, 36, 40),
        shadow=_mix(floor, (0, 0, 0), 0.25),
        chair=colour(rng, (0.3, 0.7), clothes),
        skin=skin,
        hair=_mix((235, 200, 120), (25, 18, 15), rng.uniform()),
        shirt=shirt,
        sleeves=shirt if plain or rng.uniform() < 0.6 else skin,
        trousers=trousers,
        shoes=colour(rng, (0.1, 0.9), clothes),
    )


def paint_room(
    rng: Generator, palette: Palette, width: int, height: int, horizon: int
) -> Image.Image:
    """Paint wall and floor; the floor begins `horizon` pixels below the top."""
    wall = Image.new("RGB", (width, height), palette.wall)
    paint = (lambda *_: wall, _gradient, _shapes, _texture)[rng.integers(4)]
    room = paint(rng, wall, palette.wall)
    draw = ImageDraw.Draw(room)
    draw.rectangle((0, horizon, width, height), fill=palette.floor)
    draw.line((0, horizon, width, horizon), fill=_mix(palette.floor, palette.line, 0.5), width=3)
    return room


def _gradient(rng: Generator, wall: Image.Image, colour: Colour) -> Image.Image:
    other = Image.new("RGB", wall.size, _shade(rng, colour, 0.35))
    ramp = Image.linear_gradient("L").rotate(int(rng.choice([0, 90, 180, 270])))
    return Image.composite(other, wall, ramp.resize(wall.size))


def _shapes(rng: Generator, wall: Image.Image, colour: Colour) -> Image.Image:
    """Add pictures and balls, none of them as strong as the figure before them."""
    draw, (width, height) = ImageDraw.Draw(wall), wall.size
    for _ in range(rng.integers(3, 8)):
        x, y = rng.uniform(0, width), rng.uniform(0, height * 0.7)
        across, high = rng.uniform(0.05, 0.16, 2) * width
        shape = draw.rectangle if rng.uniform() < 0.6 else draw.ellipse
        shape((x - across, y - high, x + across, y + high), fill=_shade(rng, colour, 0.22))
    return wall


def _texture(rng: Generator, wall: Image.Image, colour: Colour) -> Image.Image:
    """Add plaster, or wallpaper with stripes."""
    width, height = wall.size
    if rng.uniform() < 0.5:
        grain = rng.integers(0, 256, (height // 6, width // 6), dtype=np.uint8)
        mask = Image.fromarray(grain).filter(ImageFilter.GaussianBlur(0.8))
    else:
        period = rng.integers(16, 60)
        stripes = np.arange(width) % period < period // 2
        mask = Image.fromarray(np.tile(np.where(stripes, 255, 0).astype(np.uint8), (height, 1)))
    other = Image.new("RGB", wall.size, _shade(rng, colour, 0.25))
    return Image.composite(other, wall, mask.resize(wall.size))


def colour(rng: Generator, saturation: Range, value: Range, *, hue: float | None = None) -> Colour:
    """Draw a colour, of any hue (0…1, around the circle) unless one is given."""
    hsv = rng.uniform() if hue is None else hue % 1, rng.uniform(*saturation), rng.uniform(*value)
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(*hsv))
    return red, green, blue


def _shade(rng: Generator, colour: Colour, most: float) -> Colour:
    """Make a colour somewhat lighter or darker."""
    towards = (255, 255, 255) if rng.uniform() < 0.5 else (40, 40, 60)
    return _mix(colour, towards, rng.uniform(0.3, 1) * most)


def _mix(start: Colour, end: Colour, weight: float) -> Colour:
    """Interpolate from one colour (weight 0) to another (weight 1)."""
    red, green, blue = (round(a + weight * (b - a)) for a, b in zip(start, end, strict=True))
    return red, green, blue
