"""Data sets are made on the spot: every video in them is the same two seconds."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

Place = Callable[..., None]


@pytest.fixture
def place_videos(tmp_path: Path, moving_square: Path) -> Place:
    """Put the video at each of these paths in the test's folder."""
    content = moving_square.read_bytes()

    def place(*paths: str) -> None:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)

    return place


@pytest.fixture
def place_frames(tmp_path: Path, moving_square: Path) -> Place:
    """Put the first frames of the video into a folder as pictures, numbered from `first`."""

    def place(folder: str, template: str, first: int = 1, num_frames: int = 5) -> None:
        (tmp_path / folder).mkdir(parents=True)
        with av.open(str(moving_square)) as video:
            for number, frame in zip(range(num_frames), video.decode(video=0), strict=False):
                frame.save(str(tmp_path / folder / template.format(first + number)))

    return place


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file into the test's folder."""

    def write(path: str, text: str) -> Path:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
        return tmp_path / path

    return write
