import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest

from actionclip.cameras import run
from actionclip.cameras.run import Counts, Failed, Report
from actionclip.cameras.settings import Camera
from actionclip.recognizer import Recognizer
from actionclip.timeline.moments import Began, Ended, Event, Moment
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Watching

SECOND_0 = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
BEGAN = Began(1.5, "waving")
ENDED = Ended(Moment(1.5, 4.0, "waving", 0.75))


class Scripted(Recognizer):
    """Plays events instead of recognizing; remembers what it was asked."""

    def __init__(self, **scripts: Sequence[object]) -> None:
        self.scripts = scripts
        self.asked: dict[str, tuple[object, object]] = {}

    def watch(self, source, labels=None, templates=None, **options) -> Generator[Event]:
        self.asked[source] = (labels, options["threshold"])
        return self._play(self.scripts[source], **options)

    def _play(self, script, *, status, on_frame, on_note, is_stopped, **_) -> Iterator[Event]:
        status.second_0, status.num_connections = SECOND_0, 1
        on_note("connected")
        for step in range(16):
            on_frame(step / 4, np.zeros((32, 32, 3), np.uint8))
        for event in script:
            if event == "wait":
                while not is_stopped():
                    time.sleep(0.01)
            elif isinstance(event, threading.Event):
                assert event.wait(60)
            elif isinstance(event, Exception):
                raise event
            else:
                yield event


def watch(recognizer: Scripted, cameras=None, **options) -> Generator[Report]:
    cameras = cameras or {name: Camera(name) for name in recognizer.scripts}
    return run.watch_all(
        recognizer, cameras, ["waving"], settings=Settings(), watching=Watching(), **options
    )


def test_every_report_has_its_source_and_the_time_at_which_it_happened():
    reports = list(watch(Scripted(door=[BEGAN, ENDED])))
    assert [report.to_document() for report in reports] == [
        {
            "event": "started",
            "source": "door",
            "time": "2026-05-04T03:02:02.500+00:00",
            "start_seconds": 1.5,
            "label": "waving",
        },
        {
            "event": "ended",
            "source": "door",
            "time": "2026-05-04T03:02:05.000+00:00",
            "start_seconds": 1.5,
            "end_seconds": 4.0,
            "label": "waving",
            "score": 0.75,
        },
    ]


def test_sources_are_watched_at_the_same_time():
    first, second = threading.Event(), threading.Event()
    recognizer = Scripted(door=[BEGAN, first, ENDED], yard=[second, BEGAN, ENDED])
    found = []
    for report in watch(recognizer):
        found.append((report.source, type(report.event)))
        if found == [("door", Began)]:
            second.set()  # the yard begins while the moment of the door is open
        if found[-1] == ("yard", Ended):
            first.set()
    assert found == [("door", Began), ("yard", Began), ("yard", Ended), ("door", Ended)]


def test_a_source_that_fails_is_reported_and_the_others_go_on():
    failed = threading.Event()
    recognizer = Scripted(door=[ConnectionError("no connection")], yard=[failed, BEGAN, ENDED])
    reports = []
    for report in watch(recognizer):
        reports.append(report)
        failed.set()
    assert [(report.source, type(report.event)) for report in reports] == [
        ("door", Failed),
        ("yard", Began),
        ("yard", Ended),
    ]
    document = reports[0].to_document()
    assert (document["event"], document["error"]) == ("failed", "no connection")


def test_an_error_of_ours_is_raised_and_ends_all():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(watch(Scripted(door=[ZeroDivisionError()], yard=["wait"])))
    assert threading.active_count() == before


def test_a_stop_ends_all_sources_with_what_is_open_reported():
    stopped = threading.Event()
    script = [BEGAN, "wait", ENDED]
    kinds = []
    for report in watch(Scripted(door=script, yard=script), is_stopped=stopped.is_set):
        kinds.append(type(report.event))
        if kinds == [Began, Began]:
            stopped.set()
    assert kinds == [Began, Began, Ended, Ended]


def test_closing_the_reports_leaves_no_thread_even_where_nobody_takes_them(monkeypatch):
    monkeypatch.setattr(run, "_MAX_WAITING", 2)
    before = threading.active_count()
    with closing(watch(Scripted(door=100 * [BEGAN, ENDED], yard=[BEGAN, "wait"]))) as reports:
        next(reports)
    assert threading.active_count() == before


def test_a_camera_has_labels_and_a_threshold_of_its_own():
    recognizer = Scripted(door=[], yard=[])
    cameras = {"a": Camera("door", ("falling down",), 0.9), "b": Camera("yard")}
    assert list(watch(recognizer, cameras)) == []
    assert recognizer.asked == {"door": (("falling down",), 0.9), "yard": (["waving"], "auto")}


def test_notes_name_their_source_where_there_are_several():
    notes: list[str] = []
    list(watch(Scripted(door=[]), on_note=notes.append))
    list(watch(Scripted(door=[], yard=[]), on_note=notes.append))
    assert notes[0] == "connected"
    assert sorted(notes[1:]) == ["door: connected", "yard: connected"]


def test_connections_and_dropped_frames_are_reported_from_time_to_time():
    stopped = threading.Event()
    recognizer = Scripted(door=["wait"], yard=["wait"])
    reports = []
    for report in watch(recognizer, status_seconds=0.05, is_stopped=stopped.is_set):
        reports.append(report)
        if len(reports) == 4:
            stopped.set()
    assert [report.source for report in reports[:4]] == ["door", "yard", "door", "yard"]
    assert reports[-1].event == Counts(1, 0)
    document = reports[-1].to_document()
    assert list(document) == ["event", "source", "time", "connections", "dropped"]
    assert document["event"] == "status"


def test_a_moment_that_ended_has_its_clip(tmp_path):
    reports = list(watch(Scripted(door=[BEGAN, ENDED]), clips=tmp_path))
    assert reports[0].clip is None
    assert reports[1].clip == tmp_path / "door_2026-05-04T03-02-02.500_waving.mp4"
    assert reports[1].clip.is_file()
    assert reports[1].to_document()["clip"] == str(reports[1].clip)
