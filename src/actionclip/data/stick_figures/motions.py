"""Motions of people: the name of an action and some chance become a pose for every moment.

A motion is the pose as a function of the moment, 0 at the beginning of a clip and 1 at its end.
Three actions have no motion of their own: they are another one played backwards (`REVERSED`), so
that only the direction of time tells the two apart. That is why nobody falls faster than he gets
up, and why the walker faces the viewer, swings arms and legs sideways and in no single frame shows
where to.

Knows no lengths of limbs, no pictures and no files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from actionclip.data.stick_figures import poses
from actionclip.data.stick_figures.poses import Pose

ACTIONS = (
    "walking to the left",
    "walking to the right",
    "waving one hand",
    "waving both hands",
    "jumping jacks",
    "squatting",
    "bending down",
    "standing up",
    "sitting down",
    "kicking",
    "punching",
    "clapping",
    "turning around",
    "falling down",
    "getting up",
    "standing still",
)
REVERSED = {
    "walking to the right": "walking to the left",
    "standing up": "sitting down",
    "getting up": "falling down",
}
"""Actions that are another one played backwards."""
WITH_THE_LEGS = (
    "walking to the left",
    "walking to the right",
    "squatting",
    "kicking",
    "turning around",
)
WITH_THE_ARMS = ("waving one hand", "waving both hands", "punching", "clapping")

Motion = Callable[[float], Pose]


def start(action: str, chance: Generator) -> Motion:
    """Draw one person's way of doing an action that is not played backwards."""
    return _MOTIONS[action](chance)


def with_arms_of(lower: Motion, upper: Motion) -> Motion:
    """Do one thing with the legs and another with the arms."""

    def both(moment: float) -> Pose:
        arms = upper(moment)
        return replace(lower(moment), upper_arms=arms.upper_arms, forearms=arms.forearms)

    return both


def with_bearing(motion: Motion, chance: Generator) -> Motion:
    """Add how one person carries arms and trunk, and breath, which nobody can keep still."""
    upper_arms = chance.uniform([-5, 0], [5, 6], (2, 2))
    forearms = chance.uniform([-5, -3], [12, 5], (2, 2))
    lean, breaths, offset = chance.uniform(-3, 5), chance.uniform(0.5, 1.2), chance.uniform()

    def carried(moment: float) -> Pose:
        pose = motion(moment)
        return replace(
            pose,
            upper_arms=pose.upper_arms + upper_arms,
            forearms=pose.forearms + forearms,
            lean=pose.lean + lean + 2 * _there_and_back(breaths * moment + offset),
        )

    return carried


def _ease(progress: float) -> float:
    """Start and stop gently: 0 before 0, 1 after 1."""
    held = min(max(progress, 0.0), 1.0)
    return held * held * (3 - 2 * held)


def _there_and_back(cycles: float) -> float:
    """From 0 to 1 and back, once per cycle."""
    return (1 - np.cos(2 * np.pi * cycles)) / 2


def _repeat(chance: Generator, here: Pose, there: Pose, fewest: float, most: float) -> Motion:
    """Go there and back, more or less far, so many times a clip."""
    cycles, offset = chance.uniform(fewest, most), chance.uniform()
    reach = chance.uniform(0.85, 1.05)
    return lambda moment: poses.mix(here, there, reach * _there_and_back(cycles * moment + offset))


def _once(chance: Generator, *stations: Pose) -> Motion:
    """Pass through the poses one after the other, with a rest before and after."""
    begin, end = chance.uniform(0.03, 0.22), chance.uniform(0.75, 0.97)

    def pass_through(moment: float) -> Pose:
        place = (len(stations) - 1) * _ease((moment - begin) / (end - begin))
        index = min(int(place), len(stations) - 2)
        return poses.mix(stations[index], stations[index + 1], place - index)

    return pass_through


def _with_either_side(chance: Generator, motion: Motion) -> Motion:
    """Leave it to chance which hand or foot begins."""
    return motion if chance.uniform() < 0.5 else lambda moment: poses.mirror(motion(moment))


def _walk_to_the_left(chance: Generator) -> Motion:
    steps, offset = chance.uniform(2.6, 4.2), chance.uniform(0, 2)
    stride, lift, arms = chance.uniform(17, 25), chance.uniform(20, 35), chance.uniform(10, 24)

    def walk(moment: float) -> Pose:
        phase = np.pi * (steps * moment + offset)
        apart = stride * np.cos(phase)
        lifted = lift * np.maximum([np.sin(phase), -np.sin(phase)], 0)  # left, right
        step = 2 * np.sin(np.radians(stride))
        return Pose(
            thighs=np.stack([lifted, [apart, apart]], axis=1),
            shins=np.stack([-lifted, [apart, apart]], axis=1),
            feet=poses.STANDING.feet,
            upper_arms=np.full((2, 2), (0, 12 - arms * np.cos(phase))),
            forearms=np.full((2, 2), (10, 9 - arms * np.cos(phase))),
            travel=steps * (0.5 - moment) * step,
            planted=False,
        )

    return walk


def _wave(chance: Generator, num_hands: int) -> Motion:
    elbow, cycles = chance.uniform(85, 130), chance.uniform(2.2, 4.5)
    offset, width = chance.uniform(), chance.uniform(24, 36)

    def wave(moment: float) -> Pose:
        hand = 178 + width * np.cos(2 * np.pi * (cycles * moment + offset))
        resting = ((0, 10), (8, 8)) if num_hands == 1 else ((0, elbow), (8, hand))
        return poses.pose(upper_arms=((0, elbow), resting[0]), forearms=((8, hand), resting[1]))

    return _with_either_side(chance, wave)


def _jump(chance: Generator) -> Motion:
    cycles, offset, hop = chance.uniform(1.6, 2.8), chance.uniform(), chance.uniform(0.08, 0.18)

    def jump(moment: float) -> Pose:
        phase = cycles * moment + offset
        spread = poses.mix(poses.STANDING, poses.STAR, _there_and_back(phase))
        return replace(spread, hop=hop * _there_and_back(2 * phase))

    return jump


def _kick(chance: Generator) -> Motion:
    cycles, offset = chance.uniform(1.2, 2.2), chance.uniform()
    stations = (poses.STANDING, poses.LEG_BACK, poses.LEG_OUT, poses.LEG_BACK, poses.STANDING)

    def kick(moment: float) -> Pose:
        place = 4 * ((cycles * moment + offset) % 1)
        index = int(place)
        leg = poses.mix(stations[index], stations[index + 1], _ease(place - index))
        return replace(leg, planted=False)

    return _with_either_side(chance, kick)


def _punch(chance: Generator) -> Motion:
    cycles, offset = chance.uniform(1.6, 3.0), chance.uniform()
    guard, out = poses.ON_GUARD, poses.FISTS_OUT

    def punch(moment: float) -> Pose:
        beat = np.sin(2 * np.pi * (cycles * moment + offset))
        reach = np.maximum([[beat], [-beat]], 0) ** 0.7  # one arm, then the other
        return replace(
            guard,
            upper_arms=guard.upper_arms + reach * (out.upper_arms - guard.upper_arms),
            forearms=guard.forearms + reach * (out.forearms - guard.forearms),
        )

    return _with_either_side(chance, punch)


def _turn_around(chance: Generator) -> Motion:
    begin, end = chance.uniform(0.02, 0.15), chance.uniform(0.82, 0.98)
    angle = chance.choice([-360, -180, 180, 360]) * chance.uniform(0.95, 1.05)
    steps, standing = chance.uniform(3, 5), poses.STANDING

    def turn(moment: float) -> Pose:
        progress = _ease((moment - begin) / (end - begin))
        step = 22 * np.sin(np.pi * steps * progress)
        lifted = np.stack([np.maximum([step, -step], 0), [0, 0]], axis=1)
        return replace(
            standing,
            thighs=standing.thighs + lifted,
            shins=standing.shins - lifted,
            turn=angle * progress,
            planted=False,
        )

    return turn


def _fall(chance: Generator) -> Motion:
    backward = (poses.STANDING, poses.KNEES_GIVING_WAY, poses.ON_SEAT, poses.ON_BACK)
    forward = (poses.STANDING, poses.ON_KNEES, poses.ON_HANDS, poses.ON_FRONT)
    return _once(chance, *(backward if chance.uniform() < 0.5 else forward))


_MOTIONS: dict[str, Callable[[Generator], Motion]] = {
    "walking to the left": _walk_to_the_left,
    "waving one hand": lambda chance: _wave(chance, num_hands=1),
    "waving both hands": lambda chance: _wave(chance, num_hands=2),
    "jumping jacks": _jump,
    "squatting": lambda chance: _repeat(chance, poses.STANDING, poses.SQUATTING, 1.0, 2.0),
    "bending down": lambda chance: _once(chance, poses.STANDING, poses.BENT, poses.STANDING),
    "sitting down": lambda chance: _once(chance, poses.STANDING, poses.RISING, poses.SEATED),
    "kicking": _kick,
    "punching": _punch,
    "clapping": lambda chance: _repeat(chance, poses.HANDS_APART, poses.HANDS_TOGETHER, 2.5, 4.5),
    "turning around": _turn_around,
    "falling down": _fall,
    "standing still": lambda chance: lambda moment: poses.STANDING,
}
