import json

import numpy as np
import pytest
import torch

from actionclip.archive import index as indexing
from actionclip.archive import tables, upkeep
from actionclip.archive.windows import Window
from actionclip.cli.__main__ import build_app

WIDTH = 128


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    monkeypatch.setattr(indexing, "SETTLE_SECONDS", 0.0)


def archive_of(folder, num_windows):
    opened = tables.create(str(folder), {"model": "random", "made_by": {}}, WIDTH, 4)
    chance = np.random.default_rng(0)
    vectors = torch.from_numpy(chance.normal(size=(num_windows, WIDTH))).float()
    windows = [Window(4 * row, 4 * row + 8, vector) for row, vector in enumerate(vectors)]
    opened.add_steps("v", 0, torch.zeros(1, 4))
    opened.add_windows("v", windows, 4.0)
    opened.put_files([tables.File(folder / "v.mp4", "v", 1, 1, 60.0, "indexed")])
    return opened


def test_facts_count_content_once(archive, film, tmp_path):
    path = film(tmp_path / "films/a.mp4", [("red", 4.0)])
    (tmp_path / "films/copy.mp4").write_bytes(path.read_bytes())
    (tmp_path / "films/bad.mp4").write_bytes(b"nothing")
    archive.index([tmp_path / "films"])
    found = upkeep.info(archive.tables)
    assert (found.videos, found.failed, found.vanished) == (2, 1, 0)
    assert found.hours == pytest.approx(4.0 / 3600, rel=0.1)
    assert found.windows == archive.tables.windows.count_rows() > 0
    assert found.num_bytes > 1000


def test_who_is_forgotten_has_no_rows_unless_a_copy_needs_them(archive, film, tmp_path):
    path = film(tmp_path / "films/a.mp4", [("red", 4.0), ("blue", 4.0)])
    copy = tmp_path / "films/copy.mp4"
    copy.write_bytes(path.read_bytes())
    archive.index([path.parent])
    num_windows = archive.tables.windows.count_rows()
    path.unlink()
    archive.index([copy.parent])
    assert upkeep.forget(archive.tables) == [path]
    assert archive.tables.windows.count_rows() == num_windows
    assert upkeep.forget(archive.tables, [tmp_path / "films"]) == [copy]
    assert archive.tables.windows.count_rows() == archive.tables.frames.count_rows() == 0
    assert copy.exists()
    with pytest.raises(ValueError, match="not in the archive"):
        upkeep.forget(archive.tables, [copy])


def test_the_index_of_a_large_archive_finds_what_exact_search_finds(tmp_path, monkeypatch):
    opened = archive_of(tmp_path / "archive", 3000)
    monkeypatch.setattr(upkeep, "EXACT_ROWS", 2000)
    upkeep.compact(opened)
    assert opened.windows.list_indices()
    found = upkeep.check(opened)
    assert found.recall >= 0.9  # vectors by chance are the hardest to index
    assert (found.num_queries, found.problems) == (100, [])
    fresh = Window(0, 8, torch.ones(WIDTH))
    opened.add_windows("w", [fresh], 4.0)  # is not in the index yet
    assert opened.nearest(torch.ones(WIDTH), 1)[0].video == "w"
    upkeep.compact(opened, new_index=True)
    assert opened.nearest(torch.ones(WIDTH), 1)[0].video == "w"


def test_a_check_names_what_does_not_fit(tmp_path):
    opened = archive_of(tmp_path / "archive", 20)
    opened.add_windows("left over", [Window(0, 8, torch.ones(WIDTH))], 4.0)
    opened.put_files([tables.File(tmp_path / "gone.mp4", "gone", 1, 1, 1.0, "indexed")])
    found = upkeep.check(opened)
    assert found.recall == 1.0
    missing, left_over = found.problems
    assert "gone.mp4: its frames are missing" in missing
    assert "1 videos are left" in left_over


@pytest.fixture
def run(capsys):
    def run(*arguments):
        build_app()(["archive", *map(str, arguments)], standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_command_has_the_facts_and_upkeep(run, tmp_path):
    folder = tmp_path / "archive"
    archive_of(folder, 20)
    facts = json.loads(run("info", folder, "--json"))
    assert list(facts) == ["videos", "windows", "hours", "bytes", "model"]
    assert (facts["videos"], facts["windows"], facts["model"]) == (1, 20, "random")
    assert "recall@10 1.000 of 20 searches" in run("check", folder)
    assert "MB now" in run("compact", folder)
    assert run("forget", folder) == "0 forgotten\n"
    assert run("forget", folder, folder / "v.mp4") == "1 forgotten\n"
    assert json.loads(run("info", folder, "--json"))["windows"] == 0


def test_a_folder_without_an_archive_is_a_mistake(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no archive"):
        run("info", tmp_path / "nothing")
