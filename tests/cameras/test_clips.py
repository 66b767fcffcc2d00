from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from actionclip.cameras import clips
from actionclip.cameras.clips import Recorder
from actionclip.timeline.moments import Began

TIME = datetime(2026, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)


def frame(second: float) -> np.ndarray:
    """A picture of odd size whose brightness tells its second."""
    return np.full((33, 47, 3), 10 * second, np.uint8)


def seconds_in(path: Path) -> list[float]:
    """When the frames of a clip were, by their brightness."""
    with av.open(str(path)) as container:
        pictures = [picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)]
    return [float(picture.mean()) / 10 for picture in pictures]


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def recorder(tmp_path, notes) -> Recorder:
    return Recorder(tmp_path / "clips", "the door", notes.append)


def push(recorder: Recorder, begin: float, end: float) -> None:
    for step in range(round(4 * begin), round(4 * end)):
        recorder.push(step / 4, frame(step / 4))


def test_a_clip_begins_three_seconds_before_its_moment_and_lasts_until_its_end(recorder, tmp_path):
    push(recorder, 0, 10)
    recorder.begin(Began(8.0, "falling down"), TIME)  # certain two seconds later
    push(recorder, 10, 12)
    path = recorder.end("falling down")
    push(recorder, 12, 14)
    assert path == tmp_path / "clips" / "the_door_2026-05-04T03-02-01.250_falling_down.mp4"
    expected = [step / 4 for step in range(4 * 5, 4 * 12)]
    assert seconds_in(path) == pytest.approx(expected, abs=0.3)
    with av.open(str(path)) as container:
        times = [float(picture.time) for picture in container.decode(video=0)]
    assert times == pytest.approx([step / 4 for step in range(len(times))])


def test_moments_that_overlap_have_clips_of_their_own(recorder):
    push(recorder, 0, 4)
    recorder.begin(Began(4.0, "waving"), TIME)
    push(recorder, 4, 6)
    recorder.begin(Began(6.0, "falling down"), TIME)
    push(recorder, 6, 7)
    assert len(seconds_in(recorder.end("waving"))) == 4 * (7 - 1)
    push(recorder, 7, 8)
    assert len(seconds_in(recorder.end("falling down"))) == 4 * (8 - 3)


def test_memory_and_clips_do_not_grow_for_ever(recorder, monkeypatch):
    monkeypatch.setattr(clips, "_LONGEST_SECONDS", 5.0)
    push(recorder, 0, 20)
    recorder.begin(Began(0.0, "waving"), TIME)
    push(recorder, 20, 25)
    assert len(recorder._held) == 4 * 15 + 1
    assert len(seconds_in(recorder.end("waving"))) == 4 * 5 + 1


def test_an_unfinished_clip_leaves_no_file(recorder, tmp_path):
    push(recorder, 0, 2)
    recorder.begin(Began(1.0, "waving"), TIME)
    recorder.close()
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_clip_that_cannot_be_written_is_a_note_and_nothing_else(recorder, tmp_path, notes):
    (tmp_path / "clips").write_text("no folder")
    push(recorder, 0, 2)
    recorder.begin(Began(1.0, "waving"), TIME)
    push(recorder, 2, 3)
    assert recorder.end("waving") is None
    assert len(notes) == 1
    assert notes[0].startswith("no clip of 'waving': ")


def test_frames_of_another_size_are_not_mixed(recorder):
    push(recorder, 0, 2)
    for step in range(4):
        recorder.push(2 + step / 4, np.zeros((20, 20, 3), np.uint8))
    recorder.begin(Began(2.5, "waving"), TIME)
    assert len(seconds_in(recorder.end("waving"))) == 4


def test_a_clip_leaves_out_frames_of_another_size(recorder):
    push(recorder, 0, 2)
    recorder.begin(Began(1.5, "waving"), TIME)
    recorder.push(2.0, np.zeros((20, 20, 3), np.uint8))
    assert len(seconds_in(recorder.end("waving"))) == 8
