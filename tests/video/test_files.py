import logging
from pathlib import Path

import pytest

from actionclip.video import files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("name", ["a.VOB", "a.3g2", "a.divx", "a.dav", "a.mxf", "a.rmvb", "a.H265"])
def test_videos_of_cameras_discs_and_phones_are_found_whatever_the_case(tmp_path, name):
    touch(tmp_path, name)
    assert files.find(tmp_path) == [tmp_path / name]


def test_what_could_be_a_video_and_is_left_out_is_named_once(tmp_path, caplog):
    touch(tmp_path, "a.mp4", "b.webp", "sub/c.xyz", "d.mp4.part", "e.avif")
    with caplog.at_level(logging.WARNING):
        assert files.find(tmp_path) == [tmp_path / "a.mp4"]
    [record] = caplog.records
    assert "4 files are left out" in record.message
    assert "b.webp, d.mp4.part, e.avif, …" in record.message


def test_text_pictures_sound_and_hidden_files_are_not_worth_a_word(tmp_path, caplog):
    touch(tmp_path, "a.mp4", "b.txt", "c.JPG", "d.json", "e.mp3", ".DS_Store", "README", "f.srt")
    assert files.find(tmp_path) == [tmp_path / "a.mp4"]
    assert caplog.records == []
