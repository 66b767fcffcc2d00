"""A table (CSV, TSV or Parquet, one clip a row) becomes examples; and examples become a CSV.

`path,label` and, if wanted, `start,end` (seconds), `split` (train, val, test) and `group`
(near-copies that a drawn split keeps together). Several labels are separated by `|`. Paths are
relative to the table's folder. A column of notes begins with `#` (`#licence`); any other name is
taken for a mistake, because a misspelt `split` would silently put test clips into training.
"""

from __future__ import annotations

import csv
import difflib
import io
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from actionclip.data import frame_folders, paths
from actionclip.data.annotations import SPLITS, Annotations, Example, Split, split_named
from actionclip.data.problems import Problems, read_text

COLUMNS = ("path", "label", "start", "end", "split", "group")
SUFFIXES = (".csv", ".tsv", ".parquet")
SEPARATOR = "|"
"""Between several labels of a clip."""

_logger = logging.getLogger(__name__)

Row = tuple[str, Mapping[str, str]]
"""Where it stands ("clips.csv:12"), and its cells by column."""


def read(
    table: Path, videos: Path, problems: Problems, split: Split | None = None
) -> tuple[list[Example], bool]:
    """Read a table; also say whether it names its splits (if not, all examples are in train).

    Args:
        table: the file.
        videos: the folder that its paths are relative to.
        problems: gets what is wrong with it.
        split: that of a table without such a column, if its name tells.
    """
    rows = list(read_rows(table))
    if not rows:
        problems.add(str(table), "the table has no row below its header; add clips")
        return [], split is not None
    header = rows[0][1]
    mistakes = _mistakes_of_header(header)
    for mistake in mistakes:
        problems.add(f"{table}:1", mistake)
    if mistakes:
        return [], False
    examples = []
    for source, cells in rows:
        try:
            examples.append(_example(source, cells, videos, split))
        except ValueError as mistake:
            problems.add(source, str(mistake))
    return examples, split is not None or "split" in header


def read_rows(table: Path) -> Iterator[Row]:
    """Read the rows of any table, whatever its columns; each knows its line.

    Raises:
        ValueError: it is not such a table at all: another encoding, a row of another length.
        ImportError: it is Parquet, and pyarrow is not installed.
    """
    return _read_parquet(table) if table.suffix.lower() == ".parquet" else _read_csv(table)


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


def _mistakes_of_header(columns: Mapping[str, str]) -> list[str]:
    mistakes = [
        f"there is no column {name!r}; the header is {','.join(columns)}"
        for name in ("path", "label")
        if name not in columns
    ]
    for name in columns:
        if name in COLUMNS or name.startswith("#"):
            continue
        close = difflib.get_close_matches(name.lower(), COLUMNS, n=1, cutoff=0.7)
        advice = f"did you mean {close[0]!r}?" if close else f"if it is a note, call it '#{name}'."
        mistakes.append(f"unknown column {name!r}; {advice} Known are {', '.join(COLUMNS)}")
    return mistakes


def _example(source: str, cells: Mapping[str, str], videos: Path, split: Split | None) -> Example:
    """Make an example of a row.

    Raises:
        ValueError: a cell says what cannot be.
    """
    if not cells["path"]:
        raise ValueError("the path is empty; name a video or remove the row")
    labels = tuple(label.strip() for label in cells["label"].split(SEPARATOR))
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
    video = paths.inside(videos, cells["path"])
    return Example(
        video,
        labels,
        split or "train",
        source,
        start_seconds=start,
        end_seconds=end,
        group=cells.get("group") or None,
        frames=frame_folders.describe(video) if video.is_dir() else None,
    )


def _seconds(cells: Mapping[str, str], column: str) -> float | None:
    written = cells.get(column, "")
    if not written:
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"the {column} {written!r} is not a time; write seconds, such as 12.5")
    return seconds


def _read_csv(table: Path) -> Iterator[Row]:
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(read_text(table)), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            source = f"{table}:{reader.line_num}"
            if not any(cells):
                continue
            cells = [cell.strip() for cell in cells]
            if header is None:
                header = cells
                if len(set(header)) < len(header):
                    raise ValueError(f"{source}: two columns have the same name; rename one")
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{source}: {len(cells)} cells under {len(header)} columns;"
                    ' put a cell that holds a comma in "quotes"'
                )
            yield source, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise ValueError(f"{table}:{reader.line_num}: not a table ({error})") from error


def _read_parquet(table: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f"{table}: Parquet needs pyarrow; pip install 'actionclip[parquet]', or write a CSV"
        ) from error
    for number, cells in enumerate(parquet.read_table(table).to_pylist(), start=1):
        yield f"{table}:row {number}", {name: _as_text(cell) for name, cell in cells.items()}


def _as_text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return SEPARATOR.join(map(str, cell))
    return str(cell).strip()
