"""Motions of people: the name of an action and a random generator become a pose for every moment.

A motion is the pose as a function of the moment, 0 at the beginning of a clip and 1 at its end.
Three actions have no motion of their own: they are another one played backwards (`REVERSED`), so
that only the direction of time tells the two apart. That is why nobody falls faster than he gets
up, and why the walker faces the viewer, swings arms and legs sideways and in no single frame shows
where to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

Angles = Float[np.ndarray, "5 2 2"]
"""In degrees, of thighs, shins, feet, upper arms and forearms (`LIMBS`); of the left and the right
one; forward and outward, from hanging straight down. Legs are measured from the upright, arms from
the trunk."""
LIMBS = THIGHS, SHINS, FEET, UPPER_ARMS, FOREARMS = range(5)

Number = float | int
Pair = tuple[Number, Number]
PerSide = Pair | tuple[Pair, Pair]


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees, and where the figure is."""

    angles: Angles
    lean: float = 0.0
    """Of the trunk at the hips, forward."""
    turn: float = 0.0
    """Of the whole figure about the upright, to its left."""
    travel: float = 0.0
    """To the right of the picture, in leg lengths."""
    hop: float = 0.0
    """Above the floor, in leg lengths."""
    planted: bool = True
    """Whether the feet keep their place; otherwise the hips do."""


Motion = Callable[[float], Pose]


def pose(
    thighs: PerSide = (0, 4),
    shins: PerSide = (0, 2),
    feet: PerSide = (90, 12),
    upper_arms: PerSide = (0, 10),
    forearms: PerSide = (8, 8),
    lean: Number = 0,
) -> Pose:
    """Make a pose; one pair of angles is for both sides."""
    limbs = (thighs, shins, feet, upper_arms, forearms)
    return Pose(
        np.stack([np.broadcast_to(np.array(limb, float), (2, 2)) for limb in limbs]), float(lean)
    )


def mix(start: Pose, end: Pose, weight: float) -> Pose:
    """Interpolate from one pose (weight 0) to another (weight 1)."""
    names = ("angles", "lean", "turn", "travel", "hop")
    mixed = {n: (1 - weight) * getattr(start, n) + weight * getattr(end, n) for n in names}
    return replace(start, **mixed)


STANDING = pose()
RISING = pose((62, 6), (-18, 4), upper_arms=(50, 8), forearms=(70, 4), lean=42)
SEATED = pose((90, 6), (0, 4), upper_arms=(25, 8), forearms=(75, 0))
SQUATTING = pose((98, 18), (-38, 2), upper_arms=(115, 8), forearms=(118, 4), lean=38)
BENT = pose((-14, 5), (-8, 3), upper_arms=(102, 6), forearms=(104, 4), lean=100)
STAR = pose((0, 26), (0, 26), (90, 26), upper_arms=(0, 155), forearms=(0, 168))
LEG_BACK = pose(((-28, 5), (-8, 6)), ((-80, 4), (-12, 4)), ((0, 4), (90, 12)), (5, 35), (60, 20))
LEG_OUT = pose(
    ((82, 3), (-6, 6)), ((78, 3), (-8, 4)), ((150, 3), (90, 12)), (-15, 45), (25, 40), lean=-16
)
ON_GUARD = pose(
    ((16, 8), (-16, 8)), ((-4, 6), (-30, 6)), upper_arms=(15, 12), forearms=(132, -8), lean=6
)
FISTS_OUT = pose(upper_arms=(90, 2), forearms=(92, -4))
HANDS_APART = pose(upper_arms=(52, 34), forearms=(82, 42))
HANDS_TOGETHER = pose(upper_arms=(56, 4), forearms=(88, -34))
KNEES_GIVING_WAY = pose((55, 8), (-45, 4), upper_arms=(40, 40), forearms=(60, 40), lean=20)
ON_SEAT = pose((112, 8), (38, 4), (120, 10), (-35, 18), (-25, 18), lean=-14)
ON_BACK = pose((92, 10), (86, 8), (165, 15), (10, 60), (20, 68), lean=-88)
ON_KNEES = pose((4, 6), (-88, 4), (-80, 4), (45, 12), (60, 8), lean=15)
ON_HANDS = pose((-25, 6), (-88, 4), (-85, 4), (105, 10), (115, 6), lean=62)
ON_FRONT = pose((-88, 8), (-86, 6), (-85, 6), (150, 35), (178, 8), lean=88)


def start(action: str, rng: Generator) -> Motion:
    """Draw one person's way of doing an action that is not played backwards."""
    return _MOTIONS[action][0](rng)


def with_arms_of(lower: Motion, upper: Motion) -> Motion:
    """Combine the legs of one motion with the arms of another."""

    def both(moment: float) -> Pose:
        legs, arms = lower(moment), upper(moment)
        angles = np.concatenate([legs.angles[:UPPER_ARMS], arms.angles[UPPER_ARMS:]])
        return replace(legs, angles=angles)

    return both


def with_bearing(motion: Motion, rng: Generator) -> Motion:
    """Add how one person carries arms and trunk, and breath, which nobody can hold still."""
    upper_arms = rng.uniform([-5, 0], [5, 6], (2, 2))
    forearms = rng.uniform([-5, -3], [12, 5], (2, 2))
    lean, breaths, offset = rng.uniform(-3, 5), rng.uniform(0.5, 1.2), rng.uniform()
    carriage = np.stack([*np.zeros((3, 2, 2)), upper_arms, forearms])

    def carried(moment: float) -> Pose:
        pose = motion(moment)
        leaning = pose.lean + lean + 2 * _there_and_back(breaths * moment + offset)
        return replace(pose, angles=pose.angles + carriage, lean=leaning)

    return carried


def _ease(progress: float) -> float:
    """Start and stop gently: 0 before 0, 1 after 1."""
    held = min(max(progress, 0.0), 1.0)
    return held * held * (3 - 2 * held)


def _there_and_back(cycles: float) -> float:
    """Go from 0 to 1 and back, once per cycle."""
    return (1 - np.cos(2 * np.pi * cycles)) / 2


def _repeat(rng: Generator, here: Pose, there: Pose, fewest: float, most: float) -> Motion:
    """Go there and back, more or less far, so many times a clip."""
    cycles, offset = rng.uniform(fewest, most), rng.uniform()
    reach = rng.uniform(0.85, 1.05)
    return lambda moment: mix(here, there, reach * _there_and_back(cycles * moment + offset))


def _once(rng: Generator, *stations: Pose) -> Motion:
    """Pass through the poses one after the other, with a rest before and after."""
    begin, end = rng.uniform(0.03, 0.22), rng.uniform(0.75, 0.97)

    def pass_through(moment: float) -> Pose:
        place = (len(stations) - 1) * _ease((moment - begin) / (end - begin))
        index = min(int(place), len(stations) - 2)
        return mix(stations[index], stations[index + 1], place - index)

    return pass_through


def _either_side(rng: Generator, motion: Motion) -> Motion:
    """Exchange left and right limbs in every second clip."""
    if rng.uniform() < 0.5:
        return motion

    def mirrored(moment: float) -> Pose:
        pose = motion(moment)
        return replace(pose, angles=pose.angles[:, ::-1])

    return mirrored


def _walk_to_the_left(rng: Generator) -> Motion:
    steps, offset = rng.uniform(2.6, 4.2), rng.uniform(0, 2)
    stride, lift, arms = rng.uniform(17, 25), rng.uniform(20, 35), rng.uniform(10, 24)

    def walk(moment: float) -> Pose:
        phase = np.pi * (steps * moment + offset)
        apart = stride * np.cos(phase)
        lifted = lift * np.maximum([np.sin(phase), -np.sin(phase)], 0)  # left, right
        step = 2 * np.sin(np.radians(stride))
        thighs = np.stack([lifted, [apart, apart]], axis=1)
        shins = np.stack([-lifted, [apart, apart]], axis=1)
        upper_arms = np.full((2, 2), (0, 12 - arms * np.cos(phase)))
        forearms = np.full((2, 2), (10, 9 - arms * np.cos(phase)))
        angles = np.stack([thighs, shins, STANDING.angles[FEET], upper_arms, forearms])
        return Pose(angles, travel=steps * (0.5 - moment) * step, planted=False)

    return walk


def _wave(rng: Generator, num_hands: int) -> Motion:
    elbow, cycles = rng.uniform(85, 130), rng.uniform(2.2, 4.5)
    offset, width = rng.uniform(), rng.uniform(24, 36)

    def wave(moment: float) -> Pose:
        hand = 178 + width * np.cos(2 * np.pi * (cycles * moment + offset))
        resting = ((0, 10), (8, 8)) if num_hands == 1 else ((0, elbow), (8, hand))
        return pose(upper_arms=((0, elbow), resting[0]), forearms=((8, hand), resting[1]))

    return _either_side(rng, wave)


def _jump(rng: Generator) -> Motion:
    cycles, offset, hop = rng.uniform(1.6, 2.8), rng.uniform(), rng.uniform(0.08, 0.18)

    def jump(moment: float) -> Pose:
        phase = cycles * moment + offset
        spread = mix(STANDING, STAR, _there_and_back(phase))
        return replace(spread, hop=hop * _there_and_back(2 * phase))

    return jump


def _kick(rng: Generator) -> Motion:
    cycles, offset = rng.uniform(1.2, 2.2), rng.uniform()
    stations = (STANDING, LEG_BACK, LEG_OUT, LEG_BACK, STANDING)

    def kick(moment: float) -> Pose:
        place = 4 * ((cycles * moment + offset) % 1)
        index = int(place)
        leg = mix(stations[index], stations[index + 1], _ease(place - index))
        return replace(leg, planted=False)

    return _either_side(rng, kick)


def _punch(rng: Generator) -> Motion:
    cycles, offset = rng.uniform(1.6, 3.0), rng.uniform()
    guard, out = ON_GUARD.angles, FISTS_OUT.angles

    def punch(moment: float) -> Pose:
        beat = np.sin(2 * np.pi * (cycles * moment + offset))
        reach = np.maximum([[beat], [-beat]], 0) ** 0.7  # one arm, then the other
        arms = (guard + reach * (out - guard))[UPPER_ARMS:]
        return replace(ON_GUARD, angles=np.concatenate([guard[:UPPER_ARMS], arms]))

    return _either_side(rng, punch)


def _turn_around(rng: Generator) -> Motion:
    begin, end = rng.uniform(0.02, 0.15), rng.uniform(0.82, 0.98)
    angle = rng.choice([-360, -180, 180, 360]) * rng.uniform(0.95, 1.05)
    steps = rng.uniform(3, 5)

    def turn(moment: float) -> Pose:
        progress = _ease((moment - begin) / (end - begin))
        step = 22 * np.sin(np.pi * steps * progress)
        lifted = np.stack([np.maximum([step, -step], 0), [0, 0]], axis=1)
        angles = STANDING.angles + np.stack([lifted, -lifted, *np.zeros((3, 2, 2))])
        return Pose(angles, turn=angle * progress, planted=False)

    return turn


def _fall(rng: Generator) -> Motion:
    backward = (STANDING, KNEES_GIVING_WAY, ON_SEAT, ON_BACK)
    forward = (STANDING, ON_KNEES, ON_HANDS, ON_FRONT)
    return _once(rng, *(backward if rng.uniform() < 0.5 else forward))


_Table = dict[str, tuple[Callable[[Generator], Motion], tuple[float, float]]]
_MOTIONS: _Table = {
    "walking to the left": (_walk_to_the_left, (0, 20)),
    "waving one hand": (lambda rng: _wave(rng, 1), (0, 40)),
    "waving both hands": (lambda rng: _wave(rng, 2), (0, 40)),
    "jumping jacks": (_jump, (0, 40)),
    "squatting": (lambda rng: _repeat(rng, STANDING, SQUATTING, 1.0, 2.0), (10, 85)),
    "bending down": (lambda rng: _once(rng, STANDING, BENT, STANDING), (40, 90)),
    "sitting down": (lambda rng: _once(rng, STANDING, RISING, SEATED), (35, 80)),
    "kicking": (_kick, (45, 90)),
    "punching": (_punch, (45, 90)),
    "clapping": (lambda rng: _repeat(rng, HANDS_APART, HANDS_TOGETHER, 2.5, 4.5), (0, 40)),
    "turning around": (_turn_around, (0, 180)),
    "falling down": (_fall, (40, 90)),
    "standing still": (lambda rng: lambda moment: STANDING, (0, 60)),
}
TURNS = {action: turns for action, (_, turns) in _MOTIONS.items()}
"""How many degrees to either side people may be turned away so that the action is still visible."""
REVERSED = {
    "walking to the right": "walking to the left",
    "standing up": "sitting down",
    "getting up": "falling down",
}
"""Actions that are another one played backwards."""
ACTIONS = (
    *("walking to the left", "walking to the right", "waving one hand", "waving both hands"),
    *("jumping jacks", "squatting", "bending down", "standing up", "sitting down", "kicking"),
    *("punching", "clapping", "turning around", "falling down", "getting up", "standing still"),
)
LEG_ACTIONS = (
    "walking to the left",
    "walking to the right",
    "squatting",
    "kicking",
    "turning around",
)
ARM_ACTIONS = ("waving one hand", "waving both hands", "punching", "clapping")
