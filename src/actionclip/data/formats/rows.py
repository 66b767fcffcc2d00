"""Tables in any usual file become rows: CSV with any delimiter, TSV, Parquet, JSON, JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actionclip.text.text_files import read_text
from actionclip.video import files

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
SEPARATOR = "|"
"""Between several labels of a clip."""
_DELIMITERS = (",", "\t", ";", "|")
_SEP_LINE = re.compile(r"\A\s*\"?sep=.\"?\n")
"""With which Excel names its delimiter."""

Row = tuple[str, Mapping[str, str]]
"""Where it is written ("clips.csv:12"), and its cells by column."""


def read_rows(table: Path) -> Iterator[Row]:
    """Read the rows of a table with a header, whatever its columns; each knows its line.

    Raises:
        ValueError: it is no such table: another encoding, a row of another length.
        ModuleNotFoundError: it is Parquet, and pyarrow is not installed.
    """
    suffix = table.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(table)
    if suffix in (".json", ".jsonl", ".ndjson"):
        try:
            return from_objects(_objects(read_json(table)), table)
        except ValueError as error:
            if str(error).startswith(str(table)):
                raise
            raise ValueError(f"{table}: holds no list of objects; give one object a clip") from None
    return _read_csv(table)


def read_json(path: Path) -> Any:  # noqa: ANN401  what JSON holds
    """Read JSON, or JSON Lines as a list.

    Raises:
        ValueError: it is neither; the message names the line.
    """
    text = read_text(path)
    try:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = text.split("\n")
        number = error.lineno
        if path.suffix.lower() != ".json":
            number = next(
                (n for n, line in enumerate(lines, 1) if line.strip() == error.doc.strip()), 1
            )
        raise ValueError(f"{path}:{number}: not JSON ({error.msg})") from error
    except RecursionError:
        raise ValueError(f"{path}: not read, because it is nested too deeply") from None


def is_table(content: object) -> bool:
    """Say whether a JSON document can be read as rows: a list of objects, or a map of videos."""
    try:
        return bool(_objects(content))
    except ValueError:
        return False


def _objects(content: object) -> list[Mapping[str, object]]:
    """Give the rows of a JSON document.

    Raises:
        ValueError: it has none.
    """
    if isinstance(content, list) and all(isinstance(entry, Mapping) for entry in content):
        return content
    if isinstance(content, Mapping) and content:
        pairs = content.items()
        if all(files.is_named_like_a_video(Path(str(key))) for key in content):
            return [
                {"path": key, **(value if isinstance(value, Mapping) else {"label": value})}
                for key, value in pairs
            ]
        if all(isinstance(value, list) for value in content.values()):  # label: [videos]
            found = [(key, video) for key, value in pairs for video in value]
            if all(files.is_named_like_a_video(Path(str(video))) for _, video in found):
                return [{"path": video, "label": key} for key, video in found]
        inner = [value for value in content.values() if isinstance(value, list) and value]
        if len(inner) == 1:  # {"version": 1, "videos": [...]}
            return _objects(inner[0])
    raise ValueError("no list of objects")


def from_objects(entries: Sequence[Mapping[str, object]], path: Path) -> Iterator[Row]:
    """Give rows for a list of JSON objects; a key that an object lacks is an empty cell."""
    names = list(dict.fromkeys(str(name) for entry in entries for name in entry))
    for number, entry in enumerate(entries, start=1):
        cells = {name: as_text(entry.get(name)) for name in names}
        yield f"{path}:entry {number}", cells


def delimiter_of(header: str) -> str:
    """Find the delimiter of a table: the one that its first line has most of."""
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), ())))


def header_of(table: Path) -> list[str]:
    """Give the cells of the first line of a CSV, in lower case; none if it is not text."""
    try:
        lines = _SEP_LINE.sub("", read_text(table)).split("\n")
    except ValueError:
        return []
    first = next((line for line in lines if line.strip()), "")
    cells = next(csv.reader([first], delimiter=delimiter_of(first)), [])
    return [cell.strip().lower() for cell in cells]


def as_text(cell: object) -> str:
    """Give the text of a cell; several values are separated by "|"."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, Mapping):
        cell = cell["choices"] if cell.keys() == {"choices"} else json.dumps(cell)
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return SEPARATOR.join(map(str, cell))
    return str(cell).strip()


def _read_csv(table: Path) -> Iterator[Row]:
    text = _SEP_LINE.sub("\n", read_text(table))
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = "\t" if table.suffix.lower() == ".tsv" else delimiter_of(first)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            source = f"{table}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
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
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{table}: Parquet needs pyarrow; pip install 'actionclip[parquet]', or write a CSV"
        ) from error
    for number, cells in enumerate(parquet.read_table(table).to_pylist(), start=1):
        yield f"{table}:row {number}", {name: as_text(cell) for name, cell in cells.items()}
