"""Labels: names of actions as people write them become words that a sentence can hold.

Data sets write `ApplyEyeMakeup` or `brush_hair`; a text tower knows words. A label that already
holds a space was written by a person and stays as it is. Lists are checked before any work is done.
"""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from actionclip.text import label_files
from actionclip.text.text_files import read_text

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_CAMEL = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])"  # Apply|Eye
    r"|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z](?:ing|s|ed)\b)"  # TV|Games, but DJing
    r"|(?<=\d)(?=[A-Za-z])"  # 2|Hand
)


def normalize(label: str) -> str:
    """Return a label in composed letters (NFC), with single spaces and nothing invisible.

    >>> normalize("cafe\u0301  visit ") == normalize("caf\u00e9\u00a0visit") == "caf\u00e9 visit"
    True
    """
    return " ".join(unicodedata.normalize("NFC", label.translate(_INVISIBLE)).split())


def clean(label: str) -> str:
    """Return the words of a label.

    >>> clean("ApplyEyeMakeup"), clean("brush_hair"), clean("PlayTVGames"), clean("a  Thai dance ")
    ('apply eye makeup', 'brush hair', 'play TV games', 'a Thai dance')
    """
    label = normalize(label)
    if " " in label:
        return label
    words = _CAMEL.sub(" ", label.replace("_", " ")).split()
    return " ".join(word.lower() if word == word.capitalize() else word for word in words)


def check(labels: Sequence[str], source: str = "labels") -> list[str]:
    """Return the labels, normalized, if they can be told apart.

    Args:
        labels: the labels in order.
        source: where they come from, for the message: "labels.txt".

    Raises:
        ValueError: no label at all, an empty one, or two that say the same.
    """
    if not labels:
        raise ValueError(f"{source}: there is no label; give at least one action in words")
    seen: dict[str, int] = {}
    for number, label in enumerate(labels, start=1):
        words = clean(label).casefold()
        if not words:
            raise ValueError(f"{source}: label {number} is empty; remove it or write an action")
        if not is_utf8(label):
            raise ValueError(
                f"{source}: label {number} ({label!r}) is not UTF-8; write it in UTF-8"
            )
        if words in seen:
            first = seen[words]
            raise ValueError(
                f"{source}: labels {first} ({labels[first - 1]!r}) and {number} ({label!r})"
                " say the same; keep one of them"
            )
        seen[words] = number
    return [normalize(label) for label in labels]


def is_utf8(label: str) -> bool:
    """Return whether a label is text that towers can encode, without stray bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in label)


def read(path: Path) -> list[str]:
    """Read the labels of a file of any usual layout (`label_files`), in the order of their ids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no label, or two that say the same, or is ambiguous.
    """
    return check(label_files.read(path).names, str(path))


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file, without the empty ones and those that begin with #.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a text file with one entry a line")
    lines = (line.strip() for line in read_text(path).split("\n"))
    return [line for line in lines if line and not line.startswith("#")]
