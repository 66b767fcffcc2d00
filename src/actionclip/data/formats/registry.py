"""The registry of annotation formats, and what a format consists of.

A format detects its files by name, header or structure, and reads a file into entries and a
function that parses one of them into rows. Everything else is the same for all formats
(`examples`): videos are located, splits, times and labels are checked, mistakes are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actionclip.data.formats.annotation_file import AnnotationFile
from actionclip.data.paths import Locator


@dataclass(frozen=True, slots=True)
class Row:
    """One clip as an annotation file names it."""

    video: str | Sequence[str] = ()
    """The path as it is written; of several, the first that exists."""
    labels: Sequence[str] = ()
    names: Sequence[str] = ()
    """Names that the video can have in any folder (`Locator.find_named`), tried before the path."""
    split: str | None = None
    """As it is written. None: the split of the file, or train."""
    start: float | str | None = None
    """In seconds. None: from the beginning."""
    end: float | str | None = None
    """In seconds. None: to the end."""
    first_frame: int | None = None
    """Instead of `start`, counted from 0."""
    last_frame: int | None = None
    num_frames: int | None = None
    """The number of frames of a frame folder, if the file tells it."""
    group: str | None = None
    """Near-copies (a person, a recording) have the same; a drawn split keeps them together."""


@dataclass(frozen=True)
class Content:
    """The content of an annotation file."""

    entries: Iterable[tuple[str, Any]]
    """Pairs of a source for messages ("clips.csv:12") and what stands there."""
    parse: Callable[[Any], Iterable[Row]]
    """Returns the rows of an entry; a `ValueError` is reported with the source."""
    labels: Sequence[str] = ()
    """The labels in the order of their indices, if the format has such a list."""
    note: str = ""
    """What a person should know of how it was read, such as ", fold 1 of 3"."""


@dataclass(frozen=True)
class Format:
    """An annotation format.

    Args:
        name: in `FORMATS`.
        title: for messages: "Kinetics lists".
        suffixes: the extensions of its files, in lower case: (".json",).
        detects: returns whether a file with one of these extensions has this format.
        read: reads a file; the `Locator` finds videos, should the layout depend on them.
        detects_in_folder: stricter than `detects`, for files in a folder that nobody named.
        is_certain: a detected file decides about its folder, whether or not it names its videos.
        allows_missing: missing videos are counted and left out, as is usual for those of the web.
        min_split_files: the number of files ("train.csv", "test.csv") from which on their names
            tell the split; 0: never.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    detects: Callable[[AnnotationFile], bool]
    read: Callable[[AnnotationFile, Locator], Content]
    detects_in_folder: Callable[[AnnotationFile], bool] | None = None
    is_certain: bool = False
    allows_missing: bool = False
    min_split_files: int = 2


FORMATS: dict[str, Format] = {}
"""All formats by name. Those that were registered last are tried first."""


def register(new: Format) -> None:
    """Add a format, so that data sets in it are detected and read.

    Raises:
        ValueError: it lacks a part, or there is a format of this name.
    """
    if not new.suffixes or not all(suffix.startswith(".") for suffix in new.suffixes):
        raise ValueError(
            f"format {new.name!r}: {new.suffixes!r} are no extensions; write them like ('.json',)"
        )
    for part in (new.detects, new.read):
        if not callable(part):
            raise ValueError(f"format {new.name!r}: {part!r} is no function; give one")
    if new.name in FORMATS or new.name == "folder":
        raise ValueError(f"format {new.name!r}: there is one of this name; choose another name")
    FORMATS[new.name] = new
