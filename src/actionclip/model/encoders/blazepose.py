"""BlazePose: frames become people, each with 33 landmarks, by two small networks on the CPU.

The detector finds the middle of the hips and the size and lean of each person; the landmark network
reads a square region that is turned upright. Both networks and every step around them are those of
MediaPipe 0.10.14 (`pose_detection`, `pose_landmark_full`), without its smoothing over time.
`blazepose_data` has the networks.

Shapes:
    T: frames   H W: pixels of a frame   N: detections   M: those that are left   R: regions
    S: pixels of a region   A: anchors
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np
import onnxruntime  # with its telemetry off, see actionclip/__init__
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional as F

Frame = UInt8[np.ndarray, "H W 3"]
Regions = Float[np.ndarray, "R 4"]
"""Centre x and y, side, all in pixels, and rotation in radians, clockwise."""

NUM_LANDMARKS = 33
MIN_SCORE = 0.5
MIN_PRESENCE = 0.5

_DATA = resources.files("actionclip.model.encoders.blazepose_data")
_DETECTOR_SIDE = 224
_REGION_SIDE = 256
_MAX_OVERLAP = 0.3
_REGION_SCALE = 1.25
_HEATMAP_RADIUS = 3
_MIN_HEAT = 0.5


class Poses(NamedTuple):
    """What the landmark network reads in regions; x, y and z in pixels of the frame."""

    points: Float[np.ndarray, "R 33 3"]
    visibility: Float[np.ndarray, "R 33"]
    world: Float[np.ndarray, "R 33 3"]
    """Metres from the middle of the hips."""
    presence: Float[np.ndarray, " R"]
    """Probability that the region shows a person."""
    next_regions: Regions
    """Where to read the same people in the next frame."""


def detect(
    frame: Frame, view: Float[np.ndarray, " 4"] | None = None, min_score: float = MIN_SCORE
) -> tuple[Regions, Float[np.ndarray, " R"]]:
    """Find people in a frame.

    Args:
        frame: searched in a square of 224 pixels, so that small people want a smaller view.
        view: the region to search, turned upright; the whole frame if None.
        min_score: 0 to 1; detections below are left out.

    Returns:
        The people's regions and scores, best first.
    """
    view = whole(frame) if view is None else view
    crop = _crop(frame, view, _DETECTOR_SIDE, outside="zeros")
    boxes, scores = _run("detector.onnx.gz", ["boxes", "scores"], crop[None])
    scores = _sigmoid(scores[0, :, 0])
    likely = scores >= min_score
    decoded = boxes[0, likely] / _DETECTOR_SIDE
    decoded[:, :2] += _anchors()[likely]
    decoded[:, 4:] += np.tile(_anchors()[likely], 4)
    people, scores = _merge_overlapping(decoded, scores[likely])
    points = (people[:, 4:8].reshape(-1, 2, 2) - 0.5) * view[2]
    points = _rotate(points, np.full(len(points), view[3])) + view[:2]
    return _regions(points[:, 0], points[:, 1]), scores


def whole(frame: Frame) -> Float[np.ndarray, " 4"]:
    """Give the square around a frame as a region."""
    height, width = frame.shape[:2]
    return np.array([width / 2, height / 2, max(height, width), 0], np.float32)


def read(frames: Sequence[Frame], regions: Regions) -> Poses:
    """Read the landmarks in one region of each frame."""
    crops = np.stack(
        [_crop(*each, _REGION_SIDE, "border") for each in zip(frames, regions, strict=True)]
    )
    names = ["landmarks", "presence", "heatmaps", "world_landmarks"]
    raw, presence, heatmaps, world = _run("landmarks.onnx", names, crops)
    raw = raw.reshape(len(crops), -1, 5)
    points = _refine(raw[..., :3] / _REGION_SIDE, heatmaps)
    points[..., :2] -= 0.5
    side = regions[:, 2, None, None]
    points = _rotate(points * side, regions[:, 3])
    points[..., :2] += regions[:, None, :2]
    world = world.reshape(len(crops), -1, 3)[:, :NUM_LANDMARKS]
    return Poses(
        points[:, :NUM_LANDMARKS],
        _sigmoid(raw[:, :NUM_LANDMARKS, 3]),
        _rotate(world, regions[:, 3]),
        presence[:, 0],
        _regions(points[:, NUM_LANDMARKS, :2], points[:, NUM_LANDMARKS + 1, :2]),
    )


def _run(file: str, outputs: list[str], frames: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(output) for output in _session(file).run(outputs, {"frames": frames})]


@functools.cache
def _session(file: str) -> onnxruntime.InferenceSession:
    stored = (_DATA / file).read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # frames are shared out instead, which is faster
    network = gzip.decompress(stored) if file.endswith(".gz") else stored
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.clip(-60, 60)))


@functools.cache
def _anchors() -> Float[np.ndarray, "A 2"]:
    """Centres of the anchors: two in each cell of 8 and of 16 pixels, six in one of 32."""
    centers = []
    for stride, in_each in ((8, 2), (16, 2), (32, 6)):
        side = _DETECTOR_SIDE // stride
        y, x = np.mgrid[:side, :side].reshape(2, -1)
        centers.append(np.stack([x, y], axis=1).repeat(in_each, axis=0) + 0.5)
        centers[-1] = centers[-1] / side
    return np.concatenate(centers).astype(np.float32)


def _merge_overlapping(
    people: Float[np.ndarray, "N 12"], scores: Float[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, "M 12"], Float[np.ndarray, " M"]]:
    """Average those that overlap, weighted by their scores; the best score stays."""
    order = np.argsort(-scores, kind="stable")
    people, scores = people[order], scores[order]
    lower, upper = people[:, :2] - people[:, 2:4] / 2, people[:, :2] + people[:, 2:4] / 2
    merged, best = [], []
    left = np.arange(len(people))
    while len(left):
        first = left[0]
        shared = np.minimum(upper[left], upper[first]) - np.maximum(lower[left], lower[first])
        shared = shared.clip(0).prod(axis=1)
        areas = (upper - lower).prod(axis=1)
        same = shared / (areas[left] + areas[first] - shared) > _MAX_OVERLAP
        same[0] = True
        merged.append(np.average(people[left[same]], axis=0, weights=scores[left[same]]))
        best.append(scores[first])
        left = left[~same]
    return np.array(merged, np.float32).reshape(-1, 12), np.array(best, np.float32)


def _regions(hips: Float[np.ndarray, "R 2"], ends: Float[np.ndarray, "R 2"]) -> Regions:
    """Give the square around the hips that reaches beyond a point above the head, upright."""
    x, y = (ends - hips).T
    sides = 2 * _REGION_SCALE * np.hypot(x, y)
    rotations = np.pi / 2 - np.arctan2(-y, x)
    rotations = (rotations + np.pi) % (2 * np.pi) - np.pi
    return np.column_stack([hips, sides, rotations]).astype(np.float32)


def _crop(
    frame: Frame, region: Float[np.ndarray, " 4"], size: int, outside: str
) -> UInt8[np.ndarray, "S S 3"]:
    """Cut a region out, upright.

    Args:
        frame: only the pixels near the region are converted.
        region: sampled at its upper left corner and every `1 / size` of its side from there on.
        size: S.
        outside: "zeros", or "border" where the frame's edge goes on.
    """
    x, y, side, rotation = map(float, region)
    cos, sin = side * np.cos(rotation), side * np.sin(rotation)
    reach = (abs(cos) + abs(sin)) / 2 + 2
    height, width = frame.shape[:2]
    left, right = (int(np.clip(x + sign * reach, 0, width - 1)) for sign in (-1, 1))
    top, bottom = (int(np.clip(y + sign * reach, 0, height - 1)) for sign in (-1, 1))
    near = np.ascontiguousarray(frame[top : bottom + 1, left : right + 1])
    pixels = torch.from_numpy(near).permute(2, 0, 1)[None].float().contiguous()
    height, width = near.shape[:2]
    # From -1 to 1 both across the output and across the pixels, edge to edge.
    half = 0.5 / size
    x, y = x - left - (cos - sin) * half, y - top - (cos + sin) * half
    transform = torch.tensor(
        [
            [cos / width, -sin / width, (2 * x + 1) / width - 1],
            [sin / height, cos / height, (2 * y + 1) / height - 1],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(transform[None], [1, 3, size, size], align_corners=False)
    crop = F.grid_sample(pixels, grid, padding_mode=outside, align_corners=False)
    return crop[0].permute(1, 2, 0).add_(0.5).to(torch.uint8).numpy()


def _rotate(
    points: Float[np.ndarray, "R P *XYZ"], rotations: Float[np.ndarray, " R"]
) -> Float[np.ndarray, "R P *XYZ"]:
    """Turn points clockwise about the origin, in the picture's plane."""
    cos, sin = np.cos(rotations)[:, None], np.sin(rotations)[:, None]
    x, y, *z = np.moveaxis(points, -1, 0)
    return np.stack([cos * x - sin * y, sin * x + cos * y, *z], axis=-1)


def _refine(
    points: Float[np.ndarray, "R P 3"], heatmaps: Float[np.ndarray, "R 64 64 P"]
) -> Float[np.ndarray, "R P 3"]:
    """Move each point to the mean of the heat around it, where there is some."""
    size = heatmaps.shape[1]
    cells = (points[..., :2] * size).astype(int)  # (R, P, 2), towards zero
    around = np.arange(-_HEATMAP_RADIUS, _HEATMAP_RADIUS + 1)
    columns, rows = (cells[..., axis, None] + around for axis in (0, 1))  # (R, P, 7)
    inside = (rows >= 0)[..., :, None] & (rows < size)[..., :, None]
    inside = inside & (columns >= 0)[..., None, :] & (columns < size)[..., None, :]
    values = heatmaps[
        np.arange(len(points))[:, None, None, None],
        rows.clip(0, size - 1)[..., :, None],
        columns.clip(0, size - 1)[..., None, :],
        np.arange(points.shape[1])[None, :, None, None],
    ]
    heat = np.where(inside, _sigmoid(values), 0)  # (R, P, 7, 7)
    total = heat.sum(axis=(2, 3))
    hot = (heat.max(axis=(2, 3)) >= _MIN_HEAT) & ((cells >= 0) & (cells < size)).all(axis=-1)
    refined = points.copy()
    for axis, weighted in enumerate((heat * columns[..., None, :], heat * rows[..., :, None])):
        mean = weighted.sum(axis=(2, 3)) / np.maximum(total, 1e-9) / size
        refined[..., axis] = np.where(hot, mean, points[..., axis])
    return refined
