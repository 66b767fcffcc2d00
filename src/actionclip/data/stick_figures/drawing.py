"""The picture: joints, colours and a camera become one frame.

Parts are drawn from the farthest to the nearest, each with an outline, at several times the size
of the frame, which then is made smaller to smooth the edges. Knows no actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from actionclip.data.stick_figures import body
from actionclip.data.stick_figures.body import Axes, Body, Joints, Pair, Point, Points, Stroke
from actionclip.data.stick_figures.scenery import Colour, Palette

WIDTH, HEIGHT = 256, 192
FINENESS = 3
"""Pixels drawn for one pixel of the frame, each way."""
MARGIN = 6
"""Pixels of the frame that the camera may shake."""
STAGE = ((WIDTH + 2 * MARGIN) * FINENESS, (HEIGHT + 2 * MARGIN) * FINENESS)

Frame = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True)
class Camera:
    """From space to the pixels of the stage."""

    scale: float
    """Pixels to one unit of space."""
    origin: tuple[float, float]
    """The pixel where the point (0, 0, 0) is seen."""
    elevation: float
    """Degrees above the horizontal."""

    def see(self, points: Points) -> list[tuple[float, float]]:
        """Give the pixels of points."""
        right_up = self.scale * body.flatten(points, self.elevation)
        x, y = self.origin
        return [(x + right, y - up) for right, up in right_up]

    def nearness(self, points: Points) -> float:
        """Say how near the camera the points are on the whole."""
        return body.depth(points, self.elevation)


class Pen:
    """Draws strokes with an outline as one camera sees them."""

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
        """Draw a ball."""
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

    def _capsule(
        self, start: tuple[float, float], end: tuple[float, float], width: float, colour: Colour
    ) -> None:
        self.draw.line((start, end), fill=colour, width=round(width))
        self._dot(start, width / 2, colour)
        self._dot(end, width / 2, colour)

    def _dot(self, pixel: tuple[float, float], radius: float, colour: Colour) -> None:
        x, y = pixel
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def draw_frame(
    room: Image.Image,
    camera: Camera,
    palette: Palette,
    person: Body,
    joints: Joints,
    chair: list[Stroke],
    shake: tuple[float, float],
) -> Frame:
    """Draw a copy of the room with somebody in it; the camera is off by `shake` pixels."""
    stage = room.copy()
    pen = Pen(stage, camera, palette.line)
    pen.shadow(joints.points(), palette.shadow)
    for stroke in chair[::-1]:
        pen.area(stroke, 0.03, palette.chair)
    _draw_person(pen, palette, person, joints)
    left, top = (round(FINENESS * (MARGIN + off)) for off in shake)
    window = stage.crop((left, top, left + WIDTH * FINENESS, top + HEIGHT * FINENESS))
    return np.asarray(window.reduce(FINENESS))


def _draw_person(pen: Pen, palette: Palette, person: Body, joints: Joints) -> None:
    """Draw limbs, trunk and head, the farthest first."""
    thickness = person.limb
    trousers = [palette.trousers, palette.trousers, palette.shoes]
    parts: list[tuple[Points, Callable[[Points], None]]] = []
    for side in (0, 1):
        arm = np.stack([each[side] for each in (joints.shoulders, joints.elbows, joints.hands)])
        leg = np.stack(
            [each[side] for each in (joints.hips, joints.knees, joints.ankles, joints.toes)]
        )
        parts.append((arm, lambda arm: _draw_arm(pen, palette, arm, thickness)))
        parts.append((leg, lambda leg: pen.stroke(leg, 1.15 * thickness, trousers)))
    trunk = np.concatenate([joints.shoulders, joints.hips[::-1]])
    parts.append((trunk, lambda trunk: pen.area(trunk, 1.3 * thickness, palette.shirt)))
    head = np.concatenate([joints.head, joints.neck])
    parts.append((head, lambda head: _draw_head(pen, palette, person, head, joints.face)))
    for points, draw in sorted(parts, key=lambda part: pen.camera.nearness(part[0])):
        draw(points)


def _draw_arm(pen: Pen, palette: Palette, arm: Points, thickness: float) -> None:
    pen.disc(arm[2:], 0.75 * thickness, palette.skin)
    pen.stroke(arm, thickness, [palette.shirt, palette.sleeves])
    pen.disc(arm[2:], 0.75 * thickness, palette.skin, outlined=False)


def _draw_head(pen: Pen, palette: Palette, person: Body, head: Pair, face: Axes) -> None:
    """Draw neck, hair and face; the hair hides the face of somebody who looks away."""
    middle = head[:1]
    left, up, forward = face
    pen.stroke(head, 0.8 * person.limb, [palette.skin])
    crown = middle + 0.28 * up - 0.32 * forward
    looks_here = pen.camera.nearness(middle + forward) > pen.camera.nearness(middle)
    pen.disc(crown, person.head, palette.hair)
    pen.disc(middle, person.head, palette.skin)
    if not looks_here:
        pen.disc(crown, person.head, palette.hair, outlined=False)
    for spot in (0.38 * left, -0.38 * left):
        eye = middle + spot + 0.12 * up + 0.85 * forward
        if pen.camera.nearness(eye) > pen.camera.nearness(middle):
            pen.disc(eye, 0.14 * person.head, (20, 20, 25), outlined=False)
