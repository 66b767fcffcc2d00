"""Frames of a clip or of a stream become what bodies do around each moment.

People are followed from frame to frame. Around a moment, the most prominent one of them counts, as
far as it is surely a person: the landmarks of three seconds, half before and half after it, go
through the body encoder. At both ends
of a run of frames the three seconds lie inside it.

Shapes:
    T: frames of the three seconds   J: joints, 13   D: width of a vector, 384
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.model.encoders import bodies, minilm
from actionclip.model.encoders.blazepose import NUM_LANDMARKS
from actionclip.model.encoders.bodies import WINDOW_SECONDS, Bodies
from actionclip.model.encoders.encoder import Context, Follower
from actionclip.model.encoders.pose_tracking import PoseTracker, Track

CONTEXT = Context(
    frames_per_second=8.0,  # six lose two of fourteen falls
    seconds=WINDOW_SECONDS / 2,
    memory_seconds=10.0,
    width=minilm.WIDTH,
)
_LONGEST_GAP = 0.5
"""Seconds between two frames of one run."""
_ENOUGH_FOUND = 0.5
"""Share of the frames in which a person has to be found to count fully."""
_ROUNDING = 1e-6


class BodyStream(Follower):
    """Follows the people of one clip or stream."""

    def __init__(self, encoder: Bodies) -> None:
        self._bodies = encoder
        self._tracker = PoseTracker()
        self._height = 1

    def push(self, frame: UInt8[np.ndarray, "H W 3"], seconds: float) -> None:
        """Find the people of the next frame."""
        self._height = len(frame)
        self._tracker.update(frame, seconds)

    def forget(self, seconds: float) -> None:
        """Forget what was before a time."""
        self._tracker.forget(seconds)

    @torch.inference_mode()
    def row(self, seconds: float) -> Float[Tensor, " D"]:
        """Encode the three seconds around a moment; zero if nobody is there."""
        times = window(self._tracker.times, seconds)
        weights = {track: self._weight(track, times) for track in self._tracker.tracks}
        person = max(weights, key=lambda each: weights[each] * each.prominence(times), default=None)
        if person is None or not weights[person]:
            return torch.zeros(minilm.WIDTH)
        since_start = torch.tensor([time - times[0] for time in times])
        joints = self._joints(person, times)
        features = self._bodies.features_at(joints, since_start, since_start[-1:] / 2)[0]
        return weights[person] * features

    def _weight(self, track: Track, times: Sequence[float]) -> float:
        """How much a track counts, 0…1: as surely as it is a person, and is found at these times.

        Nothing is decided by a threshold: landmarks differ a little between processors, and answers
        would jump.
        """
        num_found = sum(time in track.poses for time in times)
        found = min(num_found / (_ENOUGH_FOUND * len(times)), 1.0) if times else 0.0
        return track.sureness(self._tracker.min_frames) * found

    def _joints(self, person: Track, times: Sequence[float]) -> Float[Tensor, "T J 3"]:
        """Return where the joints of a person are; zero where the person is not found."""
        points = torch.zeros(len(times), NUM_LANDMARKS, 3)
        visibility = torch.zeros(len(times), NUM_LANDMARKS)
        for number, time in enumerate(times):
            if time in person.poses:
                pose = person.poses[time]
                points[number] = torch.from_numpy(pose.points[0] / self._height)
                visibility[number] = torch.from_numpy(pose.visibility[0])
        return bodies.joints_from_blazepose(points, visibility)


def window(times: Sequence[float], at: float) -> list[float]:
    """Return the times of the three seconds around a moment, within the run of frames it is in.

    A part of a video that is shorter than a step may have no frames around its own.

    >>> window([0.0, 0.25, 0.5, 0.75, 5.0, 5.25], at=0.0)
    [0.0, 0.25, 0.5, 0.75]
    """
    if not times:
        return []
    all_times = np.asarray(times)
    run_of = np.cumsum(np.diff(all_times, prepend=all_times[0]) > _LONGEST_GAP)
    run = all_times[run_of == run_of[np.abs(all_times - at).argmin()]]
    first = min(max(at - WINDOW_SECONDS / 2, run[0]), max(run[0], run[-1] - WINDOW_SECONDS))
    inside = (run >= first - _ROUNDING) & (run <= first + WINDOW_SECONDS + _ROUNDING)
    return run[inside].tolist()
