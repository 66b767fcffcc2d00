"""Text from outside, such as the name of a file, made fit to be shown, printed and written.

A name may hold any bytes: bytes that are not UTF-8 (lone surrogates, for Python), line breaks,
commands to a terminal, marks that reverse the direction of what follows. They are shown as escapes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDDEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories: controls, surrogates, separators of lines and paragraphs."""
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: object) -> str:
    """Return text that a terminal shows as one line, character by character."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _HIDDEN or character in _DIRECTIONS
        else character
        for character in str(text)
    )


def markup(text: object) -> str:
    """Return text that rich prints as one line, character by character."""
    from rich.markup import escape  # late: it takes as long to import as the rest of a `--help`

    return escape(one_line(text))


def to_json(document: object, **options: Any) -> str:  # noqa: ANN401  (those of json.dumps)
    r"""Return a JSON document in which text that UTF-8 cannot write is escaped, as "\udcff"."""
    text = json.dumps(document, ensure_ascii=False, **options)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def writable(text: str) -> str:
    r"""Return text that UTF-8 can write; what it cannot is escaped, as "\udcff"."""
    return text.encode(errors="backslashreplace").decode()
