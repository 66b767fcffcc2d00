"""Cameras: motions in space become joints in a picture, as BlazePose would find them.

Everything is drawn anew for every window: where the camera stands, how wide it sees, whether it
follows; which joints leave the picture or hide; how wrong the rest are; which frames are missing.

Shapes:
    B: windows   T: frames   J: joints, thirteen
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional as F

_SWAPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11]
_LEGS = [9, 10, 11, 12]
_GROUPS = ([9, 10, 11, 12], [7, 8, 9, 10, 11, 12], [3, 5], [4, 6], [9, 11], [10, 12], [0], [11, 12])
_DEGREE = math.pi / 180


def film(
    points: Float[Tensor, "B T J 3"],
    valid: Bool[Tensor, "B T"],
    flat: Bool[Tensor, " B"],
    mirrored: Bool[Tensor, " B"],
    rng: Generator,
) -> Float[Tensor, "B T J 3"]:
    """Give each window its camera and its mistakes.

    Args:
        points: x to the person's left, y up, z forward, metres.
        valid: which frames there are.
        flat: motions of which only the picture plane is known; their cameras hardly turn.
        mirrored: people to be seen as in a mirror.
        rng: decides everything.

    Returns:
        x, y (upwards) and visibility.
    """
    swapped = points[:, :, _SWAPPED] * points.new_tensor([-1, 1, 1])
    points = torch.where(mirrored[:, None, None, None], swapped, points)
    draw = _Draw(len(points), rng)
    points = _turn(points, flat, draw)
    center = _mean(points[:, :, 7:9].mean(dim=2), valid)  # (B, 1, 3)
    points = points - center.unsqueeze(2)
    away = draw.between(2.0, 9.0)[:, None, None]
    # The camera looks along -z; what is nearer looks larger.
    nearness = away / (away - points[..., 2]).clamp(min=0.6)
    depth = points[..., 2] - points[:, :, [1, 2, 7, 8], 2].mean(dim=2, keepdim=True)
    picture = points[..., :2] * nearness.unsqueeze(-1)
    picture = _follow(picture, draw)
    visible = _visibility(picture, depth, valid, draw)
    picture = _mistakes(picture, visible, draw)
    visible = _missing(picture, visible, draw) * valid[:, :, None]
    return torch.cat([picture, visible.unsqueeze(-1)], dim=-1)


class _Draw:
    """Random numbers, one for each window or of a given shape after it."""

    def __init__(self, number: int, rng: Generator) -> None:
        self._number, self._rng = number, rng

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(self._number, *shape, generator=self._rng)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(self._number, *shape, generator=self._rng)

    def chance(self, probability: float, *shape: int) -> Tensor:
        return self.between(0, 1, *shape) < probability

    def smooth(self, num_frames: int, num_knots: int, *shape: int) -> Float[Tensor, "B T *shape"]:
        """Noise that changes slowly."""
        knots = self.normal(math.prod(shape), num_knots)
        curves = F.interpolate(knots, num_frames, mode="linear", align_corners=True)
        return curves.mT.unflatten(2, shape)


def _turn(points: Tensor, flat: Tensor, draw: _Draw) -> Tensor:
    """Walk round the person, look down from above, hold the camera askew."""
    frontal = draw.chance(0.6)
    yaw = torch.where(frontal, draw.normal() * 45, draw.between(-180, 180)) * _DEGREE
    elevation = (draw.normal() * 13 + 9).clamp(-15, 55) * _DEGREE
    askew = draw.normal() * 3.5 * _DEGREE
    yaw = torch.where(flat, draw.normal() * 14 * _DEGREE, yaw)
    elevation = torch.where(flat, draw.normal() * 5 * _DEGREE, elevation)
    for angle, first, second in ((yaw, 2, 0), (elevation, 1, 2), (askew, 0, 1)):
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        one, other = points[..., first], points[..., second]
        points = points.clone()
        points[..., first], points[..., second] = cos * one - sin * other, sin * one + cos * other
    return points


def _follow(picture: Tensor, draw: _Draw) -> Tensor:
    """Stand still, pan with the person, or shake in the hand; zoom a little."""
    num_frames = picture.shape[1]
    center = picture[:, :, 7:9].mean(dim=2)  # (B, T, 2)
    slow = F.avg_pool1d(
        F.pad(center.mT, (4, 4), mode="replicate"), 9, stride=1
    ).mT  # the camera is late
    share = torch.where(draw.chance(0.4), draw.between(0.5, 1), torch.zeros(len(picture)))
    picture = picture - (share[:, None, None] * slow).unsqueeze(2)
    shaken = draw.chance(0.3).float()[:, None, None] * draw.smooth(num_frames, 6, 2) * 0.06
    zoom = draw.chance(0.25).float()[:, None, None] * draw.smooth(num_frames, 3, 1) * 0.08
    stretched = picture.new_ones(len(picture), 1, 1, 2)
    stretched[:, 0, 0] = draw.normal(2) * 0.05 + 1
    return (picture + shaken.unsqueeze(2)) * zoom.exp().unsqueeze(2) * stretched


def _visibility(picture: Tensor, depth: Tensor, valid: Tensor, draw: _Draw) -> Tensor:
    """Hide joints outside the picture, behind the trunk or behind a table."""
    num_frames = picture.shape[1]
    visible = 1 - 0.08 * draw.between(0, 1, num_frames, 13) ** 3
    height = torch.exp(draw.between(math.log(0.9), math.log(6.0)))
    width = height * draw.between(0.6, 1.8)
    # Close pictures show faces and hands rather than knees.
    focus_y = torch.where(height < 1.6, draw.between(0.15, 0.6), draw.between(-0.3, 0.4))
    body = _mean(picture[:, :, [1, 2, 7, 8]].mean(dim=2), valid)[:, 0]  # (B, 2)
    room = (height / 2 - 0.6).clamp(min=0.1)
    middle_x = body[:, 0] + draw.between(-1, 1) * (width / 2 - 0.3).clamp(min=0.1, max=2)
    middle_y = body[:, 1] + focus_y + draw.between(-0.5, 0.5) * room.clamp(max=1)
    beyond_x = (picture[..., 0] - middle_x[:, None, None]).abs() - width[:, None, None] / 2
    beyond_y = (picture[..., 1] - middle_y[:, None, None]).abs() - height[:, None, None] / 2
    beyond = torch.maximum(beyond_x, beyond_y)
    outside = draw.between(0, 0.8)[:, None, None] * torch.exp(-3 * beyond.clamp(min=0))
    framed = draw.chance(0.6)[:, None, None]  # the others are seen as a whole
    visible = torch.where(framed & (beyond > 0), outside, visible)
    trunk = picture[:, :, [1, 2, 7, 8]]
    low, high = trunk.amin(dim=2, keepdim=True) - 0.03, trunk.amax(dim=2, keepdim=True) + 0.03
    over_trunk = ((picture > low) & (picture < high)).all(dim=-1)
    side_on = (trunk[..., 0].amax(dim=2) - trunk[..., 0].amin(dim=2) < 0.22)[:, :, None]
    behind = (depth < -0.06) & (over_trunk | side_on)
    visible = torch.where(behind, visible * draw.between(0.15, 0.95, 1, 13), visible)
    for group in _GROUPS:
        hidden = draw.chance(0.05)[:, None, None]
        some = visible[..., group]
        visible[..., group] = torch.where(
            hidden, some * draw.between(0.02, 0.5)[:, None, None], some
        )
    return visible.clamp(0.01, 1)


def _mistakes(picture: Tensor, visible: Tensor, draw: _Draw) -> Tensor:
    """Misplace joints, the unseen ones farther, and take left for right now and then."""
    num_frames = picture.shape[1]
    size = torch.exp(draw.between(math.log(0.004), math.log(0.035)))[:, None, None, None]
    unsure = (1 + 5 * (1 - visible)).unsqueeze(-1)
    noise = 0.7 * draw.normal(num_frames, 13, 2) + draw.smooth(num_frames, 12, 13, 2)
    constant = 0.6 * draw.normal(1, 13, 2)
    picture = picture + size * unsure * (noise + constant)
    start = draw.between(-1.5, 1)[:, None] * num_frames
    length = draw.between(0.05, 0.5)[:, None] * num_frames
    frame = torch.arange(num_frames)
    confused = draw.chance(0.2)[:, None] & (frame >= start) & (frame < start + length)
    legs_only = draw.chance(0.6)[:, None, None, None]
    swapped = picture[:, :, _SWAPPED]
    swapped_legs = picture.clone()
    swapped_legs[:, :, _LEGS] = swapped[:, :, _LEGS]
    swapped = torch.where(legs_only, swapped_legs, swapped)
    return torch.where(confused[:, :, None, None], swapped, picture)


def _missing(picture: Tensor, visible: Tensor, draw: _Draw) -> Tensor:
    """Lose the person in single frames, for a while, or while lying."""
    num_frames = picture.shape[1]
    rate = torch.where(draw.chance(0.4), draw.between(0, 0.5), torch.zeros(len(picture)))
    lost = draw.between(0, 1, num_frames) < rate[:, None]
    frame = torch.arange(num_frames)
    start = draw.between(-0.3, 1)[:, None] * num_frames
    gap = (frame >= start) & (frame < start + draw.between(0.1, 0.5)[:, None] * num_frames)
    lost |= gap & draw.chance(0.15)[:, None]
    trunk = picture[:, :, 1:3].mean(dim=2) - picture[:, :, 7:9].mean(dim=2)
    lying = trunk[..., 1] < 0.5 * trunk.norm(dim=-1)
    unlikely = draw.between(0, 1, num_frames) < draw.between(0, 1.1)[:, None]
    lost |= lying & unlikely & draw.chance(0.5)[:, None]
    # A window always keeps a third of its frames.
    keep = draw.between(0, 1, num_frames) < 0.33
    return visible * (~lost | keep)[:, :, None]


def _mean(points: Float[Tensor, "B T K"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "B 1 K"]:
    there = valid.unsqueeze(-1)
    return (points * there).sum(dim=1, keepdim=True) / there.sum(dim=1, keepdim=True).clamp(min=1)
