import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actionclip.archive import index as indexing
from actionclip.archive.archive import Archive
from actionclip.archive.tables import File

RED_THEN_BLUE = [("red", 4.0), ("blue", 4.0)]


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Films are complete as soon as they are written."""
    monkeypatch.setattr(indexing, "SETTLE_SECONDS", 0.0)


def rows(archive: Archive) -> list[tuple]:
    """Everything but the times of files, in an order of its own."""
    tables = archive.tables
    windows = tables.windows.to_arrow().to_pylist()
    frames = tables.frames.to_arrow().to_pylist()
    return [
        *sorted((f.path, f.video, f.num_bytes, f.seconds, f.state) for f in tables.files()),
        *sorted((w["video"], w["start"], w["end"], *w["vector"]) for w in windows),
        *sorted((f["video"], f["step"], *f["features"]) for f in frames),
    ]


def test_unchanged_files_are_not_read_again(archive, recognizer, film, tmp_path):
    film(tmp_path / "films/a.mp4", RED_THEN_BLUE)
    first = archive.index([tmp_path / "films"])
    seen = recognizer.model.encoder.num_seen
    again = archive.index([tmp_path / "films"])
    assert (first.indexed, first.unchanged) == (1, 0)
    assert (again.indexed, again.unchanged) == (0, 1)
    assert recognizer.model.encoder.num_seen == seen > 0


def test_a_changed_file_replaces_its_rows(archive, make_recognizer, decoder, film, tmp_path):
    path = film(tmp_path / "films/a.mp4", RED_THEN_BLUE)
    archive.index([path])
    film(path, [("green", 5.0)])
    assert archive.index([path]).indexed == 1
    fresh = Archive.open(tmp_path / "fresh", make_recognizer(), decoder=decoder)
    fresh.index([path])
    assert rows(archive) == rows(fresh)


def test_a_moved_file_is_known_by_its_content(archive, recognizer, film, tmp_path):
    path = film(tmp_path / "films/a.mp4", RED_THEN_BLUE)
    archive.index([tmp_path / "films"])
    seen = recognizer.model.encoder.num_seen
    path.rename(tmp_path / "films/b 'of' ü.mp4")
    report = archive.index([tmp_path / "films"])
    assert (report.indexed, report.moved, report.vanished) == (0, 1, 1)
    assert recognizer.model.encoder.num_seen == seen
    (hit, *_) = archive.search("red")
    assert hit.video == tmp_path / "films/b 'of' ü.mp4"


def test_a_damaged_file_is_recorded_and_tried_again_on_request(archive, film, tmp_path):
    path = tmp_path / "films/a.mp4"
    path.parent.mkdir()
    path.write_bytes(b"no video at all")
    film(tmp_path / "films/b.mp4", RED_THEN_BLUE)
    for retry in (False, False, True):
        report = archive.index([path.parent], retry=retry)
        ((failed, error),) = report.failed
        assert failed == path
        assert "a.mp4" in error
    film(path, [("green", 4.0)])
    assert archive.index([path.parent]).failed == []
    assert archive.search("green")[0].video == path


def test_a_file_that_is_being_written_waits(archive, film, tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", RED_THEN_BLUE)
    monkeypatch.setattr(indexing, "_seconds_to_settle", lambda path: 0.001)
    assert archive.index([path]).waiting == [path]
    assert archive.tables.files() == []


def test_paths_and_the_name_of_a_loaded_model_are_written_plainly(archive, film, tmp_path):
    path = film(tmp_path / "films/a.mp4", RED_THEN_BLUE)
    archive.index([tmp_path / "films" / ".." / "films" / "a.mp4"])
    assert [file.path for file in archive.tables.files()] == [path]
    assert archive.tables.about["model"] == ""


def test_a_folder_without_a_video_and_a_missing_file_are_mistakes(archive, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty"):
        archive.index([tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match=r"missing\.mp4"):
        archive.index([tmp_path / "missing.mp4"])


def test_a_second_writer_is_told(archive, film, tmp_path):
    path = film(tmp_path / "a.mp4", RED_THEN_BLUE)
    with archive.tables.writing(), pytest.raises(ValueError, match="another process is writing"):
        archive.index([path])


def test_the_archive_of_another_model_is_refused_by_name(archive, make_recognizer, tmp_path):
    del archive
    with pytest.raises(ValueError, match="num_frames"):
        Archive.open(tmp_path / "archive", make_recognizer(num_frames=8))


@pytest.mark.parametrize("name", ["a file", "a folder with something else"])
def test_what_is_no_archive_is_refused_and_stays(name, recognizer, tmp_path):
    path = tmp_path / "archive"
    if name == "a file":
        path.write_text("words")
    else:
        path.mkdir()
        (path / "letter.txt").write_text("words")
    with pytest.raises(ValueError, match="no archive"):
        Archive.open(path, recognizer)
    kept = path if path.is_file() else path / "letter.txt"
    assert kept.read_text() == "words"


def test_damaged_tables_are_one_line(archive, recognizer, film, tmp_path):
    archive.index([film(tmp_path / "a.mp4", RED_THEN_BLUE)])
    for part in (tmp_path / "archive").rglob("*.lance"):
        if part.is_file():
            part.write_bytes(part.read_bytes()[:40])
    with pytest.raises(ValueError, match="cannot be read") as error:
        Archive.open(tmp_path / "archive", recognizer).search("red")
    assert "\n" not in str(error.value)


def test_a_run_that_is_killed_leaves_nothing_half_done(
    archive, make_recognizer, decoder, film, tmp_path
):
    for number in range(4):
        film(tmp_path / f"films/{number}.mp4", [("red", 3.0 + number), ("blue", 3.0)])
    program = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from conftest import Colours; import dataclasses, torch\n"
        "from actionclip.archive import index\n"
        "from actionclip.archive.archive import Archive\n"
        "from actionclip.model.actionclip import ActionCLIP\n"
        "from actionclip.model.config import ModelConfig\n"
        "from actionclip.recognizer import Recognizer\n"
        "if __name__ == '__main__':\n"
        "    index.SETTLE_SECONDS = 0.0; torch.manual_seed(0)\n"
        "    model = ActionCLIP(ModelConfig('colours', num_frames=4), Colours())\n"
        "    model.logit_scale.data.fill_(3.0)\n"
        "    model.calibration = dataclasses.replace(\n"
        "        model.calibration, margin=0.0, temperature=1.5)\n"
        "    def show(progress): print(progress.hours, flush=True)\n"
        "    Archive.open(sys.argv[2], Recognizer(model)).index([sys.argv[3]], on_progress=show)\n"
    )
    arguments = [sys.executable, "-c", program, str(Path(__file__).parent)]
    arguments += [str(tmp_path / "archive"), str(tmp_path / "films")]
    for num_lines in (2, 5):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            for _ in range(num_lines):
                assert process.stdout.readline()
            time.sleep(0.05)
            os.killpg(process.pid, signal.SIGKILL)
    Archive.open(tmp_path / "archive", archive.recognizer, decoder=decoder).index(
        [tmp_path / "films"]
    )
    fresh = Archive.open(tmp_path / "fresh", make_recognizer(), decoder=decoder)
    fresh.index([tmp_path / "films"])
    assert rows(archive) == rows(fresh)


def test_files_are_replaced_by_their_path(archive, tmp_path):
    one = File(tmp_path / "a.mp4", "x", 1, 2, 3.0, "indexed")
    archive.tables.put_files([one])
    archive.tables.put_files([File(tmp_path / "a.mp4", "y", 1, 2, 3.0, "failed", "why")])
    (file,) = archive.tables.files()
    assert (file.video, file.state, file.error) == ("y", "failed", "why")
