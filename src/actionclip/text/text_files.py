"""A text file in any Unicode encoding becomes a string whose lines end in a newline."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the start of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROS_OF_ASCII = ((rb"(?:[^\0]\0){2,}", "utf-16-le"), (rb"(?:\0[^\0]){2,}", "utf-16-be"))


def read_text(path: Path) -> str:
    """Read UTF-8, UTF-16 or UTF-32, with or without a byte order mark; one kind of line end.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is in another encoding, or is no text; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    return decode(path.read_bytes(), str(path))


def decode(data: bytes, source: str) -> str:
    """Decode the content of a text file; `source` names it in errors.

    Raises:
        ValueError: as in `read_text`.
    """
    mark, encoding = next(
        (known for known in _MARKS if data.startswith(known[0])), (b"", _without_mark(data))
    )
    content = data[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{source}:{line}: not {encoding.upper()} text (byte 0x{content[error.start]:02x},"
            " perhaps Latin-1 or Windows-1252); save the file as UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{source}:{line}: a zero byte, so this is no text file; give a text file")
    return text


def _without_mark(data: bytes) -> str:
    """Name the encoding of a file without a byte order mark."""
    start = data[:64]
    return next((name for zeros, name in _ZEROS_OF_ASCII if re.match(zeros, start)), "utf-8")
