"""A label file of any usual layout becomes names in the order of their ids.

Plain lines, `id,name` or `name,id` with or without a header, `1 ApplyEyeMakeup`, JSON or
YAML lists and maps. The layout is decided over all lines, so that "pushing something, gently" stays
one label; a file that can be read in two ways is refused.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.text.text_files import read_text

ID_COLUMNS = (
    *("id", "index", "idx", "", "label_id", "class_id", "action_id", "category_id", "label_index"),
    *("class_index", "number", "no", "nr", "num", "#", "label_idx", "class_idx", "code"),
)
NAME_COLUMNS = (
    *("name", "label_name", "class_name", "action_name", "display_name", "category_name"),
    *("label", "labels", "class", "classes", "action", "actions", "category", "text", "title"),
)
_CONTAINERS = (
    *("id2label", "label2id", "labels", "classes", "class_names", "label_names", "names"),
    *("categories", "class_to_idx", "idx_to_class", "idx2label", "label2idx", "actions"),
)
_SEPARATOR = r"\s*[,;\t|:]\s*|\s*[=-]>\s*|\s*=\s*|\s+[-–—]\s+"
_ID_FIRST = re.compile(
    r'["(]?(?P<prefix>[A-Za-z]?)(?P<id>\d+)"?'
    rf"(?P<separator>{_SEPARATOR}|\)?[.:]?\s+)(?P<name>.+)"
)
_ID_LAST = re.compile(
    rf'(?P<name>.+?)(?P<separator>{_SEPARATOR}|\s+)"?(?P<prefix>[A-Za-z]?)(?P<id>\d+)"?'
)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_IN_SINGLE_QUOTES = re.compile(r"'[^']+'")
_BULLET = re.compile(r"[-*•]\s+")
_HEADERS = ("label", "labels", "class", "classes", "label_name", "class_name", "name", "action")
"""First lines of a column of labels, in a file that is no table by its ending."""
_VIDEO = re.compile(
    r"\S\.(mp4|avi|mkv|webm|mov|mpg|mpeg|m4v|wmv|flv|jpg|jpeg|png)\b", re.IGNORECASE
)
_MOST_LINES = 0.8
"""If so many lines have an id and the others do not, the others are mistakes."""
_HOW = "write one label a line, or a CSV with the header id,name"


@dataclass(frozen=True)
class LabelFile:
    """The content of a label file."""

    names: list[str]
    """As they are written, in the order of their ids."""
    layout: str | None = None
    """For messages; None if it is plain lines."""
    first_id: int | None = None
    """0 or 1, if the file has ids."""


def read(path: Path) -> LabelFile:
    """Read a label file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not text, its ids do not count 0, 1, 2, … or 1, 2, 3, …, or its
            layout is unknown or ambiguous.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a text file with one label a line")
    text = read_text(path)
    is_json = path.suffix.lower() in (".json", ".jsonl", ".ndjson")
    if is_json or text.lstrip().startswith(("[", "{")):
        try:
            return _from_json(_load_json(text), path)
        except json.JSONDecodeError as error:
            if is_json:
                raise ValueError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    if path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(text, path)
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        return LabelFile([])
    if all(_BULLET.match(line) for line in lines):
        lines = [_BULLET.sub("", line, count=1) for line in lines]
    if all(line.endswith(",") for line in lines[:-1]) and len(lines) > 1:
        lines = [line.removesuffix(",") for line in lines]
    return (
        _with_header(lines, path)
        or _with_ids(lines, _ID_FIRST, path)
        or _with_ids(lines, _ID_LAST, path)
        or _below_a_header(lines, path)
        or _plain(lines, path)
    )


def _from_yaml(text: str, path: Path) -> LabelFile:
    """Read YAML like JSON; `on` and `12` stay what is written."""
    import yaml

    try:
        return _from_json(yaml.load(text, Loader=yaml.BaseLoader), path)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML; {_HOW}") from error


def _below_a_header(lines: Sequence[str], path: Path) -> LabelFile | None:
    """Read ids and names below a header in another language, such as `Nr.;Übung`."""
    marks = [mark for mark in "\t;," if all(line.count(mark) == 1 for line in lines)]
    if not marks or len(lines) < 3:
        return None
    for pattern in (_ID_FIRST, _ID_LAST):
        if all(map(pattern.fullmatch, lines[1:])):
            return _with_ids(lines[1:], pattern, path)
    return None


def _load_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith("{"):
            raise
        try:
            return [json.loads(line) for line in lines]
        except json.JSONDecodeError:
            raise error from None


def _from_json(content: object, path: Path) -> LabelFile:
    if isinstance(content, Mapping):
        inner = next((content[key] for key in _CONTAINERS if _is_nested(content.get(key))), None)
        if inner is not None:
            return _from_json(inner, path)
        keys, values = list(content), list(content.values())
        ids_are_keys, ids_are_values = (all(map(_is_id, part)) for part in (keys, values))
        if content and ids_are_values and not ids_are_keys:
            return _ordered(zip(values, keys, strict=True), "a map from name to id", path)
        if content and ids_are_keys and all(isinstance(value, str) for value in values):
            if ids_are_values:
                raise ValueError(f"{path}: ids and labels are both numbers; {_HOW}")
            return _ordered(content.items(), "a map from id to name", path)
    elif isinstance(content, list) and content:
        if all(isinstance(entry, str) for entry in content):
            return LabelFile([_unquoted(name) for name in content], "a list of names")
        if all(isinstance(entry, list) and len(entry) == 2 for entry in content):
            flipped = not all(_is_id(entry[0]) for entry in content)
            pairs = [tuple(reversed(entry)) if flipped else tuple(entry) for entry in content]
            if all(_is_id(number) for number, _ in pairs):
                return _ordered(pairs, "a list of ids and names", path)
        if all(isinstance(entry, Mapping) for entry in content):
            cells = [{str(k).lower(): str(v) for k, v in entry.items()} for entry in content]
            found = _from_columns(cells, "a list of objects", path)
            if found:
                return found
    raise ValueError(f"{path}: no list of labels and no map of ids and names; {_HOW}")


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping | list) and bool(value)


def _is_id(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"\d+", str(value)) is not None


def _ordered(pairs: Iterable[tuple[object, object]], layout: str, path: Path) -> LabelFile:
    """Sort names by their ids, which must count from 0 or from 1."""
    numbered = sorted((int(str(number)), str(name)) for number, name in pairs)
    numbers = [number for number, _ in numbered]
    first = numbers[0]
    if first not in (0, 1) or numbers != list(range(first, first + len(numbers))):
        gaps = sorted(set(range(1, numbers[-1])) - set(numbers))
        twice = [number for number in numbers if numbers.count(number) > 1]
        fault = f"{twice[0]} occurs twice" if twice else f"{gaps[0] if gaps else 0} is missing"
        raise ValueError(
            f"{path}: read as {layout}, but the ids do not count 0, 1, 2, … ({fault}); number the"
            " labels so, or write one label a line without ids"
        )
    return LabelFile([_unquoted(name) for _, name in numbered], layout, first)


def _with_header(lines: Sequence[str], path: Path) -> LabelFile | None:
    """Read a table whose first line names its columns; None if it does not."""
    for delimiter in ("\t", ";", ","):
        names = [name.strip().lower() for name in _cells(lines[0], delimiter)]
        has_id, has_name = (set(names) & set(known) for known in (ID_COLUMNS, NAME_COLUMNS))
        if len(names) < 2 or not has_name or not (has_id or set(names) <= set(NAME_COLUMNS)):
            continue
        rows = []
        for number, line in enumerate(lines[1:], start=1):
            cells = _cells(line, delimiter)
            if len(cells) > len(names) == 2:  # a name with the delimiter in it, without quotes
                match = _ID_FIRST.fullmatch(line) or _ID_LAST.fullmatch(line)
                if match:
                    cells = [match["id"], match["name"]]
                    cells = cells if _ID_FIRST.fullmatch(line) else cells[::-1]
            if len(cells) != len(names):
                raise ValueError(
                    f"{path}: label {number} ({line!r}) has {len(cells)} cells under"
                    f" {len(names)} columns; put a name that holds a comma in quotes"
                )
            rows.append(dict(zip(names, cells, strict=True)))
        return _from_columns(rows, f"a table with the columns {', '.join(names)}", path)
    is_table = path.suffix.lower() in (".csv", ".tsv")
    if lines[0].strip('"').lower() in (NAME_COLUMNS if is_table else _HEADERS):
        return LabelFile([_unquoted(line) for line in lines[1:]], "a table with one column")
    return None


def _from_columns(rows: Sequence[Mapping[str, str]], layout: str, path: Path) -> LabelFile | None:
    """Choose the columns of names and ids; a column "label" can be either."""
    shared = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    of_numbers = [name for name in shared if all(_is_id(row[name]) for row in rows)]
    names = [name for name in NAME_COLUMNS if name in shared and name not in of_numbers]
    if not names:
        return None
    known = (*ID_COLUMNS, *NAME_COLUMNS)
    ids = [name for name in known if name in of_numbers]
    partly = [n for n in ID_COLUMNS if n in shared and any(_is_id(row[n]) for row in rows)]
    if partly and not ids:
        odd = next(row[partly[0]] for row in rows if not _is_id(row[partly[0]]))
        raise ValueError(f"{path}: {odd!r} in the column {partly[0]!r} is no id; correct it")
    if ids:
        pairs = ((row[ids[0]], row[names[0]]) for row in rows)
        return _ordered(pairs, f"{layout}, ordered by {ids[0]!r}", path)
    return LabelFile([row[names[0]].strip() for row in rows], layout)


def _with_ids(lines: Sequence[str], pattern: re.Pattern[str], path: Path) -> LabelFile | None:
    """Read lines that all have an id at one end; None if it is no id."""
    matches = [pattern.fullmatch(line) for line in lines]
    found = [match for match in matches if match]
    marks = {
        (match["prefix"], match["separator"].strip() or match["separator"][:1]) for match in found
    }
    if not found or len(marks) > 1:
        return None
    [(_, mark)] = marks
    by_space = mark == " "
    numbers = [int(match["id"]) for match in found]
    counts = sorted(numbers) in [list(range(first, first + len(numbers))) for first in (0, 1)]
    if len(found) < len(lines):
        if len(found) > 2 and len(found) >= _MOST_LINES * len(lines) and not by_space:
            line = next(line for line, match in zip(lines, matches, strict=True) if not match)
            raise ValueError(f"{path}: {line!r} has no id, unlike the other lines; correct it")
        return None
    names = [_unquoted(match["name"].strip()) for match in found]
    place = "before" if pattern is _ID_FIRST else "after"
    if by_space:
        if len(set(names)) < len(names):  # "squat 1", "squat 2"
            return None
        is_sorted = len(numbers) > 4 and numbers == sorted(set(numbers))
        if not counts and not is_sorted:  # "180 flip", "90 turn"
            return None
        if counts and len(names) < 3 and any(" " in name for name in names):
            raise ValueError(
                f"{path}: {lines[0]!r} can be a label, or an id and a label; write a CSV with the"
                " header id,name, or the numbers as words"
            )
    return _ordered(zip(numbers, names, strict=True), f"lines with an id {place} the name", path)


def _plain(lines: Sequence[str], path: Path) -> LabelFile:
    """Read one label a line, and refuse lines that are something else.

    Raises:
        ValueError: the lines are columns, markup, numbers, templates or names of videos.
    """
    if sum(_VIDEO.search(line) is not None for line in lines) * 2 > len(lines):
        raise ValueError(f"{path}: this is a list of videos ({lines[-1]!r}), not of labels; {_HOW}")
    for mark, name in (("\t", "a tab"), (";", "a semicolon"), ("|", "a vertical bar")):
        if all(mark in line for line in lines):
            raise ValueError(f"{path}: every line holds {name}, but none is an id; {_HOW}")
    if len(lines) > 1 and all(re.fullmatch(r"[^,\"]+,[^,\s][^,]*", line) for line in lines):
        raise ValueError(
            f"{path}: every line has two columns ({lines[0]!r}), and none is an id; {_HOW}"
        )
    if len(lines) == 1 and lines[0].count(",") > 1 and not _QUOTED.fullmatch(lines[0]):
        raise ValueError(f"{path}: one line with several commas; write one label a line")
    for line in lines:
        if "{" in line or "}" in line or line.startswith(("<", "['", '["')):
            raise ValueError(f"{path}: {line!r} is no label; {_HOW}")
    if all(map(_is_id, lines)):
        raise ValueError(f"{path}: the labels are numbers; write the actions in words")
    return LabelFile([_unquoted(line) for line in lines])


def _cells(line: str, delimiter: str) -> list[str]:
    return [
        cell.strip()
        for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    ]


def _unquoted(name: str) -> str:
    if _QUOTED.fullmatch(name):
        return name[1:-1].replace('""', '"')
    return name[1:-1] if _IN_SINGLE_QUOTES.fullmatch(name) else name
