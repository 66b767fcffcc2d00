import json
import os
import signal
import subprocess
import sys

from actionclip.archive import arrivals


def test_a_folder_is_named_when_something_changes_and_while_a_file_is_written(tmp_path):
    steps = iter(
        [
            lambda: None,  # there is nothing yet
            lambda: (tmp_path / "a.mp4").write_bytes(b"1"),
            lambda: None,
            lambda: (tmp_path / "a.mp4").write_bytes(b"12"),
            lambda: None,
            lambda: (tmp_path / "notes.txt").write_text("no video"),
            lambda: (tmp_path / "b.mp4").write_bytes(b"1"),
            lambda: (tmp_path / "a.mp4").unlink(),
        ]
    )
    looks = []

    def wait(seconds):
        looks.append(seconds)
        step = next(steps, None)
        if step:
            step()
        return step is None

    changes = arrivals.changes([tmp_path, tmp_path / "missing"], wait, every=3.0)
    assert next(changes) == [tmp_path]
    assert len(looks) == 2
    assert changes.send(False) == [tmp_path]  # it has grown
    assert len(looks) == 4
    assert changes.send(True) == [tmp_path]  # it was being written, so it is named again
    assert len(looks) == 5
    assert changes.send(False) == [tmp_path]
    assert len(looks) == 7
    assert changes.send(False) == [tmp_path]
    assert list(changes) == []
    assert set(looks) == {3.0}


def test_videos_are_read_as_they_arrive_until_a_signal(film, tmp_path):
    (tmp_path / "films").mkdir()
    command = [sys.executable, "-m", "actionclip.cli", "index", str(tmp_path / "films"), "--watch"]
    command += ["--archive", str(tmp_path / "archive"), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        film(tmp_path / "films/a.mp4", [("red", 2.0)])
        assert json.loads(process.stdout.readline())["indexed"] == 1
        process.send_signal(signal.SIGTERM)
        _, notes = process.communicate(timeout=60)
    assert process.returncode == 0, notes
    assert "what was indexed stays" in notes
    assert "Traceback" not in notes
