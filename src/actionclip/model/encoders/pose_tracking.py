"""Frames of a clip become the landmarks of its people, followed over time.

A person is read where the landmarks of the frame before lead. The detector searches twice a second,
and three times while somebody is missing or nobody is found; twice of these also in the frame with
a margin, for people who are cut off, and turned to its sides, for people who lie. Whoever is
missing is read where they were last, and is the same person if found there within a second. What
precedes a first sighting is read backward, as far as frames are remembered, so that a person whom
the detector sees once is known as long as the landmarks hold.

Shapes:
    T: frames   H W: pixels of a frame   P: people of the clip
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from actionclip.model.encoders import blazepose
from actionclip.model.encoders.blazepose import NUM_LANDMARKS, Poses

SEARCH_EVERY_SECONDS = 0.5
SEARCH_FOR_MISSING_EVERY_SECONDS = 0.3
"""While somebody is missing or nobody is found; at every frame costs half as much again and finds
no more."""
MISSING_SECONDS = 1.0
"""Who is missing for longer is gone; whoever is found there is somebody else."""
MIN_QUALITY = 0.3
"""Below, the landmarks lie beside the person or on something else."""
MIN_FRAMES = 3
"""People of fewer frames are things that look like people for a moment."""
UNSURE_PRESENCE, SURE_PRESENCE = 0.85, 0.98
"""Median presences between which something comes to count as a person. Things that look like people
for longer are low in most of their frames: hands and what they hold had .84 to .93, people who fall
.91 to 1."""

_TORSO = (11, 12, 23, 24)  # shoulders and hips
_SAME_DISTANCE = 0.35
"""Of the larger region's side: centres that are closer belong to the same person."""
_SAME_SIZE = 2.0
_BETTER = 1.5
"""Times the quality of whom a newcomer replaces."""
_MARGIN = 1.6
_ROUNDING = 1e-6

Frames = UInt8[np.ndarray, "T H W 3"] | Sequence[UInt8[np.ndarray, "H W 3"]]


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
    frames: Frames, times: Sequence[float] | Float[np.ndarray, " T"], max_people: int = 1
) -> Landmarks:
    """Find and follow the most prominent people of a clip.

    Args:
        frames: RGB, in order.
        times: of the frames, in seconds.
        max_people: the P of the result; fewer people leave zeros.
    """
    tracker = PoseTracker(max_people)
    for frame, time in zip(frames, times, strict=True):
        tracker.update(frame, float(time))
    people = [track for track in tracker.tracks if track.sureness(tracker.min_frames) > 0]
    return _pack(people, tracker.times, max_people, frames[0].shape[0] if len(frames) else 1)


@dataclass(eq=False)
class Track:
    """One person: what was read in each frame, and where to read next."""

    region: Float[np.ndarray, " 4"]
    poses: dict[float, Poses] = field(default_factory=dict)
    """By the time of the frame, in seconds; of one region each."""
    seen: float = -np.inf
    """When the person was last found, in seconds."""
    quality: float = 0.0
    """Of the last frame."""

    def sureness(self, min_frames: int = MIN_FRAMES) -> float:
        """How surely it is a person, 0…1: found in enough frames, and clearly in most of them."""
        presences = [float(pose.presence[0]) for pose in self.poses.values()]
        if len(presences) < min_frames:
            return 0.0
        above = statistics.median(presences) - UNSURE_PRESENCE
        return min(max(above / (SURE_PRESENCE - UNSURE_PRESENCE), 0.0), 1.0)

    def prominence(self, times: Iterable[float] | None = None) -> float:
        """Sum up size and quality over the frames, or over those of some times."""
        chosen = self.poses if times is None else times
        poses = [self.poses[time] for time in chosen if time in self.poses]
        sizes = [float(pose.next_regions[0, 2]) for pose in poses]
        return sum((quality(p) * size**0.5 for p, size in zip(poses, sizes, strict=True)), 0.0)


class PoseTracker:
    """Follows people forward in time, one frame after another."""

    def __init__(self, max_people: int = 1) -> None:
        """Start before the first frame."""
        self.max_people = max_people
        self.tracks: list[Track] = []
        """Everybody who is remembered."""
        self._live: list[Track] = []
        """Who is found now, and who is missing and waited for."""
        self._frames: deque[tuple[float, UInt8[np.ndarray, "H W 3"]]] = deque()
        """Those that are remembered with their times, the present one last."""
        self._last_search = self._last_wide_search = -np.inf

    @property
    def times(self) -> list[float]:
        """Of the frames that are remembered."""
        return [time for time, _ in self._frames]

    @property
    def min_frames(self) -> int:
        """How many frames show a person at least, or else it is a thing."""
        return min(MIN_FRAMES, len(self._frames) // 4)

    def forget(self, time: float) -> None:
        """Forget frames, poses and people before a time."""
        while self._frames and self._frames[0][0] < time:
            self._frames.popleft()
        for track in self.tracks:
            track.poses = {when: pose for when, pose in track.poses.items() if when >= time}
        self.tracks = [track for track in self.tracks if track.poses or track in self._live]

    def update(self, frame: UInt8[np.ndarray, "H W 3"], time: float) -> None:
        """Read the next frame."""
        self._frames.append((time, frame))
        self._live = [track for track in self._live if time - track.seen <= MISSING_SECONDS]
        self._live.sort(key=lambda track: -len(track.poses))
        found: list[Track] = []
        for track in self._live:
            pose = _read(frame, track.region)
            if pose is not None and not _known(pose, found):
                self._accept(track, pose, time)
                found.append(track)
        missing = [track for track in self._live if track not in found]
        is_followed = found and not missing
        every = SEARCH_EVERY_SECONDS if is_followed else SEARCH_FOR_MISSING_EVERY_SECONDS
        if time - self._last_search >= every - _ROUNDING:
            self._last_search = time
            views = [blazepose.whole(frame)]
            if not found and time - self._last_wide_search >= SEARCH_EVERY_SECONDS - _ROUNDING:
                self._last_wide_search = time
                views += _further_views(frame)
            self._search(frame, time, views, found, missing)

    def _search(
        self,
        frame: np.ndarray,
        time: float,
        views: Sequence[np.ndarray],
        found: list[Track],
        missing: list[Track],
    ) -> None:
        """Find people whom nobody follows, and missing ones; one view after another."""
        for view in views:
            regions, _ = blazepose.detect(frame, view)
            for region in regions[: self.max_people]:
                if any(_same(region, track.region) for track in found):
                    continue
                pose = _read(frame, region)
                if pose is None or _known(pose, found):
                    continue
                near = [track for track in missing if _same(region, track.region)]
                track = near[0] if near else Track(region)
                if near:
                    missing.remove(track)
                elif len(found) >= self.max_people:
                    worst = min(found, key=lambda each: each.quality)
                    if quality(pose) < _BETTER * worst.quality:
                        continue
                    found.remove(worst)
                    self._live.remove(worst)
                if track not in self._live:
                    self._live.append(track)
                    self.tracks.append(track)
                self._accept(track, pose, time)
                if not near:
                    self._extend_backward(track)
                found.append(track)
            if found:
                return

    def _accept(self, track: Track, pose: Poses, time: float) -> None:
        track.poses[time] = pose
        track.region = pose.next_regions[0]
        track.quality, track.seen = quality(pose), time

    def _extend_backward(self, track: Track) -> None:
        """Read the frames before a first sighting, until the person is gone or somebody else's."""
        region, later = track.region, track.seen
        for time, frame in list(self._frames)[-2::-1]:
            pose = _read(frame, region) if later - time <= MISSING_SECONDS else None
            others = [each.poses[time] for each in self.tracks if time in each.poses]
            if pose is None or any(
                _same(pose.next_regions[0], each.next_regions[0]) for each in others
            ):
                return
            track.poses[time] = pose
            region, later = pose.next_regions[0], time


def quality(pose: Poses) -> float:
    """How surely the first pose is a person's: presence times the mean visibility of the torso."""
    return float(pose.presence[0] * pose.visibility[0, list(_TORSO)].mean())


def _read(frame: np.ndarray, region: np.ndarray) -> Poses | None:
    """Read a region, if it shows a person."""
    pose = blazepose.read([frame], region[None])
    present = pose.presence[0] >= blazepose.MIN_PRESENCE and quality(pose) >= MIN_QUALITY
    return pose if present else None


def _known(pose: Poses, tracks: Sequence[Track]) -> bool:
    return any(_same(pose.next_regions[0], track.region) for track in tracks)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two regions show the same person."""
    small, large = sorted((float(one[2]), float(other[2])))
    distance = float(np.hypot(*(one[:2] - other[:2])))
    return large <= _SAME_SIZE * small and distance < _SAME_DISTANCE * large


def _further_views(frame: np.ndarray) -> list[Float[np.ndarray, " 4"]]:
    """Give a smaller picture, for people cut off at its edge, and both sides up, for who lies."""
    x, y, side, _ = blazepose.whole(frame)
    views = [(x, y, _MARGIN * side, 0), (x, y, side, -np.pi / 2), (x, y, side, np.pi / 2)]
    return [np.array(view, np.float32) for view in views]


def _pack(
    tracks: Sequence[Track], times: Sequence[float], max_people: int, height: int
) -> Landmarks:
    """Place the most prominent track first, others where a place is free."""
    shape = (len(times), max_people, NUM_LANDMARKS)
    points, world = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.float32)
    visibility, presence = np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
    number_of = {time: number for number, time in enumerate(times)}
    for track in sorted(tracks, key=Track.prominence, reverse=True):
        numbers = [number_of[time] for time in track.poses]
        free = [place for place in range(max_people) if not presence[numbers, place].any()]
        for number, pose in zip(numbers, track.poses.values(), strict=True) if free else ():
            points[number, free[0]] = pose.points[0] / height
            world[number, free[0]] = pose.world[0]
            visibility[number, free[0]] = pose.visibility[0]
            presence[number, free[0]] = pose.presence[0]
    return Landmarks(points, visibility, world, presence)
