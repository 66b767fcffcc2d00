"""The body: a pose in joint angles becomes points in space, and those points a flat picture.

Space: x to the right of the picture, y up from the floor, z towards the viewer; the unit is the
height of an average person. A figure whose turn is 0 looks at the viewer. Knows no actions, no
colours and no pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from actionclip.data.stick_figures.poses import Angles, Pose

Points = Float[np.ndarray, "P 3"]
Point = Float[np.ndarray, "1 3"]
Pair = Float[np.ndarray, "2 3"]
Axes = Float[np.ndarray, "3 3"]
Stroke = Float[np.ndarray, "_ 3"]
LEFT_AND_RIGHT = np.array([1.0, -1.0])  # the figure's own left is +x while it looks at the viewer


@dataclass(frozen=True)
class Body:
    """Lengths of one person."""

    head: float
    """Radius."""
    neck: float
    trunk: float
    shoulders: float
    """Half their width, as for the hips."""
    hips: float
    upper_arm: float
    forearm: float
    thigh: float
    shin: float
    foot: float
    limb: float
    """Thickness."""

    @property
    def leg(self) -> float:
        """From hip to ankle."""
        return self.thigh + self.shin


@dataclass(frozen=True)
class Joints:
    """Where one person's joints are; pairs are left and right."""

    hips: Pair
    knees: Pair
    ankles: Pair
    toes: Pair
    shoulders: Pair
    elbows: Pair
    hands: Pair
    neck: Point
    head: Point
    face: Axes
    """From the middle of the head: one radius to its left, up and forward."""

    def points(self) -> Points:
        """All that has a place, the ends of the head included."""
        limbs = (self.hips, self.knees, self.ankles, self.toes)
        arms = (self.shoulders, self.elbows, self.hands)
        return np.concatenate([*limbs, *arms, self.head + self.face, self.head - self.face])


def grow(chance: Generator) -> Body:
    """Draw a person: tall or short in the leg, broad or slender, thick or thin in the limb."""
    average = {
        "head": 0.085,
        "neck": 0.045,
        "trunk": 0.29,
        "shoulders": 0.105,
        "hips": 0.06,
        "upper_arm": 0.165,
        "forearm": 0.16,
        "thigh": 0.235,
        "shin": 0.23,
        "foot": 0.085,
    }
    lengths = {part: length * chance.uniform(0.87, 1.13) for part, length in average.items()}
    return Body(**lengths, limb=chance.uniform(0.03, 0.065))


def stand(body: Body, pose: Pose) -> Joints:
    """Follow the angles from joint to joint, then set the figure on the floor."""
    sides = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    chest = about_x(pose.lean)
    hips = body.hips * sides
    knees = hips + body.thigh * _directions(pose.thighs)
    ankles = knees + body.shin * _directions(pose.shins)
    toes = ankles + body.foot * _directions(pose.feet)
    neck = chest @ (0, body.trunk, 0)
    shoulders = neck + (body.shoulders * sides - (0, 0.02, 0)) @ chest.T
    elbows = shoulders + body.upper_arm * _directions(pose.upper_arms) @ chest.T
    hands = elbows + body.forearm * _directions(pose.forearms) @ chest.T
    head = neck + chest @ (0, body.neck + body.head, 0.015)

    points = (hips, knees, ankles, toes, shoulders, elbows, hands, neck[None], head[None])
    lowest = min(np.concatenate(points[:-1])[:, 1].min() - body.limb / 2, head[1] - body.head)
    place = np.array([0, pose.hop * body.leg - lowest, 0])
    if pose.planted:
        place -= ankles.mean(axis=0) * (1, 0, 1)
    turned = about_y(pose.turn).T
    place = place @ turned + (pose.travel * body.leg, 0, 0)
    face = body.head * chest.T @ turned
    return Joints(*(pair @ turned + place for pair in points), face=face)


def chair(body: Body, turn: float) -> list[Stroke]:
    """The strokes of a chair behind a person: the seat first, then legs, posts and rails."""
    half, front, back = 0.16, -0.3 * body.thigh, -0.12 - body.thigh
    seat, top = body.shin - 0.01, body.shin + 0.34
    corners = [(half, front), (half, back), (-half, back), (-half, front)]
    strokes = [[(x, seat, z) for x, z in corners]]
    strokes += [[(x, seat, z), (x, 0, z)] for x, z in corners]
    strokes += [[(x, seat, back), (x, top, back - 0.04)] for x in (half, -half)]
    strokes += [[(half, y, back - 0.04), (-half, y, back - 0.04)] for y in (top, top - 0.12)]
    return [np.array(stroke) @ about_y(turn).T for stroke in strokes]


def flatten(points: Points, elevation: float) -> Float[np.ndarray, "P 2"]:
    """See the points from so many degrees above: right and up in the picture."""
    return (points @ about_x(elevation).T)[..., :2]


def depth(points: Points, elevation: float) -> float:
    """How near the viewer the points are on the whole."""
    return float((points @ about_x(elevation).T)[..., 2].mean())


def about_x(degrees: float) -> Axes:
    """Turn up towards the viewer."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def about_y(degrees: float) -> Axes:
    """Turn what looks at the viewer to its left, which is the right of the picture."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _directions(angles: Angles) -> Pair:
    """Where limbs point that hang straight down at (0, 0), forward at (90, 0), up at (180, 0)."""
    forward, outward = np.radians(angles).T
    return np.stack(
        [
            LEFT_AND_RIGHT * np.sin(outward),
            -np.cos(outward) * np.cos(forward),
            np.cos(outward) * np.sin(forward),
        ],
        axis=1,
    )
