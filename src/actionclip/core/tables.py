"""Answers and moments become tables: rows, and files that can be resumed.

A file of answers, JSON Lines or CSV, grows with each answer. What a program that was stopped left
in it is read again: whole answers stay, errors and a half-written end are removed.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from actionclip import atomic_write, display
from actionclip.core.scoring import Answer

Format = Literal["jsonl", "csv"]

COLUMNS = ("video", "rank", "label", "score", "error")
"""Of a table of answers."""


def rows(results: Iterable[Any], **columns: object) -> list[dict[str, object]]:
    """Return a plain dictionary for each row of a table, with the same keys in all of them.

    `pandas.DataFrame(rows(...))` and `csv.DictWriter` take them.

    Args:
        results: answers, of which each prediction is a row with the keys `COLUMNS`; a video without
            predictions is one row, whose other values are None but for its error. Or moments or
            predictions, which are a row each, with their fields as keys.
        columns: further columns with one value, placed first.

    Example:
        >>> rows([Moment(1.25, 5.25, "driving a taxi", 0.71)], video="bikes.mp4")
        [{'video': 'bikes.mp4', 'start_seconds': 1.25, 'end_seconds': 5.25, ...}]
    """
    table: list[dict[str, object]] = []
    for result in results:
        if not isinstance(result, Answer):
            table.append({**columns, **dataclasses.asdict(result)})
            continue
        ranked = [
            (rank, one.label, one.score, None)
            for rank, one in enumerate(result.predictions, start=1)
        ]
        for values in ranked or [(None, None, None, result.error)]:
            row = zip(COLUMNS, (str(result.video), *values), strict=True)
            table.append({**columns, **dict(row)})
    return table


def to_document(answer: Answer) -> dict[str, object]:
    """Return what JSON shows of an answer: `{"video", "predictions"}` or `{"video", "error"}`."""
    if answer.error is not None:
        return {"video": str(answer.video), "error": answer.error}
    predictions = [dataclasses.asdict(prediction) for prediction in answer.predictions]
    return {"video": str(answer.video), "predictions": predictions}


class AnswerFile:
    """A file of answers; each is on the disk, as far as the system has it, when `add` returns."""

    def __init__(self, path: Path, format: Format, labels: Sequence[str], *, resume: bool) -> None:
        """Open the file; its folder exists.

        Args:
            path: of the file; what it holds is replaced, unless it is resumed.
            format: JSON Lines, with the documents of `to_document`; or CSV, with the columns of
                `rows`.
            labels: of the questions.
            resume: keep the answers that the file holds.

        Raises:
            ValueError: the file to be resumed is no such file, or is about other labels.
            OSError: the file cannot be read or written.
        """
        self._format = format
        self._done: set[str] = set()
        kept = "" if format == "jsonl" else _csv([COLUMNS])
        is_resumed = resume and path.is_file() and path.stat().st_size > 0
        if is_resumed:
            for video, answered, text in (_read_lines if format == "jsonl" else _read_table)(path):
                if other := next((label for label in answered if label not in labels), None):
                    raise ValueError(
                        f"{path}: holds answers about {other!r}, which is none of the labels; "
                        "choose another file, or leave out --resume"
                    )
                self._done.add(video)
                kept += text
            atomic_write.write_text(path, kept)
        mode = "a" if is_resumed else "w"
        self._file = path.open(mode, encoding="utf-8", errors="backslashreplace", newline="")
        if not is_resumed:
            self._file.write(kept)

    def __contains__(self, video: Path) -> bool:
        """Return whether the video was answered before the file was opened."""
        return display.writable(str(video)) in self._done

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, answer: Answer) -> None:
        """Write an answer at the end."""
        if self._format == "jsonl":
            text = f"{display.to_json(to_document(answer))}\n"
        else:
            text = _csv(row.values() for row in rows([answer]))
        self._file.write(text)
        self._file.flush()


_Kept = tuple[str, list[str], str]
"""The video, the labels and the text of an answer in a file."""


def _read_lines(path: Path) -> Iterable[_Kept]:
    """Read the whole answers of JSON Lines; only the last line may be half-written."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        lines = list(file)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            document: Any = json.loads(line)
            video = display.writable(document["video"])
            if "error" not in document:
                labels = [prediction["label"] for prediction in document["predictions"]]
                yield video, labels, line
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{path}: line {number} is no answer; choose another file") from None


def _read_table(path: Path) -> Iterable[_Kept]:
    """Read the whole answers of a CSV; the last video may lack rows, so that it is left out."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = list(csv.reader(file))
    header, *body = table
    if body and len(body[-1]) < len(COLUMNS):  # its name may be half-written, too
        body.pop()
    whole = [list(group) for _, group in itertools.groupby(body, key=lambda row: row[:1])][:-1]
    lengths = {len(row) for group in whole for row in group}
    if header != list(COLUMNS) or lengths - {len(COLUMNS)}:
        raise ValueError(f"{path}: no table of answers ({','.join(COLUMNS)}); choose another file")
    for group in whole:
        video, error = group[0][0], group[0][-1]
        if not error:
            yield video, [row[2] for row in group if row[2]], _csv(group)


def _csv(table: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(table)
    return buffer.getvalue()
