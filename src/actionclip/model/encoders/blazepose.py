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
from jaxtyping import Float, UInt8

Frame = UInt8[np.ndarray, "H W 3"]
Regions = Float[np.ndarray, "R 4"]
"""Centre x and y, side, all in pixels, and rotation in radians, clockwise."""

NUM_LANDMARKS = 33
MIN_DETECTION_SCORE = 0.5
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
    frame: Frame, min_score: float = MIN_DETECTION_SCORE
) -> tuple[Regions, Float[np.ndarray, " R"]]:
    """Find people in a frame.

    Returns:
        Their regions and scores, best first.
    """
    height, width = frame.shape[:2]
    side = max(height, width)
    corner = np.array([width - side, height - side]) / 2
    boxes, scores = _session("detector.onnx.gz").run(None, {"frames": _letterbox(frame)[None]})
    scores = _sigmoid(scores[0, :, 0])
    likely = scores >= min_score
    decoded = boxes[0, likely] / _DETECTOR_SIDE
    decoded[:, :2] += _anchors()[likely]
    decoded[:, 4:] += np.tile(_anchors()[likely], 4)
    people, scores = _merge_overlapping(decoded, scores[likely])
    hips, ends = (people[:, first : first + 2] * side + corner for first in (4, 6))
    return _regions(hips, ends), scores


def read(frames: Sequence[Frame], regions: Regions) -> Poses:
    """Read the landmarks in one region of each frame."""
    crops = np.stack([_warp(*each) for each in zip(frames, regions, strict=True)])
    names = ["landmarks", "presence", "heatmaps", "world_landmarks"]
    raw, presence, heatmaps, world = _session("landmarks.onnx").run(names, {"frames": crops})
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


def _letterbox(frame: Frame) -> UInt8[np.ndarray, "S S 3"]:
    """Fit a frame into the detector's square; black around it."""
    height, width = frame.shape[:2]
    side = max(height, width)
    positions = np.arange(_DETECTOR_SIDE) * (side / _DETECTOR_SIDE)
    rows, row_shares, is_row = _neighbours(positions + (height - side) / 2, height)
    columns, column_shares, is_column = _neighbours(positions + (width - side) / 2, width)
    pixels = frame[rows.flatten()][:, columns.flatten()].astype(np.float32)
    pixels = pixels.reshape(2, _DETECTOR_SIDE, 2, _DETECTOR_SIDE, 3)
    weights = (
        (row_shares * is_row)[:, :, None, None] * (column_shares * is_column)[None, None]
    ).astype(np.float32)
    return (np.einsum("iajbc,iajb->abc", pixels, weights) + 0.5).astype(np.uint8)


def _neighbours(positions: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the two pixels around each position, their shares, and whether they exist."""
    lower = np.floor(positions).astype(int)
    both = np.stack([lower, lower + 1])
    shares = np.stack([lower + 1 - positions, positions - lower])
    return both.clip(0, size - 1), shares, (both >= 0) & (both < size)


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


def _warp(frame: Frame, region: Float[np.ndarray, " 4"]) -> UInt8[np.ndarray, "S S 3"]:
    """Cut a region out, upright; the frame's edge goes on outside of it."""
    height, width = frame.shape[:2]
    x, y, side, rotation = map(float, region)
    steps = np.arange(_REGION_SIDE, dtype=np.float32) * (side / _REGION_SIDE) - side / 2
    cos, sin = np.cos(rotation), np.sin(rotation)
    across = (x + cos * steps[None] - sin * steps[:, None]).clip(0, width - 1)
    down = (y + sin * steps[None] + cos * steps[:, None]).clip(0, height - 1)
    left, top = across.astype(np.int32), down.astype(np.int32)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    right_share = (across - left)[..., None].astype(np.float32)
    bottom_share = (down - top)[..., None].astype(np.float32)
    pixels = frame.reshape(-1, 3)
    upper = (
        pixels[top * width + left] * (1 - right_share) + pixels[top * width + right] * right_share
    )
    lower = (
        pixels[bottom * width + left] * (1 - right_share)
        + pixels[bottom * width + right] * right_share
    )
    return (upper * (1 - bottom_share) + lower * bottom_share + 0.5).astype(np.uint8)


def _rotate(
    points: Float[np.ndarray, "R P 3"], rotations: Float[np.ndarray, " R"]
) -> Float[np.ndarray, "R P 3"]:
    cos, sin = np.cos(rotations)[:, None], np.sin(rotations)[:, None]
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)


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
