"""Videos as annotation files name them become paths of files in the data folder.

Files name a video by its path, by its name without the folder or the ending, or by where it lay on
the machine of their author. Nothing outside the data folder is taken.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from actionclip.data import paths
from actionclip.data.annotations import Example, FrameFolder
from actionclip.video import files
from actionclip.video.decoder import SHARED_DECODER

_MOST_HALVINGS = 50


class Locator:
    """Finds the videos that the lines of one annotation file name."""

    def __init__(self, root: Path, folders: Iterable[Path] = ()) -> None:
        """Set up the search; nothing is read yet.

        Args:
            root: the data folder.
            folders: that paths can be relative to besides; those outside the root are left out.
        """
        self.root = root
        inside = (f for f in folders if f.resolve().is_relative_to(root.resolve()))
        self._folders = [root, *(folder for folder in inside if folder.is_dir())]

    def find(self, written: str) -> Path:
        """Give the video that is meant by a path or a name.

        Raises:
            ValueError: the path leads out of the data folder, or there is no such video.
        """
        written = written.replace("\\", "/")
        for folder in self._folders:
            ending = paths.end_in(folder, written)
            if (folder / ending).exists():
                is_root = folder == self.root
                paths.inside(self.root, ending if is_root else str((folder / ending).absolute()))
                return folder / ending
        return self._by_name(written) or paths.inside(self.root, paths.end_in(self.root, written))

    def exists(self, written: str) -> bool:
        """Say whether `find` gives a video."""
        try:
            self.find(written)
        except ValueError:
            return False
        return True

    def find_by_id(self, name: str) -> Path | None:
        """Give the video with a name, or with the name after "v_"; None if there is none."""
        for stem in (name, f"v_{name}", name.removeprefix("v_"), Path(name).stem):
            found = self._by_stem.get(stem, ())
            if len(found) == 1:
                return found[0]
        return None

    def frames_of(self, video: Path) -> FrameFolder | None:
        """Say how the pictures of a folder are named; None for a video file.

        Raises:
            ValueError: the folder holds no numbered pictures.
        """
        return paths.describe_frames(video) if video.is_dir() else None

    @functools.cached_property
    def _by_stem(self) -> Mapping[str, Sequence[Path]]:
        return paths.videos_by_stem(self.root)

    @functools.cached_property
    def _frame_folders(self) -> Mapping[str, Sequence[Path]]:
        return paths.frame_folders_by_name(self.root)

    def _by_name(self, written: str) -> Path | None:
        """Look for another container, or for a name without its folder."""
        path = Path(written)
        stem = path.stem if files.is_named_like_a_video(path) else path.name
        if ".." in path.parts or not stem:
            return None
        frames = self.root / path.parent / stem  # the list names the video that they came from
        if path.name != stem and frames.is_dir():
            return paths.inside(self.root, str(path.parent / stem))
        found = [*self._by_stem.get(stem, ()), *self._frame_folders.get(path.name, ())]
        if path.parent.name:
            found = [video for video in found if video.parent.name == path.parent.name]
        return found[0] if len(found) == 1 else None


def num_frames(video: Path) -> int:
    """Count the frames of a video, or of a folder of them.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: it cannot be read.
    """
    return (
        paths.describe_frames(video) if video.is_dir() else SHARED_DECODER.probe(video)
    ).num_frames


def part_of(example: Example, first: int, last: int) -> Example:
    """Restrict an example to some frames.

    Args:
        example: of a whole video.
        first: the number of the first frame, from 0.
        last: the number of the last frame.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: it cannot be read, or has no such frames.
    """
    if example.frames is not None:
        naming = example.frames
        available = naming.num_frames
        part = FrameFolder(naming.template, naming.first + first, last - first + 1)
        changed = dataclasses.replace(example, frames=part)
    else:
        info = SHARED_DECODER.probe(example.video)
        available = info.num_frames
        changed = example
    if not 0 <= first <= last < available:
        raise ValueError(
            f"frames {first} to {last} are not in the video, which has {available}; correct them"
        )
    if example.frames is None:
        begin, end = (_seconds_in(example.video, number) for number in (first, last))
        changed = dataclasses.replace(example, start_seconds=begin, end_seconds=end)
    return changed


def _seconds_in(video: Path, number: int) -> float:
    """Give a time at which a frame is on screen; frames can last for different times."""
    info = SHARED_DECODER.probe(video)
    low, high = info.start_seconds, info.start_seconds + info.duration_seconds
    seconds = low + (number + 0.5) / info.frame_rate
    for _ in range(_MOST_HALVINGS):
        shown = SHARED_DECODER.frames_between(video, 0.0, seconds).stop - 1
        if shown == number:
            break
        low, high = (seconds, high) if shown < number else (low, seconds)
        seconds = (low + high) / 2
    return seconds
