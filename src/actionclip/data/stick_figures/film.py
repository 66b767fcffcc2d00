"""One clip: the labels of what somebody does and some chance become frames.

Everything about a clip is drawn here from one generator: the person, the motion, the room, the
colours and the camera. Knows no files.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8
from numpy.random import Generator

from actionclip.data.stick_figures import body, drawing, motions, scenery
from actionclip.data.stick_figures.drawing import FINENESS, HEIGHT, MARGIN, WIDTH, Camera

NUM_FRAMES = 24
FRAMES_PER_SECOND = 12

Frames = UInt8[np.ndarray, "T H W 3"]

TURNS: dict[str, tuple[float, float]] = {
    "walking to the left": (0, 20),
    "waving one hand": (0, 40),
    "waving both hands": (0, 40),
    "jumping jacks": (0, 40),
    "squatting": (10, 85),
    "bending down": (40, 90),
    "sitting down": (35, 80),
    "kicking": (45, 90),
    "punching": (45, 90),
    "clapping": (0, 40),
    "turning around": (0, 180),
    "falling down": (40, 90),
    "standing still": (0, 60),
}
"""How many degrees to either side people may be turned away so that one still sees what they do."""


def film(labels: tuple[str, ...], chance: Generator) -> Frames:
    """Film somebody doing one thing, or the first with the legs and the second with the arms.

    Args:
        labels: None of them a reversal.
        chance: The same one gives the same frames.
    """
    person = body.grow(chance)
    motion = motions.start(labels[0], chance)
    for label in labels[1:]:
        motion = motions.with_arms_of(motion, motions.start(label, chance))
    motion = motions.with_bearing(motion, chance)
    fewest, most = np.min([TURNS[label] for label in labels], axis=0)
    turn = chance.choice([-1, 1]) * chance.uniform(fewest, most)
    poses = [motion(moment) for moment in np.linspace(0, 1, NUM_FRAMES)]
    joints = [body.stand(person, replace(pose, turn=pose.turn + turn)) for pose in poses]
    chair = body.chair(person, turn) if "sitting down" in labels else []

    seen = np.concatenate([joint.points() for joint in joints] + chair)
    camera = aim(chance, seen)
    palette = scenery.choose_colours(chance)
    horizon = round(camera.origin[1] - chance.uniform(0.08, 0.3) * camera.scale)
    room = scenery.paint_room(chance, palette, *drawing.STAGE, horizon)
    shakes = _shake(chance)
    return np.stack(
        [
            drawing.draw_frame(room, camera, palette, person, joint, chair, shake)
            for joint, shake in zip(joints, shakes, strict=True)
        ]
    )


def aim(chance: Generator, seen: body.Points) -> Camera:
    """Choose a camera that keeps all these points in the picture, nearer or farther."""
    elevation = chance.uniform(2, 18)
    flat = body.flatten(seen, elevation)
    low, high = flat.min(axis=0) - 0.04, flat.max(axis=0) + 0.06
    width, height = 0.94 * WIDTH * FINENESS, 0.94 * HEIGHT * FINENESS
    fitting = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    scale = min(fitting, chance.uniform(0.6, 0.88) * HEIGHT * FINENESS)
    spare_x, spare_y = width - scale * (high[0] - low[0]), height - scale * (high[1] - low[1])
    left = (MARGIN + 0.03 * WIDTH) * FINENESS + chance.uniform(0.15, 0.85) * spare_x
    bottom = (MARGIN + 0.97 * HEIGHT) * FINENESS - chance.uniform(0, 0.5) * spare_y
    return Camera(scale, (left - scale * low[0], bottom + scale * low[1]), elevation)


def _shake(chance: Generator) -> list[tuple[float, float]]:
    """Move the camera a little, slowly and smoothly, in pixels."""
    time = np.linspace(0, 1, NUM_FRAMES)[:, None]
    speeds, offsets = chance.uniform(0.3, 3, (2, 1, 2)), chance.uniform(0, 1, (2, 1, 2))
    waves = np.sin(2 * np.pi * (speeds * time + offsets)).mean(axis=0)  # (T, 2)
    return [(x, y) for x, y in chance.uniform(0, MARGIN) * waves]
