"""A table (CSV, TSV, Parquet, JSON, one clip a row) becomes examples; and examples become a CSV.

`path,label` and, if wanted, `start,end` (seconds), `split` (train, val, test) and `group`
(near-copies that a drawn split keeps together), or one of the other names in `columns`. Several
labels are separated by `|`. A column of notes begins with `#` (`#licence`).
"""

from __future__ import annotations

import csv
import logging
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from actionclip import display
from actionclip.data import paths
from actionclip.data.annotations import SPLITS, Annotations, Example, Split
from actionclip.data.formats import columns, label_studio, locator
from actionclip.data.formats.columns import Columns, Role
from actionclip.data.formats.locator import Locator
from actionclip.data.formats.rows import SEPARATOR, Row, read_rows
from actionclip.data.problems import Problems
from actionclip.data.split_names import split_named

COLUMNS = ("path", "label", "start", "end", "split", "group")

_INTEGER_OF_PANDAS = re.compile(r"\A(\d+)\.0\Z")

_logger = logging.getLogger(__name__)


def read(tables: Mapping[Split, Path] | Path, videos: Path, problems: Problems) -> Annotations:
    """Read a table, or the tables of the splits; without splits all examples are in train.

    Args:
        tables: the file, or the file of each split.
        videos: the folder that its paths are relative to, if not to the table's own.
        problems: gets what is wrong with it.
    """
    if isinstance(tables, Path):
        examples, columns_read = read_from(read_rows(tables), tables, videos, problems, None)
        is_drawn = "split" not in columns_read.of
        return Annotations(tuple(examples), (), is_drawn, layout=_layout(str(tables), columns_read))
    examples, columns_read = [], Columns({})
    for split, path in tables.items():
        more, columns_read = read_from(read_rows(path), path, videos, problems, split)
        examples += more
    names = ", ".join(f"{path} ({split})" for split, path in tables.items())
    return Annotations(tuple(examples), (), layout=_layout(names, columns_read))


def read_from(
    rows: Iterable[Row], table: Path, videos: Path, problems: Problems, split: Split | None
) -> tuple[list[Example], Columns]:
    """Make examples of rows; also give what their columns mean."""
    rows = list(rows)
    if not rows:
        problems.add(str(table), "the table has no row below its header; add clips")
        return [], Columns({"split": "split"} if split else {})
    found, mistakes = columns.understand(list(rows[0][1]))
    for mistake in mistakes:
        problems.add(f"{table}:1", mistake)
    if mistakes:
        return [], found
    found = columns.prefer_words(found, [cells for _, cells in rows])
    where = Locator(videos, [table.parent])
    examples = []
    for source, cells in rows:
        try:
            by_role: dict[Role, str] = {role: cells[name] for role, name in found.of.items()}
            examples.append(_example(source, by_role, where, split))
        except ValueError as mistake:
            problems.add(source, str(mistake))
    return examples, found


def _layout(names: str, found: Columns) -> str:
    used = ", ".join(
        role if name == role else f"{role} in {name!r}" for role, name in found.of.items()
    )
    ignored = f"; not used: {', '.join(map(repr, found.extra))}" if found.extra else ""
    return f"table {names} with {used}{ignored}"


def write(annotations: Annotations, table: Path, videos: Path | None = None) -> None:
    """Write a CSV that `read` understands.

    Examples without a label, which a table cannot hold, are left out.

    Args:
        annotations: what to write.
        table: the file.
        videos: the folder that its paths are relative to; by default the table's own.

    Raises:
        ValueError: a video lies outside that folder, or a label holds the separator.
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
        words, group = SEPARATOR.join(example.labels), example.group or ""
        rows.append((video.relative_to(root).as_posix(), words, start, end, example.split, group))
    used = [i for i, name in enumerate(COLUMNS) if i < 2 or any(row[i] for row in rows)]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([row[i] for i in used] for row in (COLUMNS, *rows))


def _example(
    source: str, cells: Mapping[Role, str], where: Locator, split: Split | None
) -> Example:
    """Make an example of a row.

    Raises:
        ValueError: a cell says what cannot be.
    """
    if not cells["path"]:
        raise ValueError("the path is empty; name a video or remove the row")
    written = cells["label"].split(SEPARATOR)
    labels = tuple(_INTEGER_OF_PANDAS.sub(r"\1", label.strip()) for label in written)
    if any(label.startswith("{") for label in labels):
        raise ValueError(f"the label {labels[0]!r} is an object; write the action in words")
    if not all(labels):
        raise ValueError(f"the label {cells['label']!r} is empty; write the action in words")
    if "split" in cells:
        split = split_named(cells["split"])
        if split is None:
            known = ", ".join(SPLITS)
            raise ValueError(f"{cells['split']!r} is no split; write one of {known}")
    start, end = _seconds(cells, "start"), _seconds(cells, "end")
    if start is not None and end is not None and end <= start:
        raise ValueError(f"the end, {end:g} s, is not after the start, {start:g} s")
    is_upload = cells["path"].startswith(label_studio.SERVED)
    video = label_studio.find(cells["path"], where) if is_upload else where.find(cells["path"])
    example = Example(
        video,
        labels,
        split or "train",
        source,
        start_seconds=start,
        end_seconds=end,
        group=cells.get("group") or None,
        frames=paths.describe_frames(video) if video.is_dir() else None,
    )
    if cells.get("start_frame") or cells.get("end_frame"):
        first = _frame(cells, "start_frame", 0)
        last = _frame(cells, "end_frame", locator.num_frames(video) - 1)
        return locator.part_of(example, first, last)
    return example


def _frame(cells: Mapping[Role, str], column: Role, default: int) -> int:
    written = cells.get(column, "")
    if written and not written.isdecimal():
        raise ValueError(f"the {column} {written!r} is not the number of a frame; correct it")
    return int(written) if written else default


def _seconds(cells: Mapping[Role, str], column: Role) -> float | None:
    written = cells.get(column, "")
    if not written:
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(
            f"the {column} {written!r} is not a time; write seconds with a point, such as 12.5"
        )
    return seconds
