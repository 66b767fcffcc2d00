"""Tables (CSV, TSV, Parquet, JSON, one clip a row): their columns, how they are read and written.

`path,label` and, if wanted, `start,end` (seconds), `split` (train, val, test) and `group`
(near-copies that a drawn split keeps together), or other usual names. Several labels are separated
by `|`. An unknown column is a mistake, because a misspelt `split` would silently put test clips
into training; only columns of notes (`#licence`) and those of `EXTRA` are left out.
"""

from __future__ import annotations

import csv
import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from actionclip import display
from actionclip.data.annotations import Annotations
from actionclip.data.formats.annotation_file import (
    JSON_SUFFIXES,
    SEPARATOR,
    AnnotationFile,
    Cells,
    objects_in,
)
from actionclip.data.formats.exports import is_upload, upload_paths
from actionclip.data.formats.registry import Content, Format, Row
from actionclip.data.paths import Locator
from actionclip.data.problems import Problems

_logger = logging.getLogger(__name__)

COLUMNS = ("path", "label", "start", "end", "split", "group")
"""What `write` writes."""
SUFFIXES = (".csv", ".tsv", ".parquet", *JSON_SUFFIXES)

Role = Literal["path", "label", "start", "end", "split", "group", "start_frame", "end_frame"]

_NAMES: dict[Role, str] = {
    "path": "path file_name filename file filepath file_path video_path clip_path video_file"
    " video_name clip_name video clip relative_path rel_path path_to_video media uri video_id"
    " clip_id vid name id",
    "label": "label label_name labels class_name class classes action_name action actions category"
    " category_name activity action_label target gesture sign gloss verb_noun choice tag tags"
    " caption text",
    "start": "start start_time start_seconds start_sec start_s t_start begin begin_time time_start"
    " onset from",
    "end": "end end_time end_seconds end_sec end_s t_end stop stop_time time_end to",
    "split": "split subset partition set phase",
    "group": "group subject person actor performer participant signer",
    "start_frame": "start_frame first_frame begin_frame frame_start",
    "end_frame": "end_frame last_frame stop_frame frame_end",
}
NAMES: Mapping[Role, Sequence[str]] = {role: names.split() for role, names in _NAMES.items()}
"""The names of columns by role; of several columns of one role, the first in this order counts."""

_EXTRA = (
    "index idx row fps frame_rate framerate width height resolution size seconds duration"
    " duration_seconds length num_frames n_frames nframes frame_count frames total_frames codec"
    " format source url license licence md5 sha1 sha256 checksum youtube_id label_id class_id"
    " label_idx class_idx class_index label_index action_id category_id description comment"
    " comments note notes annotator confidence author date created_at updated_at annotation_id"
    " lead_time quality camera view scene age gender is_cc n unnamed:_0"
)
EXTRA = frozenset(("", *_EXTRA.split()))
"""Columns about the video and not about its actions; the index of pandas has no name."""

_INTEGER_OF_PANDAS = re.compile(r"\A(\d+)\.0\Z")

Roles = Mapping[Role, str]
"""The column of each role, as the header writes it."""


def is_complete(file: AnnotationFile) -> bool:
    """Return whether a table has columns of paths and labels."""
    return bool(file.rows) and {"path", "label"} <= _roles_of(list(file.rows[0][1])).keys()


def has_header(cells: Sequence[str]) -> bool:
    """Return whether the first line of a table names its columns."""
    known = {*NAMES["path"], *NAMES["label"]}
    return any(_plain(cell) in known for cell in cells) and not any(map(str.isdecimal, cells))


def _read(file: AnnotationFile, _videos: Locator) -> Content:
    """Read a table."""
    problems = Problems()
    if not file.rows:
        problems.add(str(file.path), "the table has no row below its header; add clips")
        problems.raise_if_any()
    header = list(file.rows[0][1])
    roles = _roles_of(header)
    for mistake in _mistakes_in(header, roles):
        problems.add(f"{file.path}:1", mistake)
    problems.raise_if_any()
    roles = _with_words(roles, header, [cells for _, cells in file.rows])
    used = ", ".join(
        role if name == role else f"{role} in {name!r}" for role, name in roles.items()
    )
    unused = [repr(name) for name in header if name not in roles.values() and name[:1] != "#"]
    note = f" with {used}" + (f"; not used: {', '.join(unused)}" if unused else "")

    def parse(cells: Cells) -> list[Row]:
        return [_row({role: cells[name] for role, name in roles.items()})]

    return Content(file.rows, parse, note=note)


def _roles_of(header: Sequence[str]) -> Roles:
    written = {_plain(name): name for name in header}
    roles: dict[Role, str] = {}
    for role, names in NAMES.items():
        if found := [name for name in names if name in written]:
            roles[role] = written[found[0]]
    return roles


def _mistakes_in(header: Sequence[str], roles: Roles) -> list[str]:
    """Return a sentence for each mistake in a header."""
    mistakes = [
        f"there is no column {role!r}; the header is {','.join(header)}"
        for role in ("path", "label")
        if role not in roles
    ]
    for name in header:
        plain = _plain(name)
        if name in roles.values() or name.startswith("#") or plain in EXTRA:
            continue
        if plain in (*NAMES["path"], *NAMES["label"]):
            continue
        if any(plain in names for names in NAMES.values()):
            mistakes.append(
                f"two columns tell the same ({name!r}); remove one, or call it '#{name}'"
            )
            continue
        close = difflib.get_close_matches(plain, NAMES, 1, cutoff=0.7)
        advice = f"did you mean {close[0]!r}?" if close else f"if it is a note, call it '#{name}'."
        mistakes.append(f"unknown column {name!r}; {advice} Known are {', '.join(NAMES)}")
    return mistakes


def _with_words(roles: Roles, header: Sequence[str], rows: Sequence[Cells]) -> Roles:
    """Take the labels from a column of words, if the first one holds numbers."""
    if all(row[roles["label"]].isdecimal() for row in rows):
        for name in header:
            is_spare = name not in roles.values() and _plain(name) in (*NAMES["label"], "name")
            if is_spare and any(row[name] and not row[name].isdecimal() for row in rows):
                return {**roles, "label": name}
    return roles


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _row(cells: Mapping[Role, str]) -> Row:
    if not cells["path"]:
        raise ValueError("the path is empty; name a video or remove the row")
    written = [label.strip() for label in cells["label"].split(SEPARATOR)]
    labels = [_INTEGER_OF_PANDAS.sub(r"\1", label) for label in written]  # 1.0
    if any(label.startswith("{") for label in labels):
        raise ValueError(f"the label {labels[0]!r} is an object; write the action in words")
    has_frames = cells.get("start_frame") or cells.get("end_frame")
    return Row(
        upload_paths(cells["path"]) if is_upload(cells["path"]) else cells["path"],
        labels,
        split=cells.get("split"),
        start=cells.get("start"),
        end=cells.get("end"),
        first_frame=_frame(cells, "start_frame") if has_frames else None,
        last_frame=_frame(cells, "end_frame") if has_frames else None,
        group=cells.get("group") or None,
    )


def _frame(cells: Mapping[Role, str], column: Role) -> int | None:
    written = cells.get(column, "")
    if written and not written.isdecimal():
        raise ValueError(f"the {column} {written!r} is not the number of a frame; correct it")
    return int(written) if written else None


def write(annotations: Annotations, table: Path, videos: Path | None = None) -> None:
    """Write a CSV that can be read again; examples without a label are left out.

    Args:
        annotations: what to write.
        table: the file.
        videos: the folder that its paths are relative to; by default the table's own.
    """
    root = (videos or table.parent).resolve()
    rows = []
    for example in annotations.examples:
        if not example.labels:
            _logger.warning("%s is left out: it has no label", example.source)
            continue
        if any(SEPARATOR in label for label in example.labels):
            raise ValueError(f"{example.source}: a label holds {SEPARATOR!r}; rename it")
        video = example.video.resolve()
        if display.writable(str(video)) != str(video):
            raise ValueError(
                f"{example.video}: its name is not UTF-8, which a table cannot hold; rename it"
            )
        if not video.is_relative_to(root):
            raise ValueError(
                f"{example.video}: not in {root}, which {table.name} is relative to; "
                "write it where the videos are"
            )
        start, end = (
            "" if seconds is None else f"{seconds:g}"
            for seconds in (example.start_seconds, example.end_seconds)
        )
        labels, group = SEPARATOR.join(example.labels), example.group or ""
        rows.append((video.relative_to(root).as_posix(), labels, start, end, example.split, group))
    used = [i for i, _ in enumerate(COLUMNS) if i < 2 or any(row[i] for row in rows)]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([row[i] for i in used] for row in (COLUMNS, *rows))


def _detects(file: AnnotationFile) -> bool:
    return file.suffix not in JSON_SUFFIXES or bool(objects_in(file.json))


FORMATS = [
    Format("table", "table", SUFFIXES, _detects, _read, lambda f: _detects(f) and is_complete(f))
]
