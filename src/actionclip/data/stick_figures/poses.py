"""Poses of people: joint angles in degrees, the poses that actions pass through, and mixing them.

Knows no time and no lengths of limbs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float

Angles = Float[np.ndarray, "2 2"]
"""Of the left and the right limb: forward and outward, from hanging straight down."""

Number = float | int
Pair = tuple[Number, Number]
PerSide = Pair | tuple[Pair, Pair]


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees. Legs are measured from the upright, arms from the trunk."""

    thighs: Angles
    shins: Angles
    feet: Angles
    upper_arms: Angles
    forearms: Angles
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


def pose(
    thighs: PerSide = (0, 4),
    shins: PerSide = (0, 2),
    feet: PerSide = (90, 12),
    upper_arms: PerSide = (0, 10),
    forearms: PerSide = (8, 8),
    lean: Number = 0,
) -> Pose:
    """Give one pair of angles to both sides, or to the left and to the right its own."""
    limbs = [thighs, shins, feet, upper_arms, forearms]
    return Pose(
        *(np.broadcast_to(np.array(limb, float), (2, 2)) for limb in limbs), lean=float(lean)
    )


def mix(start: Pose, end: Pose, weight: float) -> Pose:
    """Go from one pose towards another; a weight of 0 is the first, of 1 the second."""
    names = [field.name for field in fields(Pose) if field.name != "planted"]
    mixed = {
        name: (1 - weight) * getattr(start, name) + weight * getattr(end, name) for name in names
    }
    return replace(start, **mixed)


def mirror(original: Pose) -> Pose:
    """Let the left limbs do what the right ones did, and the other way round."""
    names = ["thighs", "shins", "feet", "upper_arms", "forearms"]
    return replace(original, **{name: getattr(original, name)[::-1] for name in names})


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
