"""Which files are videos: told by the ending of their names, nothing is opened."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)


def is_named_like_a_video(path: Path) -> bool:
    """Say whether a name ends like a video, such as .mp4 or .avi."""
    return path.suffix.lower() in SUFFIXES


def find(place: Path) -> list[Path]:
    """Give the videos of a folder and the folders in it, sorted by path; a file is itself.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the folder holds no video.
    """
    if not place.is_dir():
        if not place.exists():
            raise FileNotFoundError(f"{place}: no such file or folder; check the path")
        return [place]
    videos = sorted(path for path in place.rglob("*") if is_named_like_a_video(path))
    if not videos:
        endings = " ".join(sorted(SUFFIXES))
        raise ValueError(f"{place}: the folder holds no video (no file that ends in {endings})")
    return videos
