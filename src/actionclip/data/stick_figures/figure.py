"""The figure: a pose becomes points in space, a flat picture of them, and the pixels of a frame.

Space: x to the right of the picture, y up from the floor, z towards the viewer; the unit is the
height of an average person. A figure whose turn is 0 faces the viewer.

Parts are drawn from the farthest to the nearest, each with an outline, at several times the size
of the frame, which is then reduced to smooth the edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy.random import Generator
from PIL import Image, ImageDraw

from actionclip.data.stick_figures import motions
from actionclip.data.stick_figures.motions import Pose

WIDTH, HEIGHT = 256, 192
FINENESS = 3
"""Pixels drawn for one pixel of the frame, each way."""
MARGIN = 6
"""Pixels of the frame that the camera may shake."""
STAGE = ((WIDTH + 2 * MARGIN) * FINENESS, (HEIGHT + 2 * MARGIN) * FINENESS)

Points = Float[np.ndarray, "P 3"]
Point = Float[np.ndarray, "1 3"]
Pair = Float[np.ndarray, "2 3"]
Axes = Float[np.ndarray, "3 3"]
Stroke = Float[np.ndarray, "_ 3"]
Pixel = tuple[float, float]
Colour = tuple[int, int, int]
LEFT_AND_RIGHT = np.array([1.0, -1.0])  # the figure's own left is +x while it faces the viewer


@dataclass(frozen=True)
class Body:
    """Lengths of one person; the defaults are those of an average one."""

    limb: float
    """Thickness."""
    head: float = 0.085
    """Radius."""
    neck: float = 0.045
    trunk: float = 0.29
    shoulders: float = 0.105
    """Half their width, as for the hips."""
    hips: float = 0.06
    upper_arm: float = 0.165
    forearm: float = 0.16
    thigh: float = 0.235
    shin: float = 0.23
    foot: float = 0.085


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
        """Return all points, the ends of the head included."""
        limbs = (self.hips, self.knees, self.ankles, self.toes)
        arms = (self.shoulders, self.elbows, self.hands)
        return np.concatenate([*limbs, *arms, self.head + self.face, self.head - self.face])


def grow(rng: Generator) -> Body:
    """Draw a person: tall or short in the leg, broad or slender, thick or thin in the limb."""
    average = {part: length for part, length in vars(Body(0.0)).items() if part != "limb"}
    lengths = {part: length * rng.uniform(0.87, 1.13) for part, length in average.items()}
    return Body(rng.uniform(0.03, 0.065), **lengths)


def stand(body: Body, pose: Pose) -> Joints:
    """Follow the angles from joint to joint, then set the figure on the floor."""
    directions = [_directions(limb) for limb in pose.angles]
    sides = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    chest = about_x(pose.lean)
    hips = body.hips * sides
    knees = hips + body.thigh * directions[motions.THIGHS]
    ankles = knees + body.shin * directions[motions.SHINS]
    toes = ankles + body.foot * directions[motions.FEET]
    neck = chest @ (0, body.trunk, 0)
    shoulders = neck + (body.shoulders * sides - (0, 0.02, 0)) @ chest.T
    elbows = shoulders + body.upper_arm * directions[motions.UPPER_ARMS] @ chest.T
    hands = elbows + body.forearm * directions[motions.FOREARMS] @ chest.T
    head = neck + chest @ (0, body.neck + body.head, 0.015)

    points = (hips, knees, ankles, toes, shoulders, elbows, hands, neck[None], head[None])
    lowest = min(np.concatenate(points[:-1])[:, 1].min() - body.limb / 2, head[1] - body.head)
    leg = body.thigh + body.shin
    place = np.array([0, pose.hop * leg - lowest, 0])
    if pose.planted:
        place -= ankles.mean(axis=0) * (1, 0, 1)
    turned = about_y(pose.turn).T
    place = place @ turned + (pose.travel * leg, 0, 0)
    face = body.head * chest.T @ turned
    return Joints(*(pair @ turned + place for pair in points), face=face)


def chair(body: Body, turn: float) -> list[Stroke]:
    """Return the strokes of a chair behind a person: the seat first, then legs, posts and rails."""
    half, front, back = 0.16, -0.3 * body.thigh, -0.12 - body.thigh
    seat, top = body.shin - 0.01, body.shin + 0.34
    corners = [(half, front), (half, back), (-half, back), (-half, front)]
    strokes = [[(x, seat, z) for x, z in corners]]
    strokes += [[(x, seat, z), (x, 0, z)] for x, z in corners]
    strokes += [[(x, seat, back), (x, top, back - 0.04)] for x in (half, -half)]
    strokes += [[(half, y, back - 0.04), (-half, y, back - 0.04)] for y in (top, top - 0.12)]
    return [np.array(stroke) @ about_y(turn).T for stroke in strokes]


def flatten(points: Points, elevation: float) -> Float[np.ndarray, "P 2"]:
    """Project the points as seen from so many degrees above: right and up in the picture."""
    return (points @ about_x(elevation).T)[..., :2]


def about_x(degrees: float) -> Axes:
    """Rotate up towards the viewer."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def about_y(degrees: float) -> Axes:
    """Rotate what faces the viewer to its left, which is the right of the picture."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _directions(angles: Float[np.ndarray, "2 2"]) -> Pair:
    """Of limbs that hang straight down at (0, 0), point forward at (90, 0), up at (180, 0)."""
    forward, outward = np.radians(angles).T
    x = LEFT_AND_RIGHT * np.sin(outward)
    return np.stack([x, -np.cos(outward) * np.cos(forward), np.cos(outward) * np.sin(forward)], 1)


@dataclass(frozen=True)
class Camera:
    """From space to the pixels of the stage."""

    scale: float
    """Pixels to one unit of space."""
    origin: Pixel
    """Of the point (0, 0, 0)."""
    elevation: float
    """Degrees above the horizontal."""

    def see(self, points: Points) -> list[Pixel]:
        """Return the pixels of points."""
        right_up = self.scale * flatten(points, self.elevation)
        x, y = self.origin
        return [(x + right, y - up) for right, up in right_up]

    def nearness(self, points: Points) -> float:
        """Return how near the camera the points are on average."""
        return float((points @ about_x(self.elevation).T)[..., 2].mean())


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


class _Pen:
    """Draws shapes with an outline as one camera sees them."""

    def __init__(self, stage: Image.Image, camera: Camera, line: Colour) -> None:
        self.draw = ImageDraw.Draw(stage)
        self.camera = camera
        self.line = line
        self.edge = 1.2 * FINENESS

    def stroke(self, points: Points, thickness: float, colours: list[Colour]) -> None:
        """Draw a limb: one colour for each of its segments, the first on top."""
        pixels = self.camera.see(points)
        width = thickness * self.camera.scale
        segments = list(zip(pixels[:-1], pixels[1:], colours, strict=True))[::-1]
        for start, end, _ in segments:
            self._capsule(start, end, width + 2 * self.edge, self.line)
        for start, end, colour in segments:
            self._capsule(start, end, width, colour)

    def disc(self, middle: Point, radius: float, colour: Colour, outlined: bool = True) -> None:
        (pixel,) = self.camera.see(middle)
        if outlined:
            self._dot(pixel, radius * self.camera.scale + self.edge, self.line)
        self._dot(pixel, radius * self.camera.scale, colour)

    def area(self, corners: Points, thickness: float, colour: Colour) -> None:
        """Draw a filled shape whose edges are as round as a limb."""
        pixels = self.camera.see(corners)
        width = thickness * self.camera.scale
        for wide, fill in ((width + 2 * self.edge, self.line), (width, colour)):
            self.draw.polygon(pixels, fill=fill)
            for start, end in zip(pixels, pixels[1:] + pixels[:1], strict=True):
                self._capsule(start, end, wide, fill)

    def shadow(self, points: Points, colour: Colour) -> None:
        """Darken the floor below the points."""
        pixels = np.array(self.camera.see(points * (1, 0, 1)))
        (x, y), across = pixels.mean(axis=0), 0.6 * np.ptp(pixels[:, 0]) + 4 * self.edge
        self.draw.ellipse((x - across, y - 0.2 * across, x + across, y + 0.2 * across), fill=colour)

    def _capsule(self, start: Pixel, end: Pixel, width: float, colour: Colour) -> None:
        self.draw.line((start, end), fill=colour, width=round(width))
        self._dot(start, width / 2, colour)
        self._dot(end, width / 2, colour)

    def _dot(self, pixel: Pixel, radius: float, colour: Colour) -> None:
        x, y = pixel
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def draw_frame(
    room: Image.Image,
    camera: Camera,
    palette: Palette,
    body: Body,
    joints: Joints,
    chair: list[Stroke],
    shake: tuple[float, float],
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw a person into a copy of the room; the camera is off by `shake` pixels."""
    stage = room.copy()
    pen = _Pen(stage, camera, palette.line)
    pen.shadow(joints.points(), palette.shadow)
    for stroke in chair[::-1]:
        pen.area(stroke, 0.03, palette.chair)
    _draw_person(pen, palette, body, joints)
    left, top = (round(FINENESS * (MARGIN + off)) for off in shake)
    window = stage.crop((left, top, left + WIDTH * FINENESS, top + HEIGHT * FINENESS))
    return np.asarray(window.reduce(FINENESS))


def _draw_person(pen: _Pen, palette: Palette, body: Body, joints: Joints) -> None:
    """Draw limbs, trunk and head, the farthest first."""
    thickness = body.limb
    trousers = [palette.trousers, palette.trousers, palette.shoes]
    arms = np.stack([joints.shoulders, joints.elbows, joints.hands], axis=1)
    legs = np.stack([joints.hips, joints.knees, joints.ankles, joints.toes], axis=1)
    parts: list[tuple[Points, Callable[[Points], None]]] = []
    for arm, leg in zip(arms, legs, strict=True):
        parts.append((arm, lambda arm: _draw_arm(pen, palette, arm, thickness)))
        parts.append((leg, lambda leg: pen.stroke(leg, 1.15 * thickness, trousers)))
    trunk = np.concatenate([joints.shoulders, joints.hips[::-1]])
    parts.append((trunk, lambda trunk: pen.area(trunk, 1.3 * thickness, palette.shirt)))
    head = np.concatenate([joints.head, joints.neck])
    parts.append((head, lambda head: _draw_head(pen, palette, body, head, joints.face)))
    for points, draw in sorted(parts, key=lambda part: pen.camera.nearness(part[0])):
        draw(points)


def _draw_arm(pen: _Pen, palette: Palette, arm: Points, thickness: float) -> None:
    pen.disc(arm[2:], 0.75 * thickness, palette.skin)
    pen.stroke(arm, thickness, [palette.shirt, palette.sleeves])
    pen.disc(arm[2:], 0.75 * thickness, palette.skin, outlined=False)


def _draw_head(pen: _Pen, palette: Palette, body: Body, head: Pair, face: Axes) -> None:
    """Draw neck, hair and face; the hair hides the face of a person who looks away."""
    middle = head[:1]
    left, up, forward = face
    pen.stroke(head, 0.8 * body.limb, [palette.skin])
    crown = middle + 0.28 * up - 0.32 * forward
    pen.disc(crown, body.head, palette.hair)
    pen.disc(middle, body.head, palette.skin)
    if pen.camera.nearness(middle + forward) <= pen.camera.nearness(middle):
        pen.disc(crown, body.head, palette.hair, outlined=False)
    for spot in (0.38 * left, -0.38 * left):
        eye = middle + spot + 0.12 * up + 0.85 * forward
        if pen.camera.nearness(eye) > pen.camera.nearness(middle):
            pen.disc(eye, 0.14 * body.head, (20, 20, 25), outlined=False)
