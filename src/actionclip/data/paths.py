"""The names of videos in annotation files become paths of files in the data folder.

Annotation files name a video by its path, by its path on the computer of their author, or by its
name without folder or extension. They come from others, so they must not lead out of the data
folder: neither by `..`, nor as an absolute path, nor through a link.
"""

from __future__ import annotations

import functools
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from actionclip.data.annotations import FrameFolder
from actionclip.video import files

PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp"))
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\.(jpg|jpeg|png|webp|bmp))", re.I)
_FLOW = re.compile(r"flow|^[xyuv]_", re.I)


class Locator:
    """Finds the videos that annotation files name; lists the data folder once, when needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._found: dict[tuple[str, Path | None], Path] = {}
        self._relative_to: dict[Path | None, Sequence[Path]] = {}

    def find(self, written: str, beside: Path | None = None) -> Path:
        """Return the video with a path or name.

        Args:
            written: as an annotation file writes it.
            beside: the folder of this file; paths can be relative to it or to `data/` in it.
        """
        key = written, beside
        if key not in self._found:
            self._found[key] = self._find(written.replace("\\", "/"), beside)
        return self._found[key]

    def find_named(self, *names: str) -> Path | None:
        """Return the only video with one of these names, in any folder and with any extension.

        Of several videos, the only one in the folder that the name gives: "run/a.mp4". Names can
        begin with "v_" here and not there, as those of ActivityNet do.
        """
        for name in names:
            folder, _, own = name.rpartition("/")
            for stem in (own, f"v_{own}", own.removeprefix("v_"), Path(own).stem):
                found = self._videos.get(stem, ())
                if len(found) > 1:
                    found = [video for video in found if video.parent.name == folder]
                if len(found) == 1:
                    return found[0]
        return None

    def exists(self, written: str, beside: Path | None = None) -> bool:
        """Return whether `find` finds a video."""
        try:
            self.find(written, beside)
        except ValueError:
            return False
        return True

    def _find(self, written: str, beside: Path | None) -> Path:
        for folder in self._folders(beside):
            ending = _existing_end(folder, written)
            if (folder / ending).exists():
                is_root = folder == self.root
                inside(self.root, ending if is_root else str((folder / ending).absolute()))
                return folder / ending
        return self._by_name(written) or inside(self.root, _existing_end(self.root, written))

    def _folders(self, beside: Path | None) -> Sequence[Path]:
        """Return the folders in the root that paths can be relative to."""
        if beside not in self._relative_to:
            inner = [beside, beside / "data"] if beside else []
            is_inside = beside and beside.resolve().is_relative_to(self.root.resolve())
            self._relative_to[beside] = [self.root, *inner] if is_inside else [self.root]
        return self._relative_to[beside]

    def _by_name(self, written: str) -> Path | None:
        """Find a video in another container, or under its name without the folder."""
        path = Path(written)
        stem = path.stem if files.is_named_like_a_video(path) else path.name
        if ".." in path.parts or not stem:
            return None
        if path.name != stem and (self.root / path.parent / stem).is_dir():  # its frames
            return inside(self.root, str(path.parent / stem))
        found = [*self._videos.get(stem, ()), *self._frame_folders.get(path.name, ())]
        if path.parent.name:
            found = [video for video in found if video.parent.name == path.parent.name]
        return found[0] if len(found) == 1 else None

    @functools.cached_property
    def _videos(self) -> Mapping[str, Sequence[Path]]:
        """All videos by their names without the extension."""
        found: dict[str, list[Path]] = defaultdict(list)
        others: list[Path] = []
        for folder, _, names in walk(self.root):
            for path in (folder / name for name in names):
                is_video = files.is_named_like_a_video(path)
                (found[path.stem] if is_video else others).append(path)
        files.warn_of_others(self.root, others)
        return found

    @functools.cached_property
    def _frame_folders(self) -> Mapping[str, Sequence[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for folder, subfolders, names in walk(self.root):
            if are_frames(subfolders, names):
                found[folder.name].append(folder)
        return found


def inside(root: Path, written: str) -> Path:
    """Return a path relative to `root`."""
    path = root / written
    if not os.path.realpath(path).startswith(_real_folder(root.absolute())):
        raise ValueError(
            f"the path {written!r} leads out of the data folder {root};"
            " move the file into it, or name the folder that holds all videos"
        )
    if not path.exists():
        raise ValueError(f"there is no video at {written!r} in {root}; correct or remove the row")
    return path


@functools.lru_cache(maxsize=1)  # a list has a hundred thousand paths and one root
def _real_folder(root: Path) -> str:
    return os.path.join(os.path.realpath(root), "")  # noqa: PTH118  # ends in one slash, "/" too


def _existing_end(root: Path, written: str) -> str:
    """Return the longest end of an absolute path that exists below `root`, else the path."""
    path = Path(written)
    if not path.is_absolute() or path.is_relative_to(root):
        return written
    ends = (str(Path(*path.parts[i:])) for i in range(1, len(path.parts)))
    return next((end for end in ends if (root / end).exists()), written)


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder below `root` with the sorted names of its folders and of its files.

    Links are followed, but each folder is entered only once: a link can lead back up.
    """
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not is_hidden(name))
        yield Path(folder), subfolders, sorted(name for name in names if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Return whether a file belongs to a system; `__` alone can begin an id of YouTube."""
    return name.startswith(".") or name in ("__MACOSX", "__pycache__")


def are_frames(subfolders: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a folder with this content holds frames: pictures, no video, no folder."""
    suffixes = {Path(name).suffix.lower() for name in names}
    return not subfolders and not suffixes & files.SUFFIXES and bool(suffixes & PICTURES)


def describe_frames(folder: Path) -> FrameFolder:
    """Find out how the frames in a folder are named, the first number, and their number.

    Pictures of optical flow (`flow_x_00001.jpg`) beside the frames are ignored.

    Raises:
        ValueError: there are none, frames are missing between others, or there are several kinds.
    """
    numbers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in folder.iterdir():
        match = _NUMBERED.fullmatch(entry.name)
        if match and not _FLOW.search(match["before"]):
            numbers[match["before"], match["after"]].append(match["number"])
    if not numbers:
        raise ValueError(f"{folder}: no numbered pictures such as img_00001.jpg in the folder")
    if len(numbers) > 1:
        kinds = ", ".join(f"{before}…{after}" for before, after in sorted(numbers))
        raise ValueError(f"{folder}: pictures of several kinds ({kinds}); keep one kind a folder")
    [((before, after), written)] = numbers.items()
    values = sorted(map(int, written))
    first, last = values[0], values[-1]
    if len(values) != last - first + 1:
        missing = min(set(range(first, last)) - set(values), default=first)
        raise ValueError(f"{folder}: frame {missing} is missing; extract the frames again")
    width = min(map(len, written))
    number = f"{{:0{width}d}}" if width > 1 else "{:d}"
    before, after = (part.replace("{", "{{").replace("}", "}}") for part in (before, after))
    return FrameFolder(f"{before}{number}{after}", first, len(values))
