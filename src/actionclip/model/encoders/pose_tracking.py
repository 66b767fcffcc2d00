"""Frames of a clip become the landmarks of its people, followed over time.

A person is read where the landmarks of the frame before lead; the detector searches every few
frames, and wherever nobody is left. Who was lost and is found close by soon after is the same
person. What follows a first sighting is read forward, what precedes it backward, so that a person
whom the detector sees once is known as long as the landmarks hold.

Shapes:
    T: frames   H W: pixels of a frame   P: people of the clip
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from actionclip.model.encoders import blazepose
from actionclip.model.encoders.blazepose import NUM_LANDMARKS, Poses

DETECT_EVERY_SECONDS = 0.5
LOST_AFTER_SECONDS = 1.0
"""Whoever is not found again within this time is somebody else."""
_SAME_DISTANCE = 0.35
"""Of a region's side: two regions whose centres are closer show the same person."""
_SAME_SIZE = 2.0


@dataclass(frozen=True)
class Landmarks:
    """People of a clip, the most prominent first; zeros where a person is not found.

    `points` are x to the right, y down and z away from the camera, as shares of the frame's height.
    `world` is metres from the middle of the hips, in the same directions.
    """

    points: Float[np.ndarray, "T P 33 3"]
    visibility: Float[np.ndarray, "T P 33"]
    world: Float[np.ndarray, "T P 33 3"]
    presence: Float[np.ndarray, "T P"]


def landmarks(
    frames: UInt8[np.ndarray, "T H W 3"] | Sequence[UInt8[np.ndarray, "H W 3"]],
    times: Sequence[float] | Float[np.ndarray, " T"],
    max_people: int = 1,
) -> Landmarks:
    """Find and follow the most prominent people of a clip.

    Args:
        frames: RGB, in order.
        times: of the frames, in seconds.
        max_people: the P of the result; fewer people leave zeros.
    """
    tracks = _follow(frames, times, max_people)
    for track in tracks:
        _extend_backward(track, frames, tracks)
    height = frames[0].shape[0] if len(frames) else 1
    return _pack(tracks, len(frames), max_people, height)


@dataclass
class _Track:
    """One person: what was read in each frame, and where to read next."""

    first_region: np.ndarray
    region: np.ndarray
    poses: dict[int, Poses] = field(default_factory=dict)
    """By the number of the frame; of one region each."""
    lost_since: float | None = None

    def prominence(self) -> float:
        """Sum up presence and size over the frames."""
        return sum(
            float(pose.presence[0] * pose.next_regions[0, 2]) for pose in self.poses.values()
        )


def _follow(
    frames: Sequence[np.ndarray] | np.ndarray, times: Sequence[float] | np.ndarray, max_people: int
) -> list[_Track]:
    """Follow people forward in time."""
    tracks: list[_Track] = []
    live: list[_Track] = []
    last_search = -np.inf
    for number, (frame, time) in enumerate(zip(frames, times, strict=True)):
        some_lost = not live or any(track.lost_since is not None for track in tracks)
        if not live or some_lost or time - last_search >= DETECT_EVERY_SECONDS - 1e-6:
            last_search = time
            for region in blazepose.detect(frame)[0][:max_people]:
                if any(_same(region, track.region) for track in live) or len(live) >= max_people:
                    continue
                track = _resume(region, tracks, time) or _Track(region, region)
                if not any(track is each for each in tracks):
                    tracks.append(track)
                live.append(track)
        for track in tracks:
            if track.lost_since is not None and time - track.lost_since > LOST_AFTER_SECONDS:
                track.lost_since = None
        live = [track for track in live if _read(track, frame, number, time)]
        live = _without_doubles(live)
    return [track for track in tracks if track.poses]


def _read(track: _Track, frame: np.ndarray, number: int, time: float) -> bool:
    """Read a frame where a track leads; returns whether the person is there."""
    pose = blazepose.read([frame], track.region[None])
    if pose.presence[0] < blazepose.MIN_PRESENCE:
        track.lost_since = time
        return False
    track.poses[number] = pose
    track.region, track.lost_since = pose.next_regions[0], None
    return True


def _resume(region: np.ndarray, tracks: Sequence[_Track], time: float) -> _Track | None:
    """Find who was lost close to a region, and go on from there."""
    for track in tracks:
        lost = track.lost_since is not None and time - track.lost_since <= LOST_AFTER_SECONDS
        if lost and _same(region, track.region):
            track.region = region
            return track
    return None


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two regions show the same person."""
    small, large = sorted((float(one[2]), float(other[2])))
    distance = float(np.hypot(*(one[:2] - other[:2])))
    return large <= _SAME_SIZE * small and distance < _SAME_DISTANCE * large


def _without_doubles(live: Sequence[_Track]) -> list[_Track]:
    """Drop whoever turned out to be an earlier one's person."""
    kept: list[_Track] = []
    for track in live:
        if not any(_same(track.region, other.region) for other in kept):
            kept.append(track)
    return kept


def _extend_backward(
    track: _Track, frames: Sequence[np.ndarray] | np.ndarray, tracks: Sequence[_Track]
) -> None:
    """Read the frames before the first sighting, until the person is gone or somebody else's."""
    first = min(track.poses)
    region = track.poses[first].next_regions
    for number in range(first - 1, -1, -1):
        known = [other.poses[number] for other in tracks if number in other.poses]
        if any(_same(region[0], pose.next_regions[0]) for pose in known):
            return
        pose = blazepose.read([frames[number]], region)
        if pose.presence[0] < blazepose.MIN_PRESENCE:
            return
        track.poses[number] = pose
        region = pose.next_regions


def _pack(tracks: list[_Track], num_frames: int, max_people: int, height: int) -> Landmarks:
    """Place the most prominent track first, others where a place is free."""
    shape = (num_frames, max_people, NUM_LANDMARKS)
    points, world = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.float32)
    visibility, presence = np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
    for track in sorted(tracks, key=_Track.prominence, reverse=True):
        numbers = list(track.poses)
        free = [place for place in range(max_people) if not presence[numbers, place].any()]
        for number, pose in track.poses.items() if free else ():
            points[number, free[0]] = pose.points[0] / height
            world[number, free[0]] = pose.world[0]
            visibility[number, free[0]] = pose.visibility[0]
            presence[number, free[0]] = pose.presence[0]
    return Landmarks(points, visibility, world, presence)
