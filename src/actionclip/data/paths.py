"""Paths that a list writes down become paths of files that lie in the data folder.

Lists come from others, so what they write must not lead out of the folder: neither by `..`, nor as
an absolute path, nor through a link.
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


def inside(root: Path, written: str) -> Path:
    """Give the path that is written, seen from `root`.

    Raises:
        ValueError: it leads out of `root`, or nowhere.
    """
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


def end_in(root: Path, written: str) -> str:
    """Give the longest end of an absolute path that exists below `root`; else what is written."""
    parts = Path(written).parts
    if not Path(written).is_absolute() or Path(written).is_relative_to(root):
        return written
    ends = (str(Path(*parts[i:])) for i in range(1, len(parts)))
    return next((end for end in ends if (root / end).exists()), written)


def videos_by_stem(root: Path) -> Mapping[str, Sequence[Path]]:
    """Find every video below `root`, whatever folders it lies in, by its name without the ending.

    Benchmarks name their videos uniquely; where people put them, and in which container, differs.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    others: list[Path] = []
    for folder, _, names in walk(root):
        for name in names:
            path = folder / name
            if files.is_named_like_a_video(path):
                found[path.stem].append(path)
            else:
                others.append(path)
    files.warn_of_others(root, others)
    return found


def frame_folders_by_name(root: Path) -> Mapping[str, Sequence[Path]]:
    """Find every folder below `root` that holds the frames of one video, by its name."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder, subfolders, names in walk(root):
        if are_frames(subfolders, names):
            found[folder.name].append(folder)
    return found


def are_frames(subfolders: Sequence[str], names: Sequence[str]) -> bool:
    """Say whether a folder with this content holds frames: pictures, and no video and no folder."""
    suffixes = {Path(name).suffix.lower() for name in names}
    return not subfolders and not suffixes & files.SUFFIXES and bool(suffixes & PICTURES)


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Give each folder below `root` with the sorted names of its folders and of its files.

    Links are followed, and each folder is entered once: a link can lead back up.
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
    """Say whether a name is that of a system's own file; `__` can begin an id of YouTube."""
    return name.startswith(".") or name in ("__MACOSX", "__pycache__")


def the_one(found: Sequence[Path], folder_name: str) -> Path | None:
    """Choose among videos of the same name: the only one, or the only one in such a folder."""
    if len(found) > 1:
        found = [path for path in found if path.parent.name == folder_name]
    return found[0] if len(found) == 1 else None


def describe_frames(folder: Path) -> FrameFolder:
    """Say how the frames in a folder are named, where the numbers begin, and how many there are.

    Pictures of optical flow (`flow_x_00001.jpg`) beside the frames are passed over.

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
    values = sorted(int(number) for number in written)
    first, last = values[0], values[-1]
    if len(values) != last - first + 1:
        missing = min(set(range(first, last)) - set(values), default=first)
        raise ValueError(f"{folder}: frame {missing} is missing; extract the frames again")
    width = min(map(len, written))
    number = f"{{:0{width}d}}" if width > 1 else "{:d}"
    before, after = (part.replace("{", "{{").replace("}", "}}") for part in (before, after))
    return FrameFolder(f"{before}{number}{after}", first, len(values))
