"""What is around a step is the same in files, streams and the cache."""

import dataclasses
import itertools
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from actionclip.core import context
from actionclip.core.context import Around
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Context, Follower
from actionclip.timeline import file, watch
from actionclip.timeline.engine import Engine
from actionclip.timeline.moments import Slot
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Watching
from actionclip.video import decode
from actionclip.video.connection import parse_address

LABELS = ["red", "green", "blue"]
SETTINGS = Settings(frames_per_second=5.0)


class Brightness(Follower):
    """Means of brightness around a moment, and of all that it remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self.num_pushed = 0

    def push(self, frame: np.ndarray, seconds: float) -> None:
        self.seen.append((seconds, float(frame.mean())))
        self.num_pushed += 1

    def forget(self, seconds: float) -> None:
        self.seen = [each for each in self.seen if each[0] >= seconds]

    def row(self, seconds: float) -> Tensor:
        near = [value for time, value in self.seen if abs(time - seconds) < 0.51]
        return torch.tensor([np.mean(near), np.mean([value for _, value in self.seen])]).float()


@pytest.fixture
def model(make_model) -> ActionCLIP:
    """Sees colours, and how bright it is around a frame."""
    made = make_model()
    encoder = made.encoder
    encoder.context = Context(10.0, seconds=0.5, memory_seconds=1.0, width=2)
    encoder.follow = Brightness
    encoder.project = lambda features: features[..., :3] + 0.01 * features[..., 3:4] / 255
    return made


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Eleven seconds; each frame is another, and every four seconds the colour changes."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(110):
            picture = np.full((32, 32, 3), number * 2 % 250, np.uint8)
            picture[..., number // 40] //= 2
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(params=[16, 256])
def parts(request, monkeypatch) -> None:
    monkeypatch.setattr(context, "STEPS_PER_PART", request.param)


def read(model: ActionCLIP, video: Path, stream_frames=decode.stream_frames) -> Tensor:
    return torch.cat([rows for _, rows in file.vision_features(model, video, 5.0, stream_frames)])


def test_a_step_has_the_frame_and_what_is_around_it(model, film):
    rows = read(model, film)
    frames = decode.read_frames(film, range(110), 16).astype(float)
    assert rows.shape == (55, 5)
    bright = frames.mean(axis=(1, 2, 3))
    for step, frame in ((0, 0), (20, 40), (54, 108)):
        begin, end = max(0, frame - 5), min(110, frame + 6)
        assert rows[step, :3].numpy() == pytest.approx(
            frames[frame].mean(axis=(0, 1)) / 255 - 0.3, abs=1e-3
        )
        assert rows[step, 3] == pytest.approx(bright[begin:end].mean(), abs=1e-3)


def test_an_interrupted_run_goes_on_to_the_same_rows(model, film, tmp_path, monkeypatch):
    monkeypatch.setattr(context, "STEPS_PER_PART", 16)
    whole = read(model, film)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))

    def breaks_off(path, rate, short_side):
        yield from itertools.islice(decode.stream_frames(path, rate, short_side), 105)
        raise ValueError("the disk is gone")

    with pytest.raises(ValueError, match="gone"):
        read(model, film, breaks_off)
    num_seen = model.encoder.num_seen
    assert torch.equal(read(model, film), whole)
    assert model.encoder.num_seen - num_seen <= len(whole) - 16  # a part at least was whole


@pytest.mark.usefixtures("parts")
def test_a_file_that_is_watched_has_the_scores_of_its_timeline(model, film, score):
    found = file.find(model, film, LABELS, score, SETTINGS)
    watching = Watching(in_real_time=False, timeout_seconds=60.0)
    place = parse_address(str(film))
    events = watch.watch(model, place, LABELS, score, SETTINGS, watching)
    slots = [event for event in events if isinstance(event, Slot)]
    assert np.array_equal([slot.scores for slot in slots], found.scores)
    assert [slot.start_seconds for slot in slots] == found.slot_seconds[:, 0].tolist()


def test_pictures_that_begin_between_two_steps_count_from_the_step_before(model):
    def stream(path, rate, short_side):
        picture = np.full((16, 16, 3), 100, np.uint8)
        return ((number / rate, picture) for number in range(13, 33))  # from 1.3 s on

    [(step, rows)] = file.vision_features(model, Path("none"), 5.0, stream)
    assert step == 6  # 1.2 s
    assert len(rows) == 11


def test_what_is_not_needed_is_forgotten(model):
    around = Around(model, 5.0)
    num_rows = 0
    for number in range(2000):
        num_rows += len(around.push(number, np.zeros((4, 4, 3), np.uint8)))
        assert len(around._remembered) <= 10
        assert len(around._parts) <= 2
        assert all(len(part.follower.seen) <= 11 for part in around._parts)
    assert num_rows + len(around.finish()) == 1000


def test_a_cut_is_not_found_in_what_is_around(model, score):
    engine = Engine(model, LABELS, score, SETTINGS)
    rows = torch.rand(40, 5, generator=torch.Generator().manual_seed(0))
    rows[:, :3] = 0.2
    rows[:, 3:] *= 200
    slots = [event for event in engine.push(0, rows) if isinstance(event, Slot)]
    engine.finish()
    without = dataclasses.replace(SETTINGS, cuts=False)
    other = Engine(model, LABELS, score, without)
    expected = [event for event in other.push(0, rows) if isinstance(event, Slot)]
    assert [slot.scores.tolist() for slot in slots] == [s.scores.tolist() for s in expected]


def test_a_model_that_sees_frames_alone_reads_no_others(make_model):
    made = make_model()
    assert isinstance(made.config, ModelConfig)
    assert context.frames_per_step(made, 4.0) == 1
    [row] = Around(made, 4.0).push(0, np.zeros((4, 4, 3), np.uint8))
    assert row.shape == (0,)
