import json
import shutil
import sys
from pathlib import Path

import pytest

from actionclip.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return ending.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def folder(moving_square: Path, tmp_path: Path) -> Path:
    """Two labels with three videos each, all different."""
    for label in ("moving_to_the_right", "standing still"):
        for number in range(3):
            video = tmp_path / "data" / label / f"{number}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(moving_square, video)
            with video.open("ab") as file:
                file.write(f"{label}{number}".encode())
    return tmp_path / "data"


def test_check_shows_counts_and_ends_well(run, folder):
    status, out, _ = run("check", folder)
    assert status == 0
    assert "moving to the right" in out
    assert "Nothing here would break a training" in out


def test_check_of_broken_data_ends_with_status_1_and_names_the_file(run, folder):
    (folder / "standing still" / "1.mp4").write_text("no video")
    status, out, _ = run("check", folder, "--json")
    document = json.loads(out)
    assert status == 1
    assert document["ok"] is False
    assert [Path(path).name for path in document["unreadable"]] == ["1.mp4"]


def test_convert_writes_a_table_that_reads_as_the_same_data(run, folder):
    status, _, err = run("convert", folder, folder / "all.csv")
    assert (status, "6 examples" in err) == (0, True)
    before, after = (
        json.loads(run("check", data, "--json")[1]) for data in (folder, folder / "all.csv")
    )
    assert after["counts"] == before["counts"]


def test_missing_data_gets_one_line_and_status_2(run, tmp_path):
    status, out, err = run("check", tmp_path / "nowhere")
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert "nowhere" in err


@pytest.mark.slow
def test_stick_figures_are_made_and_checked(run, tmp_path):
    folder = tmp_path / "figures"
    status, _, err = run("make", "stick-figures", folder, "--clips-per-action", 3)
    assert (status, "48 clips" in err) == (0, True)
    assert json.loads(run("check", folder, "--json")[1])["ok"] is True


def test_stick_pictures_are_made_and_checked(run, tmp_path):
    folder = tmp_path / "pictures"
    status, _, err = run("make", "stick-pictures", folder, "--pictures", 6)
    assert (status, "6 pictures" in err) == (0, True)
    assert json.loads(run("check", folder / "annotations.csv", "--json")[1])["ok"] is True


def test_a_folder_that_is_not_empty_is_left_alone(run, folder):
    before = sorted(folder.rglob("*"))
    status, _, err = run("make", "stick-figures", folder)
    assert status == 2
    assert "not an empty folder" in err
    assert sorted(folder.rglob("*")) == before
