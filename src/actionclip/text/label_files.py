"""A label file of any usual layout becomes labels in the order of their ids.

Plain lines, `id,name` or `name,id` with or without a header, `1 ApplyEyeMakeup`, JSON or YAML lists
and maps. The layout is decided over all lines, so that "pushing something, gently" stays one label;
a file that can be read in two ways is refused.
"""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.text.text_files import read_text

_logger = logging.getLogger(__name__)

_IDS = "id index idx label_id class_id action_id category_id label_index class_index number no nr"
_ID_COLUMNS = ("", *_IDS.split(), "num", "#", "label_idx", "class_idx", "code")
_NAMES = "name label_name class_name action_name display_name category_name label labels class"
_NAME_COLUMNS = (*_NAMES.split(), "classes", "action", "actions", "category", "text", "title")
_CONTAINERS = (
    *("id2label", "label2id", "labels", "classes", "class_names", "label_names", "names"),
    *("categories", "class_to_idx", "idx_to_class", "idx2label", "label2idx", "actions"),
)
_HEADERS = ("label", "labels", "class", "classes", "label_name", "class_name", "name", "action")
"""First lines of a column of labels, in a file that is no table by its extension."""
_SEPARATOR = r"\s*[,;\t|:]\s*|\s*[=-]>\s*|\s*=\s*|\s+[-–—]\s+"
_ID_FIRST = re.compile(
    r'["(]?(?P<prefix>[A-Za-z]?)(?P<id>\d+)"?'
    rf"(?P<separator>{_SEPARATOR}|\)?[.:]?\s+)(?P<name>.+)"
)
_ID_LAST = re.compile(
    rf'(?P<name>.+?)(?P<separator>{_SEPARATOR}|\s+)"?(?P<prefix>[A-Za-z]?)(?P<id>\d+)"?'
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SINGLE_QUOTED = re.compile(r"'[^']+'")
_BULLET = re.compile(r"[-*•]\s+")
_VIDEO = re.compile(r"\S\.(mp4|avi|mkv|webm|mov|mpg|mpeg|m4v|wmv|flv|jpg|jpeg|png)\b", re.I)
_MOST_LINES = 0.8
"""If so many lines have an id and the others do not, the others are mistakes."""
_REMEDY = "write one label a line, or a CSV with the header id,name"


@dataclass(frozen=True)
class LabelFile:
    """The content of a label file."""

    names: list[str]
    """As they are written, in the order of their ids."""
    layout: str | None = None
    """For messages; None if the file has plain lines."""
    first_id: int | None = None
    """0 or 1, if the file has ids."""


def read(path: Path) -> LabelFile:
    """Read a label file; a layout that is not plain lines is logged.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not text, its ids do not count 0, 1, 2, … or 1, 2, 3, …, or its
            layout is unknown or ambiguous.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a text file with one label a line")
    if path.suffix.lower() == ".toml":
        raise ValueError(
            f"{path}: a file of actions, which recognize, timeline, watch, search and serve take;"
            f" here, {_REMEDY}"
        )
    text = read_text(path)
    document = _parse_document(text, path)
    found = _from_lines(text, path) if document is None else _from_document(document, path)
    if found.layout:
        _logger.info("%s: %s; %d labels", path, found.layout, len(found.names))
    return found


def _parse_document(text: str, path: Path) -> object:
    """Parse JSON, JSON Lines or YAML; None if the file is lines."""
    suffix = path.suffix.lower()
    is_json = suffix in (".json", ".jsonl", ".ndjson")
    if is_json or text.lstrip().startswith(("[", "{")):
        try:
            return _load_json(text) or []
        except json.JSONDecodeError as error:
            if is_json:
                raise ValueError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    if suffix in (".yaml", ".yml"):
        import yaml

        try:
            return yaml.load(text, Loader=yaml.BaseLoader) or []  # `on` and `12` stay as written
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: not YAML; {_REMEDY}") from error
    return None


def _load_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and lines[0].lstrip().startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                return [json.loads(line) for line in lines]
        raise


def _from_document(content: object, path: Path) -> LabelFile:
    if isinstance(content, Mapping):
        nested = (content.get(key) for key in _CONTAINERS)
        inner = next((part for part in nested if part and isinstance(part, Mapping | list)), None)
        if inner is not None:
            return _from_document(inner, path)
        names, ids = list(content), list(content.values())
        if all(map(_is_id, names)):
            if all(map(_is_id, ids)) and all(isinstance(one, str) for one in ids):
                raise ValueError(f"{path}: ids and labels are both numbers; {_REMEDY}")
            if all(isinstance(one, str) for one in ids):
                return _ordered(content.items(), "a map from id to name", path)
        elif all(map(_is_id, ids)):
            return _ordered(zip(ids, names, strict=True), "a map from name to id", path)
    elif isinstance(content, list) and content:
        if all(isinstance(entry, str) for entry in content):
            return LabelFile([_unquoted(name) for name in content], "a list of names")
        if all(isinstance(entry, list) and len(entry) == 2 for entry in content):
            is_id_first = all(_is_id(entry[0]) for entry in content)
            pairs = [entry if is_id_first else entry[::-1] for entry in content]
            if all(_is_id(number) for number, _ in pairs):
                return _ordered(pairs, "a list of ids and names", path)
        if all(isinstance(entry, Mapping) for entry in content):
            cells = [{str(k).lower(): str(v) for k, v in entry.items()} for entry in content]
            if found := _from_columns(cells, "a list of objects", path):
                return found
    raise ValueError(f"{path}: no list of labels and no map of ids and names; {_REMEDY}")


def _from_lines(text: str, path: Path) -> LabelFile:
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    if all(map(_BULLET.match, lines)):
        lines = [_BULLET.sub("", line, count=1) for line in lines]
    if len(lines) > 1 and all(line.endswith(",") for line in lines[:-1]):
        lines = [line.removesuffix(",") for line in lines]
    if not lines:
        return LabelFile([])
    return (
        _below_known_header(lines, path)
        or _with_ids(lines, _ID_FIRST, path)
        or _with_ids(lines, _ID_LAST, path)
        or _below_unknown_header(lines, path)
        or _plain(lines, path)
    )


def _below_known_header(lines: Sequence[str], path: Path) -> LabelFile | None:
    """Read a table whose first line names its columns; None if it does not."""
    for delimiter in ("\t", ";", ","):
        header = [name.lower() for name in _cells(lines[0], delimiter)]
        names = set(header) & set(_NAME_COLUMNS)
        if len(header) < 2 or not names or not ({*header} & {*_ID_COLUMNS} or {*header} == names):
            continue
        rows = []
        for number, line in enumerate(lines[1:], start=1):
            cells = _cells(line, delimiter)
            if len(cells) > len(header) == 2:  # a name with the delimiter in it, without quotes
                if match := _ID_FIRST.fullmatch(line):
                    cells = [match["id"], match["name"]]
                elif match := _ID_LAST.fullmatch(line):
                    cells = [match["name"], match["id"]]
            if len(cells) != len(header):
                raise ValueError(
                    f"{path}: label {number} ({line!r}) has {len(cells)} cells under"
                    f" {len(header)} columns; put a name that holds a comma in quotes"
                )
            rows.append(dict(zip(header, cells, strict=True)))
        return _from_columns(rows, f"a table with the columns {', '.join(header)}", path)
    headers = _NAME_COLUMNS if path.suffix.lower() in (".csv", ".tsv") else _HEADERS
    if lines[0].strip('"').lower() in headers:
        return LabelFile([_unquoted(line) for line in lines[1:]], "a table with one column")
    return None


def _below_unknown_header(lines: Sequence[str], path: Path) -> LabelFile | None:
    """Read ids and names below a header in another language, such as `Nr.;Übung`."""
    if len(lines) > 2 and any(all(line.count(mark) == 1 for line in lines) for mark in "\t;,"):
        for pattern in (_ID_FIRST, _ID_LAST):
            if all(map(pattern.fullmatch, lines[1:])):
                return _with_ids(lines[1:], pattern, path)
    return None


def _from_columns(rows: Sequence[Mapping[str, str]], layout: str, path: Path) -> LabelFile | None:
    """Choose the columns of names and ids; a column "label" can be either."""
    shared = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    numeric = [name for name in shared if all(_is_id(row[name]) for row in rows)]
    names = [name for name in _NAME_COLUMNS if name in shared and name not in numeric]
    if not names:
        return None
    labels = [row[names[0]] for row in rows]
    for column in (name for name in (*_ID_COLUMNS, *_NAME_COLUMNS) if name in numeric):
        pairs = zip((row[column] for row in rows), labels, strict=True)
        return _ordered(pairs, f"{layout}, ordered by {column!r}", path)
    for column in (name for name in _ID_COLUMNS if name in shared):
        odd = [row[column] for row in rows if not _is_id(row[column])]
        if len(odd) < len(rows):
            raise ValueError(f"{path}: {odd[0]!r} in the column {column!r} is no id; correct it")
    return LabelFile([label.strip() for label in labels], layout)


def _with_ids(lines: Sequence[str], pattern: re.Pattern[str], path: Path) -> LabelFile | None:
    """Read lines that all have an id at one end; None if it is no id."""
    matches = [pattern.fullmatch(line) for line in lines]
    found = [match for match in matches if match]
    marks = {(m["prefix"], m["separator"].strip() or m["separator"][:1]) for m in found}
    if len(marks) != 1:
        return None
    is_spaced = marks.pop()[1] == " "
    if len(found) < len(lines):
        if len(found) > 2 and len(found) >= _MOST_LINES * len(lines) and not is_spaced:
            line = lines[matches.index(None)]
            raise ValueError(f"{path}: {line!r} has no id, unlike the other lines; correct it")
        return None
    numbers = [int(match["id"]) for match in found]
    names = [_unquoted(match["name"].strip()) for match in found]
    if is_spaced:
        counts = any(sorted(numbers) == [*range(i, i + len(numbers))] for i in (0, 1))
        is_sorted = len(numbers) > 4 and numbers == sorted(set(numbers))
        if len(set(names)) < len(names) or not (counts or is_sorted):  # "squat 1", "90 turn"
            return None
        if counts and len(names) < 3 and any(" " in name for name in names):
            raise ValueError(
                f"{path}: {lines[0]!r} can be a label, or an id and a label; write a CSV with the"
                " header id,name, or the numbers as words"
            )
    place = "before" if pattern is _ID_FIRST else "after"
    return _ordered(zip(numbers, names, strict=True), f"lines with an id {place} the name", path)


def _plain(lines: Sequence[str], path: Path) -> LabelFile:
    """Read one label a line, and refuse columns, markup, numbers, templates, names of videos."""
    marks = {"\t": "a tab", ";": "a semicolon", "|": "a vertical bar"}
    columns = [name for mark, name in marks.items() if all(mark in line for line in lines)]
    markup = [line for line in lines if re.search(r"[{}]|^<|^\[['\"]", line)]
    fault = ""
    if sum(_VIDEO.search(line) is not None for line in lines) * 2 > len(lines):
        fault = f"this is a list of videos ({lines[-1]!r}), not of labels; {_REMEDY}"
    elif columns:
        fault = f"every line holds {columns[0]}, but none is an id; {_REMEDY}"
    elif len(lines) > 1 and all(re.fullmatch(r"[^,\"]+,[^,\s][^,]*", line) for line in lines):
        fault = f"every line has two columns ({lines[0]!r}), and none is an id; {_REMEDY}"
    elif len(lines) == 1 and lines[0].count(",") > 1 and not _QUOTED.fullmatch(lines[0]):
        fault = "one line with several commas; write one label a line"
    elif markup:
        fault = f"{markup[0]!r} is no label; {_REMEDY}"
    elif all(map(_is_id, lines)):
        fault = "the labels are numbers; write the actions in words"
    if fault:
        raise ValueError(f"{path}: {fault}")
    return LabelFile([_unquoted(line) for line in lines])


def _ordered(pairs: Iterable[Iterable[object]], layout: str, path: Path) -> LabelFile:
    """Sort names by their ids, which must count from 0 or from 1."""
    numbered = sorted((int(str(number)), str(name)) for number, name in pairs)
    numbers = [number for number, _ in numbered]
    first = numbers[0]
    if first not in (0, 1) or numbers != [*range(first, first + len(numbers))]:
        gaps = sorted(set(range(1, numbers[-1])) - set(numbers))
        twice = [number for number in numbers if numbers.count(number) > 1]
        fault = f"{twice[0]} occurs twice" if twice else f"{gaps[0] if gaps else 0} is missing"
        raise ValueError(
            f"{path}: read as {layout}, but the ids do not count 0, 1, 2, … ({fault}); number the"
            " labels so, or write one label a line without ids"
        )
    return LabelFile([_unquoted(name) for _, name in numbered], layout, first)


def _is_id(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"\d+", str(value)) is not None


def _cells(line: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    return [cell.strip() for cell in cells]


def _unquoted(name: str) -> str:
    if _QUOTED.fullmatch(name):
        return name[1:-1].replace('""', '"')
    return name[1:-1] if _SINGLE_QUOTED.fullmatch(name) else name
