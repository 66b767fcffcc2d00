"""Procedural motions: an articulated body that falls, lies, gets up, exercises, plays and works.

What data sets of motions lack is made here: a pose is a row of angles, a motion some poses one
after another or round and round, a person a set of limb lengths and habits. Space as in the data
sets: x to the person's left, y up, z forward, metres.

Shapes:
    T: frames   P: angles of a pose   J: joints, thirteen
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

FRAME_RATE = 15
Poses = Float[np.ndarray, "T P"]
Pose = Float[np.ndarray, " P"]
Motion = Callable[[Generator], Poses]

_LIMBS = {"thighs": 0, "shins": 4, "arms": 8, "forearms": 12}
_SINGLE = {"lean": 16, "bend": 17, "twist": 18, "pitch": 19, "roll": 20, "turn": 21}
_PLACE = {"x": 22, "z": 23, "hop": 24, "hang": 25}
_NAMES = _SINGLE | _PLACE
NUM_ANGLES = 26


def pose(base: Pose | None = None, /, **angles: Any) -> Pose:  # noqa: ANN401
    """Change some angles, in degrees, of a pose; standing is where nothing is said.

    Limbs have a pair (forward, outward) for both sides or one for the left and one for the right;
    (0, 0) hangs down, (90, 0) points forward, (180, 0) up. Legs are measured from the upright, arms
    from the trunk. `lean`, `bend` (to the left) and `twist` turn the trunk; `pitch` (forward),
    `roll` (to the right) and `turn` (to the left) the whole body; `x`, `z` and `hop` move it, in
    metres; `hang` of 1 keeps the hands where they are and not the lowest point on the floor.
    """
    made = STAND.copy() if base is None else base.copy()
    for name, value in angles.items():
        if name in _LIMBS:
            start = _LIMBS[name]
            made[start : start + 4] = np.broadcast_to(np.array(value, float), (2, 2)).ravel()
        else:
            made[_NAMES[name]] = value
    return made


def mirror(poses: Float[np.ndarray, "*T P"]) -> Float[np.ndarray, "*T P"]:
    """Let the left side do what the right one did."""
    mirrored = poses.copy()
    for start in _LIMBS.values():
        mirrored[..., start : start + 2] = poses[..., start + 2 : start + 4]
        mirrored[..., start + 2 : start + 4] = poses[..., start : start + 2]
    for name in ("bend", "twist", "roll", "turn", "x"):
        mirrored[..., _NAMES[name]] *= -1
    return mirrored


def once(*stations: tuple[Pose, float], rest: float = 0.4, sharp: bool = False) -> Motion:
    """Pass through poses; each has the seconds that it takes to get there (the first: to stay).

    Args:
        stations: poses and seconds, drawn anew between 0.65 and 1.5 of what is said.
        rest: seconds to stay in the last one, likewise.
        sharp: accelerate towards the next pose and stop at once, as what falls does.
    """

    def motion(rng: Generator) -> Poses:
        tempo = rng.uniform(0.75, 1.3)
        seconds = np.array([each for _, each in stations]) * tempo
        seconds = np.append(seconds, rest) * rng.uniform(0.85, 1.15, len(stations) + 1)
        times = np.append(0, np.cumsum(seconds))  # begin, then the arrival at each, then the end
        wild = [each + rng.normal(0, 4, NUM_ANGLES) * _JITTER for each, _ in stations]
        knots = np.stack([wild[0], *wild, wild[-1]])
        now = np.arange(0, times[-1], 1 / FRAME_RATE)
        index = np.clip(np.searchsorted(times, now, side="right") - 1, 0, len(times) - 2)
        span = np.maximum(times[index + 1] - times[index], 1e-6)
        share = np.clip((now - times[index]) / span, 0, 1)
        eased = share**1.8 if sharp else share * share * (3 - 2 * share)
        return knots[index] + eased[:, None] * (knots[index + 1] - knots[index])

    return motion


def loop(*stations: Pose, period: tuple[float, float], seconds: float = 4.0) -> Motion:
    """Go round through poses, smoothly, from anywhere in the circle."""

    def motion(rng: Generator) -> Poses:
        length = rng.uniform(*period)
        reach = rng.uniform(0.8, 1.1)
        middle = np.mean(stations, axis=0)
        knots = np.stack([middle + reach * (each - middle) for each in stations])
        knots = knots + rng.normal(0, 3, knots.shape) * _JITTER
        drift = np.cumsum(rng.normal(0, 0.02, round(seconds * FRAME_RATE)))
        phase = (np.arange(len(drift)) / FRAME_RATE + drift) / length + rng.uniform()
        place = (phase % 1) * len(knots)
        index = place.astype(int) % len(knots)
        share = place - place.astype(int)
        eased = (share * share * (3 - 2 * share))[:, None]
        return knots[index] + eased * (knots[(index + 1) % len(knots)] - knots[index])

    return motion


def hold(*choices: Pose, sway: float = 2.0, seconds: float = 3.5) -> Motion:
    """Stay in one of some poses, as still as people can."""

    def motion(rng: Generator) -> Poses:
        held = choices[rng.integers(len(choices))] + rng.normal(0, 5, NUM_ANGLES) * _JITTER
        return held + sway * smooth_noise(rng, round(seconds * FRAME_RATE), 1.2) * _JITTER

    return motion


def busy(*choices: Pose, hands: float = 14.0, rate: float = 1.2, seconds: float = 4.0) -> Motion:
    """Stay in a pose while hands and forearms move to and fro without a rhythm."""
    moving = np.zeros(NUM_ANGLES)
    moving[8:12], moving[12:16], moving[16:19] = 0.5, 1.0, 0.15

    def motion(rng: Generator) -> Poses:
        held = choices[rng.integers(len(choices))] + rng.normal(0, 6, NUM_ANGLES) * _JITTER
        noise = smooth_noise(rng, round(seconds * FRAME_RATE), rate * rng.uniform(0.6, 1.6))
        return held + hands * rng.uniform(0.6, 1.3) * noise * moving

    return motion


def one_of(*motions: Motion) -> Motion:
    """Do it in one of several ways."""
    return lambda rng: motions[rng.integers(len(motions))](rng)


def one_after_another(*motions: Motion, blend: int = 4) -> Motion:
    """Do one thing, then the next, with some frames between them."""

    def motion(rng: Generator) -> Poses:
        poses = motions[0](rng)
        for following in motions[1:]:
            after = following(rng)
            after[:, 22:24] += poses[-1, 22:24] - after[0, 22:24]
            share = np.linspace(0, 1, blend + 2)[1:-1, None]
            poses = np.concatenate([poses, (1 - share) * poses[-1] + share * after[0], after])
        return poses

    return motion


def moving(motion: Motion, forward: tuple[float, float] = (0, 0), **rates: float) -> Motion:
    """Add a constant speed forward, metres a second, and to other angles a rate a second."""

    def moved(rng: Generator) -> Poses:
        poses = motion(rng)
        seconds = np.arange(len(poses)) / FRAME_RATE
        poses[:, _PLACE["z"]] += rng.uniform(*forward) * seconds
        for name, rate in rates.items():
            poses[:, _NAMES[name]] += rng.uniform(0.7, 1.3) * rate * seconds
        return poses

    return moved


def smooth_noise(rng: Generator, num_frames: int, rate: float) -> Float[np.ndarray, "T P"]:
    """Draw numbers of about unit variance that change some times a second."""
    num_knots = int(num_frames / FRAME_RATE * rate * 2) + 3
    knots = rng.normal(0, 1, (num_knots, NUM_ANGLES))
    place = np.linspace(0, num_knots - 1.001, num_frames)
    index, share = place.astype(int), (place % 1)[:, None]
    eased = (1 - np.cos(np.pi * share)) / 2
    return knots[index] * (1 - eased) + knots[index + 1] * eased


def joints(poses: Poses, rng: Generator) -> Float[np.ndarray, "T J 3"]:
    """Give a person a body and habits, and follow the angles from joint to joint."""
    lengths = _LENGTHS * rng.uniform(0.88, 1.12, len(_LENGTHS)) * rng.uniform(0.8, 1.1)
    trunk, neck, shoulder, hip, upper_arm, forearm, thigh, shin = lengths
    poses = poses + rng.normal(0, 2.5, NUM_ANGLES) * _JITTER
    poses = poses + 1.2 * smooth_noise(rng, len(poses), 1.0) * _JITTER
    lean, bend, twist, pitch, roll, turn = np.radians(poses[:, 16:22]).T
    sides = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    chest = _about_y(twist) @ _about_z(bend) @ _about_x(lean)  # (T, 3, 3)
    hips = np.broadcast_to(hip * sides, (len(poses), 2, 3))
    knees = hips + thigh * _directions(poses[:, 0:4])
    ankles = knees + shin * _directions(poses[:, 4:8])
    top = (chest @ np.array([0, trunk, 0]))[:, None]
    shoulders = top + np.einsum("tij,sj->tsi", chest, shoulder * sides)
    elbows = shoulders + upper_arm * np.einsum("tij,tsj->tsi", chest, _directions(poses[:, 8:12]))
    wrists = elbows + forearm * np.einsum("tij,tsj->tsi", chest, _directions(poses[:, 12:16]))
    head = top + (chest @ np.array([0, neck, 0.05]))[:, None]
    points = np.concatenate([head, shoulders, elbows, wrists, hips, knees, ankles], axis=1)
    whole = _about_y(turn) @ _about_z(-roll) @ _about_x(pitch)
    points = np.einsum("tij,tkj->tki", whole, points)
    thickness = np.array([0.12, *[0.08] * 2, *[0.05] * 4, *[0.1] * 2, *[0.06] * 2, *[0.08] * 2])
    lowest = (points[..., 1] - thickness).min(axis=1)
    lift = _soften(poses[:, 24] - lowest)
    hanging = 2.1 - points[:, 5:7, 1].mean(axis=1)
    height = np.where(poses[:, 25] > 0.5, hanging, lift)
    place = np.stack([poses[:, 22], height, poses[:, 23]], axis=-1)
    return points + place[:, None]


def _soften(heights: Float[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
    """Take the corners off the height of a body that changes what it stands on."""
    padded = np.pad(heights, 1, mode="edge")
    return (padded[:-2] + 2 * heights + padded[2:]) / 4


def _directions(angles: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 2 3"]:
    forward, outward = np.moveaxis(np.radians(angles).reshape(-1, 2, 2), -1, 0)
    side = np.array([1.0, -1.0])
    return np.stack(
        [
            side * np.sin(outward),
            -np.cos(outward) * np.cos(forward),
            np.cos(outward) * np.sin(forward),
        ],
        axis=-1,
    )


def _rotation(
    angle: Float[np.ndarray, " T"], first: int, second: int
) -> Float[np.ndarray, "T 3 3"]:
    """Turn from the first axis towards the second."""
    matrix = np.broadcast_to(np.eye(3), (len(angle), 3, 3)).copy()
    cos, sin = np.cos(angle), np.sin(angle)
    matrix[:, first, first] = matrix[:, second, second] = cos
    matrix[:, second, first], matrix[:, first, second] = sin, -sin
    return matrix


def _about_x(angle: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T 3 3"]:
    return _rotation(angle, 1, 2)


def _about_y(angle: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T 3 3"]:
    return _rotation(angle, 2, 0)


def _about_z(angle: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T 3 3"]:
    """Positive bends to the left, which is +x: y towards x."""
    return _rotation(angle, 1, 0)


_LENGTHS = np.array([0.5, 0.2, 0.18, 0.1, 0.28, 0.25, 0.42, 0.41])
"""Of an average person; that varies, as do its parts."""
_JITTER = np.ones(NUM_ANGLES)
_JITTER[19:22] = 0.6
_JITTER[22:26] = 0.0
STAND = np.zeros(NUM_ANGLES)
STAND[[1, 3]], STAND[[5, 7]] = 4, 2
STAND[[9, 11]], STAND[[12, 13, 14, 15]] = 9, 8
