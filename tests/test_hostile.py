"""Files that should not be given to a video reader go through what people use."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionclip import Recognizer
from actionclip.cli import main
from actionclip.data import reading
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, TestViews, TrainingClips
from actionclip.data.loading import Loader
from actionclip.data.problems import Problems
from actionclip.video import files
from actionclip.video.decoder import SHARED_DECODER, Decoder, Limits

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and limits memory"),
]
LABELS = ["walking", "swimming"]
LIMITS = Limits(
    cpu_seconds=2.0,
    memory_bytes=2**30,
    pixels=2_000_000,
    frames=500,
    duration_seconds=3600.0,
)


def held() -> tuple[list[str], int]:
    """The processes of this one, and how many files it has open."""
    lists = Path("/proc/self/task").glob("*/children")
    children = [pid for children in lists for pid in children.read_text().split()]
    return sorted(children), len(list(Path("/proc/self/fd").iterdir()))


def is_left(session: int) -> bool:
    """Whether a process of a session is still there."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if int(path.read_text().rsplit(")", 1)[1].split()[3]) == session:
                return True
    return False


def is_one_line_about(path: Path, message: str) -> bool:
    return message.startswith(f"{path}: ") and "\n" not in message


@pytest.fixture
def recognizer(tiny_clip) -> Iterator[Recognizer]:
    """Whatever it opens is closed after the test."""
    decoders = [Decoder(LIMITS), Decoder(LIMITS)]
    recognizer = Recognizer.load(tiny_clip, device="cpu", decoders=decoders)
    recognizer.scorer(LABELS, beside_none=True)  # what is read once is read before
    before = held()
    yield recognizer
    for decoder in decoders:
        decoder.close()
    assert held() == before


def test_each_is_recognized_or_refused_in_one_line(recognizer, hostile_files):
    answers = list(recognizer.recognize_all(hostile_files, LABELS))
    assert [answer.video for answer in answers] == hostile_files
    refused = [answer for answer in answers if answer.error]
    assert 50 < len(refused) < 150  # the damage is real, and what can be read is read
    assert all(is_one_line_about(answer.video, str(answer.error)) for answer in refused)
    named = [{one.label for one in answer.predictions} for answer in answers if not answer.error]
    assert named == [set(LABELS)] * len(named)


def test_each_has_a_timeline_or_is_refused_in_one_line(recognizer, hostile_files):
    refusals = {}
    for path in hostile_files:
        try:
            found = recognizer.find_moments(path, LABELS)
            assert 0 < found.duration_seconds <= LIMITS.duration_seconds
        except (ValueError, FileNotFoundError) as error:
            refusals[path] = str(error)
    assert 50 < len(refusals) < 150
    assert all(is_one_line_about(path, refusal) for path, refusal in refusals.items())


def test_a_folder_of_them_is_one_document_and_one_line_for_each_that_is_refused(
    tiny_clip, hostile_files, tmp_path
):
    for path in hostile_files:
        if not path.name.startswith("endless"):  # they take as long as the usual limits allow
            (tmp_path / path.name).symlink_to(path)
    videos = files.find(tmp_path)
    arguments = ["recognize", tmp_path, *LABELS, "--json", "--model", tiny_clip]
    with subprocess.Popen(
        [sys.executable, "-m", "actionclip.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        out, err = program.communicate()
    assert program.returncode == 2
    assert not is_left(program.pid)
    recognized = [result["video"] for result in json.loads(out)["results"]]
    refused = [str(video) for video in videos if str(video) not in recognized]
    assert len(recognized) + len(refused) == len(videos) > 150
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert lines.pop() == f"error: {len(refused)} of {len(videos)} videos could not be read"
    for line, video in zip(lines, refused, strict=True):
        assert line.startswith(f"error: {video}: ")


def test_the_timeline_program_says_one_line(tiny_clip, hostile_files, monkeypatch, capsys):
    before, _ = held()
    statuses = []
    for path in hostile_files[60::14]:
        arguments = ["timeline", path, *LABELS, "--json", "--model", tiny_clip]
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        out, err = capsys.readouterr()
        statuses.append(ending.value.code or 0)
        errors = [line for line in err.splitlines() if not line.startswith("warning: ")]
        if statuses[-1] == 2:
            assert out == ""
            [line] = errors
            assert line.startswith(f"error: {path}: ")
        else:
            assert json.loads(out)["video"] == str(path)
            assert errors == []
    assert set(statuses) == {0, 2}
    assert held()[0] == before


def test_a_data_set_of_them_is_checked_and_read(hostile_files, tmp_path, monkeypatch, capsys):
    for number, path in enumerate(hostile_files):
        if path.is_file() and path.stat().st_size < 2**24:
            place = tmp_path / "data" / LABELS[number % 2] / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    num_files = len(list((tmp_path / "data").rglob("*.*")))
    assert num_files > 150
    SHARED_DECODER.close()
    monkeypatch.setattr(SHARED_DECODER, "limits", LIMITS)
    monkeypatch.setattr(sys, "argv", ["actionclip", "data", "check", f"{tmp_path}/data", "--json"])
    before, _ = held()
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 1
    unreadable = json.loads(capsys.readouterr().out)["unreadable"]
    assert 50 < len(unreadable) < 150  # the damage is real, and what can be read is read
    assert all("\n" not in reason for reason in unreadable.values())
    annotations = reading.collect(tmp_path / "data", Problems())
    num_examples = len(annotations.examples)
    views = TestViews(annotations, Sampling(2), 16, 16)
    drawn = TrainingClips(annotations, Sampling(2), Cropped(16), short_side=16)
    places = range(num_examples)
    for dataset, keys in ((views, places), (drawn, [(place, 0) for place in places])):
        loader = Loader(dataset, damaged_limit=1.0)
        [batch] = loader.read([keys])
        assert len(batch.clips) + len(loader.damaged) == num_examples
        assert 50 < len(loader.damaged) < 150
    SHARED_DECODER.close()
    assert held()[0] == before
