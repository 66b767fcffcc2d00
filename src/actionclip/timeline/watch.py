"""A camera, a server, a pipe or a file is watched: moments are told as they begin and end.

The engine is that of files, so that the same frames give the same moments. What the model cannot
keep up with is dropped and counted; a lost connection ends what is open. Memory does not grow.
Knows no text: how labels are compared with a clip is handed in.

Shapes:
    T: frames that wait   E: width of the vision tower
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

import numpy as np
from jaxtyping import Float
from torch import Tensor

from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline.arrivals import Arrival, Arrivals, Note, Watching
from actionclip.timeline.engine import Engine, Score
from actionclip.timeline.moments import Event
from actionclip.timeline.settings import Settings
from actionclip.video.connection import Address

_MOST_FRAMES_AT_ONCE = 16
_SECONDS_BETWEEN_QUESTIONS = 0.2
"""So soon after it is asked to stop, watching ends."""
_SECONDS_BETWEEN_REPORTS = 10.0


def watch(
    model: ActionCLIP,
    address: Address,
    labels: Sequence[str],
    score: Score,
    settings: Settings,
    watching: Watching,
    on_note: Note = lambda note: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Watch until it ends or is stopped; what is open then is ended.

    Args:
        model: looks at the frames.
        address: where they come from.
        labels: in the order of the scores.
        score: gives the scores of the labels, 0…1, for embeddings of clips.
        settings: of windows and thresholds.
        watching: how the address is read.
        on_note: told of connections made and lost, from another thread, and of frames dropped.
        is_stopped: asked several times a second.

    Yields:
        Scores of slots, and beginnings and ends of moments, as soon as they are certain.

    Raises:
        ValueError: what is there is no video, or the model cannot be used for timelines.
        ConnectionError: there is no connection, and no retry left.
    """
    steps = _Steps(Engine(model, labels, score, settings), settings)
    drops = _Drops(on_note)
    rate, short_side = settings.frames_per_second, model.encoder.short_side
    with closing(Arrivals(address, rate, short_side, watching, on_note)) as arrivals:
        while not is_stopped():
            taken = arrivals.take(_MOST_FRAMES_AT_ONCE, _SECONDS_BETWEEN_QUESTIONS)
            if taken is None:
                break
            if taken:
                clip = encode.make_clip(model, np.stack([arrival.frame for arrival in taken]))
                features = encode.vision_features(model, clip[None])[0]
                for arrival, row in zip(taken, features, strict=True):
                    yield from steps.push(arrival, row)
            elif not arrivals.is_connected:
                yield from steps.finish()
            drops.report(arrivals.num_dropped)
        yield from steps.finish()
        drops.report(arrivals.num_dropped, is_last=True)
        if arrivals.failure:
            raise arrivals.failure


class _Steps:
    """Hands what came to the engine, without the small holes of dropped frames.

    As long as a hole is no longer than a window, what was seen before it counts as still on screen;
    a longer one, or another stretch, is a gap.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._longest_hole = min(settings.window_seconds) * settings.frames_per_second
        self._last: tuple[Arrival, Float[Tensor, " E"]] | None = None

    def push(self, arrival: Arrival, features: Float[Tensor, " E"]) -> list[Event]:
        events: list[Event] = []
        if self._last is not None:
            before, features_before = self._last
            hole = arrival.step - before.step - 1
            if arrival.stretch != before.stretch:
                events += self._engine.finish()
            elif 0 < hole <= self._longest_hole:
                events += self._engine.push(before.step + 1, features_before.expand(hole, -1))
        self._last = (arrival, features)
        return events + self._engine.push(arrival.step, features[None])

    def finish(self) -> list[Event]:
        return self._engine.finish()


class _Drops:
    """Tells of frames that were dropped, from time to time."""

    def __init__(self, on_note: Note) -> None:
        self._on_note = on_note
        self._num_told = 0
        self._next_seconds = 0.0

    def report(self, num_dropped: int, *, is_last: bool = False) -> None:
        if num_dropped > self._num_told and (is_last or time.monotonic() >= self._next_seconds):
            self._on_note(f"{num_dropped} frames dropped so far: they come faster than they go")
            self._num_told = num_dropped
            self._next_seconds = time.monotonic() + _SECONDS_BETWEEN_REPORTS
