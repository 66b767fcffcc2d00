import os
import stat
import threading
from pathlib import Path

import pytest

from actionclip import atomic_write


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_threads_that_write_one_path_leave_one_whole_file_and_nothing_else(tmp_path):
    path = tmp_path / "cache.json"
    contents = [bytes([65 + number]) * 100_000 for number in range(8)]
    errors = []

    def write(content: bytes) -> None:
        try:
            for _ in range(5):
                atomic_write.write(path, content)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_bytes() in contents
    assert listing(tmp_path) == ["cache.json"]


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    atomic_write.write(path, b"old")

    def fail() -> None:
        with atomic_write.replacing(path) as unfinished:
            unfinished.write_bytes(b"half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["file"]


def test_the_longest_possible_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 255)
    atomic_write.write(path, b"content")
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_replaces_all_of_a_folder(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(atomic_write, "exchange", lambda one, other: False)
    folder = tmp_path / "best"
    for names in (["a", "b"], ["b", "c"]):
        with atomic_write.replacing(folder) as unfinished:
            unfinished.mkdir()
            for name in names:
                (unfinished / name).write_text(name)
    assert listing(folder) == ["b", "c"]
    assert listing(tmp_path) == ["best"]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_a_private_file_gets_the_permissions_of_the_umask(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    with atomic_write.replacing(tmp_path / "folder") as unfinished:
        unfinished.mkdir()
        (unfinished / "weights").touch(mode=0o600)
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (ordinary, tmp_path / "folder" / "weights")]
    assert modes[0] == modes[1]


def test_where_folders_cannot_be_opened_files_are_written_all_the_same(tmp_path, monkeypatch):
    opened = os.open

    def as_on_windows(path: Path, flags: int, *mode: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", as_on_windows)
    with atomic_write.replacing(tmp_path / "folder") as unfinished:
        unfinished.mkdir()
        (unfinished / "weights").write_bytes(b"1")
    atomic_write.write(tmp_path / "file", b"2")
    assert listing(tmp_path) == ["file", "folder"]
