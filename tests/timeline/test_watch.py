import itertools
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Encoder
from actionclip.timeline import file
from actionclip.timeline import watch as watching_module
from actionclip.timeline.moments import Began, Ended, Event, Moment
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Status, Watching, watch
from actionclip.video.connection import parse_address

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
LABELS = list(COLOURS)
SETTINGS = Settings(
    frames_per_second=5.0, window_seconds=(1.0,), stride_seconds=0.4, min_seconds=0.4
)
ALL_FRAMES = Watching(in_real_time=False, timeout_seconds=60.0, retries=2)


class ColourEncoder(Encoder):
    """Sees the colour of a frame and nothing else."""

    width, image_size, short_side = 3, 16, 16

    def __init__(self) -> None:
        super().__init__()
        self.vision_tower = self.text_tower = nn.Identity()

    def vision_features(self, clips: Tensor) -> Tensor:
        return clips.mean(dim=(-1, -2))

    def project(self, vision_features: Tensor) -> Tensor:
        return vision_features

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        raise NotImplementedError

    def text_features(self, token_ids: Tensor) -> Tensor:
        raise NotImplementedError


def score(embeddings: Tensor) -> Tensor:
    return (10 * embeddings).softmax(dim=-1)


@pytest.fixture(scope="module")
def model() -> ActionCLIP:
    return ActionCLIP(ModelConfig("colours", num_frames=2), ColourEncoder()).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A film of red, green, blue and red, and the parts of it that a server sends."""
    folder = tmp_path_factory.mktemp("served")
    with av.open(str(folder / "film.ts"), "w") as container:
        stream = container.add_stream("mpeg2video", rate=10, options={"g": "5"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for colour, seconds in (("red", 1.6), ("green", 2.0), ("blue", 1.4), ("red", 1.0)):
            picture = np.full((32, 32, 3), COLOURS[colour], np.uint8)
            for _ in range(round(10 * seconds)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = (folder / "film.ts").read_bytes()
    packets = len(data) // 188
    ends = [188 * round(packets * part) for part in (0, 0.3, 0.55, 1)]
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        (folder / f"film.{number}").write_bytes(data[start:end])
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    script = Path(__file__).parents[1] / "stream_server.py"
    command = [sys.executable, str(script), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


@pytest.fixture
def film(model, folder, monkeypatch, tmp_path) -> list[Moment]:
    """The moments of the film's timeline."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return moments_of(model, folder / "film.ts")


def moments_of(model: ActionCLIP, path: Path) -> list[Moment]:
    return list(file.find(model, path, LABELS, score, SETTINGS).moments)


def events_of(
    model: ActionCLIP,
    address: str,
    watching: Watching = ALL_FRAMES,
    notes: list[str] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    note = (notes if notes is not None else []).append
    place = parse_address(address)
    return watch(model, place, LABELS, score, SETTINGS, watching, note, is_stopped)


def later(moment: Moment, seconds: float) -> Moment:
    """The same moment, so much later; rounded, for times are sums of steps."""
    times = (moment.start_seconds + seconds, moment.end_seconds + seconds)
    return Moment(*(round(time, 6) for time in times), moment.label, moment.score)


def threads_and_processes() -> tuple[int, list[str]]:
    lists = Path("/proc/self/task").glob("*/children")
    processes = sorted(pid for children in lists for pid in children.read_text().split())
    return threading.active_count(), processes


def ended(events: Iterable[Event]) -> list[Moment]:
    moments = [event.moment for event in events if isinstance(event, Ended)]
    return sorted(moments, key=lambda moment: moment.start_seconds)


def test_the_film_has_a_moment_of_each_colour(film):
    assert [moment.label for moment in film] == ["red", "green", "blue", "red"]


@pytest.mark.parametrize("in_real_time", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_file_that_is_watched_has_the_moments_of_its_timeline(model, folder, film, in_real_time):
    watching = Watching(in_real_time=in_real_time)
    assert ended(events_of(model, str(folder / "film.ts"), watching)) == film


def test_the_same_film_from_a_server_and_from_a_pipe_has_the_same_moments(
    model, server, folder, film
):
    assert ended(events_of(model, f"{server}/whole/film.ts")) == film
    with subprocess.Popen(["cat", folder / "film.ts"], stdout=subprocess.PIPE) as cat:
        assert ended(events_of(model, f"pipe:{cat.stdout.fileno()}")) == film


def test_each_connection_has_the_moments_of_a_file_that_holds_what_came(
    model, server, folder, film, monkeypatch
):
    monkeypatch.setattr(watching_module, "_FIRST_WAIT_SECONDS", 0.1)
    notes: list[str] = []
    found: list[Event] = []
    with pytest.raises(ConnectionError, match="404 Not Found"):
        found.extend(events_of(model, f"{server}/pieces/film", notes=notes))
    text = "\n".join(notes)
    offsets = [float(second) for second in re.findall(r"connected; second ([\d.]+) is", text)]
    assert len(offsets) == 3
    expected = []
    for number, offset in enumerate(offsets):
        piece = file.find(model, folder / f"film.{number}", LABELS, score, SETTINGS)
        begins = float(piece.slot_seconds[0, 0])  # a cut piece begins with what cannot be decoded
        expected += [later(moment, offset - begins) for moment in piece.moments]
    assert [later(moment, 0) for moment in ended(found)] == expected


def test_the_status_counts_connections_and_every_frame_is_shown(model, server, folder, monkeypatch):
    monkeypatch.setattr(watching_module, "_FIRST_WAIT_SECONDS", 0.1)
    for number in range(3):
        (folder / f"counted.{number}").write_bytes((folder / f"film.{number}").read_bytes())
    status, times = Status(), []
    address = parse_address(f"{server}/pieces/counted")
    before = datetime.now().astimezone()
    events = watch(
        *(model, address, LABELS, score, SETTINGS, ALL_FRAMES),
        status=status,
        on_frame=lambda seconds, frame: times.append((seconds, frame.shape)),
    )
    with pytest.raises(ConnectionError):
        list(events)
    assert (status.num_connections, status.num_dropped) == (3, 0)
    assert status.second_0 is not None
    assert abs(status.second_0 - before) < timedelta(seconds=60)
    assert [seconds for seconds, _ in times] == sorted({seconds for seconds, _ in times})
    assert {shape for _, shape in times} == {(16, 16, 3)}


def test_what_is_open_is_ended_as_soon_as_the_connection_is_lost(model, server, folder):
    (folder / "once.0").write_bytes((folder / "film.0").read_bytes())
    watching = Watching(in_real_time=False, retries=1)
    notes: list[str] = []
    events = events_of(model, f"{server}/pieces/once", watching, notes)
    next(event for event in events if isinstance(event, Ended))
    with pytest.raises(ConnectionError):  # only now it is given up
        list(events)
    assert any("trying again" in note for note in notes)


def test_an_end_follows_each_beginning(model, folder):
    open_labels: dict[str, float] = {}
    for event in events_of(model, str(folder / "film.ts")):
        if isinstance(event, Began):
            assert event.label not in open_labels
            open_labels[event.label] = event.start_seconds
        elif isinstance(event, Ended):
            assert open_labels.pop(event.moment.label) == event.moment.start_seconds
    assert open_labels == {}


@pytest.mark.slow
def test_what_a_slow_model_cannot_look_at_is_dropped_and_told(model, folder, film, monkeypatch):
    slowness = threading.Event()
    vision_features = model.vision_features

    def slowly(clips: Tensor) -> Tensor:
        slowness.wait(0.5 * clips.shape[1])  # half of what is needed for 5 frames a second
        return vision_features(clips)

    monkeypatch.setattr(model, "vision_features", slowly)
    notes: list[str] = []
    watching = Watching(max_delay_seconds=0.4)
    found = ended(events_of(model, str(folder / "film.ts"), watching, notes))
    assert any("frames dropped" in note for note in notes)
    for moment in found:  # how many are left depends on the machine, but none is wrong
        same = [other for other in film if other.label == moment.label]
        assert any(moment.start_seconds == pytest.approx(o.start_seconds, abs=1.5) for o in same)


def test_a_stop_ends_what_is_open_and_leaves_no_thread_and_no_process(model, folder, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = threads_and_processes()
    stopped = threading.Event()
    data = (folder / "film.ts").read_bytes()
    with subprocess.Popen(["sh", "-c", f"cat > {fifo}"], stdin=subprocess.PIPE) as writer:
        writer.stdin.write(data[: len(data) // 2])
        writer.stdin.flush()  # and then nothing more comes
        events = events_of(model, str(fifo), is_stopped=stopped.is_set)
        found: list[Event] = []
        for event in events:
            found.append(event)
            if isinstance(event, Began) and event.label == "green":
                stopped.set()
        writer.stdin.close()
    assert isinstance(found[-1], Ended)
    assert found[-1].moment.label == "green"
    for _ in range(600):  # a process that was ended takes a moment; only ends a hang
        if threads_and_processes() == before:
            break
        time.sleep(0.1)
    assert threads_and_processes() == before


def test_a_file_that_is_no_video_is_a_mistake(model, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no video")
    with pytest.raises(ValueError, match="not a video"):
        list(events_of(model, str(path)))


def test_waits_grow_to_a_limit_and_are_never_the_same():
    waits = watching_module._waits()
    seconds = [next(waits) for _ in range(50)]
    assert 0.5 <= seconds[0] <= 1
    assert all(15 <= wait <= 30 for wait in seconds[10:])
    assert len(set(seconds)) == 50
