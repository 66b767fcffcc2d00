"""Labels: names of actions as people write them become words that a sentence can hold.

Data sets write `ApplyEyeMakeup` or `brush_hair`; a text tower knows words. A label that already
holds a space was written by a person and stays as it is. Lists are checked before any work is done.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_CAMEL = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])"  # Apply|Eye
    r"|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z](?:ing|s|ed)\b)"  # TV|Games, but DJing
    r"|(?<=\d)(?=[A-Za-z])"  # 2|Hand
)


def clean(label: str) -> str:
    """Give the words of a label.

    >>> clean("ApplyEyeMakeup"), clean("brush_hair"), clean("PlayTVGames"), clean("a  Thai dance ")
    ('apply eye makeup', 'brush hair', 'play TV games', 'a Thai dance')
    """
    words = label.split()
    if len(words) != 1:
        return " ".join(words)
    words = _CAMEL.sub(" ", label.replace("_", " ")).split()
    return " ".join(word.lower() if word == word.capitalize() else word for word in words)


def check(labels: Sequence[str], source: str = "labels") -> list[str]:
    """Return the labels, stripped, if they can be told apart.

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
        if words in seen:
            first = seen[words]
            raise ValueError(
                f"{source}: labels {first} ({labels[first - 1]!r}) and {number} ({label!r})"
                " say the same; keep one of them"
            )
        seen[words] = number
    return [label.strip() for label in labels]


def read(path: Path) -> list[str]:
    """Read labels from a text file, one a line (see `read_lines`).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8 text, holds no label, or two that say the same.
    """
    return check(read_lines(path), str(path))


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 text file, without the empty ones and those that begin with #.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8 text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a text file with one entry a line")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
