"""Examples are added to a TOML file of actions; its comments and its layout stay.

The file is parsed before and after: what is written can be read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.items import AoT

from actionclip import atomic_write
from actionclip.text import actions
from actionclip.text import labels as label_lists
from actionclip.text.actions import Action, Example

MAX_ON_ONE_LINE = 2
"""Examples; a longer list that is new gets a line for each."""


class Taught(NamedTuple):
    """What was changed."""

    action: Action
    """As it is now."""
    num_added: int
    """Examples that were not there before."""
    is_new: bool
    """Whether the action was not there before."""


def check_target(path: Path, name: str) -> None:
    """Make sure that examples can be added, before they are decoded.

    Raises:
        ValueError: the file is no list of actions, or the name is empty.
        FileNotFoundError: there is no folder for the file.
    """
    if not label_lists.clean(name):
        raise ValueError("the name is empty; give the action a name")
    if path.suffix.lower() != actions.SUFFIX:
        raise ValueError(f"{path}: not named as a TOML file; call it {path.stem}.toml")
    if path.is_file():
        actions.read(path)
    else:
        atomic_write.check_folder(path)


def add_examples(path: Path, name: str, examples: Sequence[Example]) -> Taught:
    """Add examples to an action of a file; the action, and the file, are made if they are absent.

    Args:
        path: the TOML file.
        name: of the action, in any capitals.
        examples: those that the action has already are left out.

    Raises:
        ValueError: the file is no list of actions in UTF-8; it is unchanged.
        OSError: it cannot be written.
    """
    check_target(path, name)
    known = actions.read(path) if path.is_file() else []
    try:
        text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8, as TOML has to be; save the file as UTF-8") from error
    document: Any = tomlkit.parse(text)
    number = next((n for n, action in enumerate(known) if _same(action.name, name)), None)
    there = known[number].examples if number is not None else ()
    new = [each for each in dict.fromkeys(examples) if not any(_is(each, old) for old in there)]
    entries = document.get("action")
    if number is None:
        is_table = not entries or isinstance(entries, AoT)
        entry: Any = tomlkit.table() if is_table else tomlkit.inline_table()
        if is_table and text and not text.endswith("\n\n"):
            entry.trivia.indent = "\n"  # an empty line above it
        entry["name"] = label_lists.normalize(name)
        if not entries:
            entries = document["action"] = tomlkit.aot()
        entries.append(entry)
        number = len(known)
    entry = entries[number]
    if new and "examples" not in entry:
        entry["examples"] = tomlkit.array().multiline(len(new) > MAX_ON_ONE_LINE)
    for example in new:
        entry["examples"].append(_relative(example, path))
    changed = tomlkit.dumps(document)
    action = actions.parse(changed, path)[number]
    if changed != text:
        atomic_write.write(path, changed.encode())
    return Taught(action, len(new), is_new=number == len(known))


def _same(one: str, other: str) -> bool:
    return label_lists.clean(one).casefold() == label_lists.clean(other).casefold()


def _is(one: Example, other: Example) -> bool:
    parts = [(each.start_seconds, each.end_seconds) for each in (one, other)]
    return parts[0] == parts[1] and one.path.resolve() == other.path.resolve()


def _relative(example: Example, path: Path) -> str:
    """Write an example with a path that starts from the folder of the file."""
    relative = os.path.relpath(example.path.resolve(), path.resolve().parent)
    video = Path(relative).as_posix()
    return str(Example(Path(video), example.start_seconds, example.end_seconds))
