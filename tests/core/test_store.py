import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from actionclip.cli import main
from actionclip.core import store
from actionclip.core.store import Store

MADE_BY = {"weights": "abc"}


def tensors(value: float, size: int = 256) -> dict[str, torch.Tensor]:
    return {"features": torch.full((size,), float(value))}


def test_an_entry_comes_back_and_another_models_is_another(tmp_path):
    Store("features", MADE_BY, tmp_path).put("ab", tensors(1), {"about": "it"})
    again = Store("features", MADE_BY, tmp_path)
    assert torch.equal(again.get("ab")["features"], tensors(1)["features"])
    assert again.metadata("ab")["about"] == "it"
    assert Store("features", {"weights": "other"}, tmp_path).get("ab") is None
    assert Store("prompts", MADE_BY, tmp_path).get("ab") is None


def test_threads_that_write_the_same_entries_do_not_disturb_each_other(tmp_path, caplog):
    def write_and_read(number: int) -> bool:
        entries = Store("features", MADE_BY, tmp_path)
        name = f"{number % 5:02d}"
        return entries.put(name, tensors(number % 5)) and entries.get(name) is not None

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(write_and_read, range(200)))
    assert caplog.records == []
    assert Store("features", MADE_BY, tmp_path).names() == ["00", "01", "02", "03", "04"]


def test_processes_that_write_the_same_entries_do_not_disturb_each_other(tmp_path):
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        import torch
        from actionclip.core.store import Store
        for number in range(100):
            entries = Store("features", {"weights": "abc"}, Path(sys.argv[1]), limit=20_000)
            written = entries.put(f"{number % 5:02d}", {"features": torch.full((256,), 1.0)})
            entries.get(f"{number % 7:02d}")
            assert written
    """)
    command = [sys.executable, "-c", program, tmp_path]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    assert not list(tmp_path.rglob(".unfinished*"))


def test_the_least_recently_used_entries_are_removed_first(tmp_path):
    entries = Store("features", MADE_BY, tmp_path, limit=10_000)
    for number in range(6):  # each more than a kilobyte
        entries.put(f"{number:02d}", tensors(number))
        two_days_ago = time.time() - 2 * 86400 + number
        os.utime(entries.path(f"{number:02d}"), (two_days_ago, two_days_ago))
    assert entries.get("00") is not None  # it is used now
    for number in range(6, 10):
        entries.put(f"{number:02d}", tensors(number))
    names = entries.names()
    assert "00" in names
    assert "01" not in names
    assert "09" in names
    assert sum(store.usage(tmp_path, kind).num_bytes for kind in store.KINDS) <= 10_000


def test_what_one_model_made_goes_for_what_another_one_makes(tmp_path):
    old = Store("features", {"weights": "old"}, tmp_path, limit=4_000)
    for number in range(3):
        old.put(f"{number:02d}", tensors(number))
        os.utime(old.path(f"{number:02d}"), (0, 0))
    new = Store("prompts", MADE_BY, tmp_path, limit=4_000)
    for number in range(3):
        new.put(f"{number:02d}", tensors(number))
    assert old.names() == []
    assert len(new.names()) >= 2


def test_writing_an_entry_does_not_write_another_one(tmp_path):
    entries = Store("features", MADE_BY, tmp_path)
    entries.put("00", tensors(0))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    entries.put("01", tensors(1))
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


@pytest.mark.parametrize("value", ["many", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, value):
    monkeypatch.setenv("ACTIONCLIP_CACHE_GB", value)
    with pytest.raises(ValueError, match=r"ACTIONCLIP_CACHE_GB.*not a number above 0"):
        Store("features", MADE_BY)


def test_the_folder_follows_the_standard_for_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.default_folder() == tmp_path / "actionclip"
    for ignored in ("relative/folder", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert store.default_folder() == Path.home() / ".cache" / "actionclip"


def test_without_a_home_nothing_is_written_and_the_reason_is_given(monkeypatch, caplog):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(store, "_warned_of", set())

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert not Store("features", MADE_BY).put("00", tensors(0))
    assert "there is no home folder for the cache" in caplog.text


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["actionclip", "cache", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    assert not ending.value.code


def test_the_command_shows_place_and_size_and_empties_the_cache(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Store("features", MADE_BY).put("00", tensors(0, 2048))
    (tmp_path / "actionclip" / "mine.txt").write_text("not of the cache")
    run(monkeypatch)
    shown = capsys.readouterr().out
    assert f"{tmp_path / 'actionclip'}: 8." in shown
    assert "of at most 20 GB" in shown
    run(monkeypatch, "clear")
    assert Store("features", MADE_BY).get("00") is None
    run(monkeypatch, "--json")
    assert '"bytes": 0' in capsys.readouterr().out
    assert (tmp_path / "actionclip" / "mine.txt").exists()
