"""An annotation file becomes text, lines, JSON or rows: CSV with any delimiter, TSV, Parquet, JSON.

Detection and reading share one `AnnotationFile`, so that its content is parsed once.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionclip.data.annotations import Split
from actionclip.text.text_files import read_text
from actionclip.video import files

SEPARATOR = "|"
"""Between several labels of a clip."""
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
_DELIMITERS = (",", "\t", ";", "|")
_SEP_LINE = re.compile(r"\A\s*\"?sep=.\"?\n")  # with which Excel names its delimiter

Cells = Mapping[str, str]


@dataclass
class AnnotationFile:
    """One file of a data set that can hold annotations; each property raises `ValueError`."""

    path: Path
    split: Split | None = None
    """The split of all its clips, if its name tells it."""
    num_labels: int | None = None
    """The number of labels in the label file of the data set, if there is one."""

    @property
    def suffix(self) -> str:
        """The extension in lower case, such as ".csv"."""
        return self.path.suffix.lower()

    @functools.cached_property
    def text(self) -> str:
        """The text, in any Unicode encoding, with one kind of line end."""
        return read_text(self.path)

    @functools.cached_property
    def lines(self) -> list[tuple[str, str]]:
        """The lines that are not empty, stripped, each with its source: "train.txt:12"."""
        lines = enumerate(self.text.split("\n"), start=1)
        return [(f"{self.path}:{number}", line.strip()) for number, line in lines if line.strip()]

    @functools.cached_property
    def json(self) -> Any:  # noqa: ANN401  what JSON holds
        """The JSON document; JSON Lines are a list."""
        parts = [(f"{self.path}", self.text)] if self.suffix == ".json" else self.lines
        content = []
        for source, part in parts:
            try:
                content.append(json.loads(part))
            except json.JSONDecodeError as error:
                line = f":{error.lineno}" if self.suffix == ".json" else ""
                raise ValueError(f"{source}{line}: not JSON ({error.msg})") from error
            except RecursionError:
                raise ValueError(f"{source}: not read, because it is nested too deeply") from None
        return content[0] if self.suffix == ".json" else content

    @functools.cached_property
    def header(self) -> list[str]:
        """The cells of the first line of a CSV, in lower case; none if the file is not text."""
        try:
            first = _first_line(_SEP_LINE.sub("", self.text))
        except ValueError:
            return []
        cells = next(csv.reader([first], delimiter=_delimiter_of(first)), [])
        return [cell.strip().lower() for cell in cells]

    @functools.cached_property
    def rows(self) -> list[tuple[str, Cells]]:
        """The rows of a table with a header, each with its source: "clips.csv:12"."""
        if self.suffix == ".parquet":
            return list(self._parquet_rows())
        if self.suffix not in JSON_SUFFIXES:
            return list(self._csv_rows())
        entries = objects_in(self.json)
        if entries is None:
            raise ValueError(f"{self.path}: holds no list of objects; give one object a clip")
        names = dict.fromkeys(str(name) for entry in entries for name in entry)
        return [
            (f"{self.path}:entry {number}", {name: _as_text(entry.get(name)) for name in names})
            for number, entry in enumerate(entries, start=1)
        ]

    def _csv_rows(self) -> Iterator[tuple[str, Cells]]:
        text = _SEP_LINE.sub("\n", self.text)
        delimiter = "\t" if self.suffix == ".tsv" else _delimiter_of(_first_line(text))
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        header: list[str] = []
        try:
            for raw_cells in reader:
                source = f"{self.path}:{reader.line_num}"
                cells = [cell.strip() for cell in raw_cells]
                if not any(cells):
                    continue
                if not header:
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
            raise ValueError(f"{self.path}:{reader.line_num}: not a table ({error})") from error

    def _parquet_rows(self) -> Iterator[tuple[str, Cells]]:
        try:
            from pyarrow import parquet
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{self.path}: Parquet needs pyarrow; pip install 'actionclip[parquet]', or write a"
                " CSV"
            ) from error
        for number, cells in enumerate(parquet.read_table(self.path).to_pylist(), start=1):
            row = {name: _as_text(cell) for name, cell in cells.items()}
            yield f"{self.path}:row {number}", row


def objects_in(content: object) -> Sequence[Mapping[str, object]] | None:
    """Return the rows of a JSON document: a list of objects, or a map of videos; None if neither.

    >>> objects_in({"a.mp4": "run"}), objects_in({"run": ["a.mp4"]})
    ([{'path': 'a.mp4', 'label': 'run'}], [{'path': 'a.mp4', 'label': 'run'}])
    """
    if isinstance(content, list) and all(isinstance(entry, Mapping) for entry in content):
        return content
    if not isinstance(content, Mapping) or not content:
        return None
    if all(map(_is_video, content)):
        return [
            {"path": key, **(value if isinstance(value, Mapping) else {"label": value})}
            for key, value in content.items()
        ]
    if all(isinstance(value, list) for value in content.values()):  # label: [videos]
        pairs = [(label, video) for label, videos in content.items() for video in videos]
        if all(_is_video(video) for _, video in pairs):
            return [{"path": video, "label": label} for label, video in pairs]
    lists = [value for value in content.values() if isinstance(value, list) and value]
    if len(lists) == 1:  # {"version": 1, "videos": [...]}
        return objects_in(lists[0])
    return None


def _is_video(name: object) -> bool:
    return files.is_named_like_a_video(Path(str(name)))


def _first_line(text: str) -> str:
    return next((line for line in text.split("\n") if line.strip()), "")


def _delimiter_of(header: str) -> str:
    """Return the delimiter that the first line of a table has most of."""
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), ())))


def _as_text(cell: object) -> str:
    """Return the text of a cell; several values are separated by "|"."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, Mapping):
        cell = cell["choices"] if cell.keys() == {"choices"} else json.dumps(cell)
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return SEPARATOR.join(map(str, cell))
    return str(cell).strip()
