"""Actions described by words and examples, and the TOML files that list them.

A label is an action's name. Where it says too little, a table says more:

    [[action]]
    name = "falling down"
    words = ["somebody falls to the ground", "a person trips and falls"]
    not = ["lying down on a bed"]
    examples = ["clips/fall1.mp4", "clips/fall2.mp4@3.0-5.5"]
    threshold = 0.5

Paths are relative to the file. Example clips are found here, and decoded elsewhere.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionclip.text import label_sets
from actionclip.text import labels as label_lists
from actionclip.text.text_files import read_text

KEYS = ("name", "words", "not", "examples", "threshold")
SUFFIX = ".toml"
MAX_EXAMPLES = 1000
"""Of one action."""
_PART = re.compile(r"(?P<video>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Example:
    """A clip that shows an action: a video, or a part of one."""

    video: str | Path
    start_seconds: float | None = None
    """On the file's clock; None, as the end, for the whole video."""
    end_seconds: float | None = None

    def __post_init__(self) -> None:
        start, end = self.start_seconds, self.end_seconds
        if (start is None) != (end is None) or (start is not None and not 0 <= start < (end or 0)):
            raise ValueError(
                f"{self.video}: {start} to {end} is no part of a video; give two seconds, the "
                "later one last, or none"
            )

    @property
    def path(self) -> Path:
        """Of the video."""
        return Path(self.video)

    def __str__(self) -> str:
        if self.start_seconds is None:
            return str(self.video)
        return f"{self.video}@{self.start_seconds:.10g}-{self.end_seconds:.10g}"


@dataclass(frozen=True)
class Action:
    """An action of which more is known than its name.

    Example:
        >>> fall = Action("fall alarm", words=["somebody falls to the ground"])
        >>> recognizer.recognize("hall.mp4", [fall, "sitting down"])
    """

    name: str
    """What predictions and moments are labelled with."""
    words: Sequence[str] | None = None
    """Sentences that describe it; None: its name does. Empty: only the examples do."""
    rivals: Sequence[str] = ()
    """Sentences about what it is not, `not` in files: where one of them fits better, the action
    scores lower."""
    examples: Sequence[Example] = ()
    threshold: float | None = None
    """The score from which on it is named, where the threshold is "auto"."""

    def __post_init__(self) -> None:
        if not self.sentences and not self.examples:
            raise ValueError("no words and no examples; give at least one of them")
        for key, sentences in (("words", self.sentences), ("not", self.rivals)):
            if isinstance(sentences, str):
                raise ValueError(f"{key}: {sentences!r} is one text; give a list of them")
            for sentence in sentences:
                if not label_lists.clean(sentence):
                    raise ValueError(f"{key}: a sentence is empty; remove it or write some words")
                if not label_lists.is_utf8(sentence):
                    raise ValueError(f"{key}: {sentence!r} is not UTF-8; write it in UTF-8")
        fitting = {label_lists.clean(sentence).casefold() for sentence in self.sentences}
        for sentence in self.rivals:
            if label_lists.clean(sentence).casefold() in fitting:
                raise ValueError(f"not: {sentence!r} describes the action, too; remove one of both")
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError(
                f"threshold: {self.threshold} is no score; give more than 0, and 1 at most"
            )

    @property
    def sentences(self) -> Sequence[str]:
        """What describes it in words."""
        return (self.name,) if self.words is None else self.words


Label = str | Action
"""An action in words, or one with more than that."""


def name_of(label: Label) -> str:
    """Return what a label is called."""
    return label.name if isinstance(label, Action) else label


def names(labels: Sequence[Label]) -> list[str]:
    """Return what labels are called."""
    return [name_of(label) for label in labels]


def described(label: Label) -> Action:
    """Return an action for a label of either kind."""
    return label if isinstance(label, Action) else Action(label)


def thresholds(labels: Sequence[Label]) -> dict[str, float]:
    """Return the thresholds of those actions that have their own, by name and by its words."""
    own = [each for each in labels if isinstance(each, Action) and each.threshold is not None]
    return {
        name: each.threshold
        for each in own
        for name in (each.name, label_lists.clean(each.name))
        if each.threshold is not None
    }


def find(name_or_file: str) -> Sequence[Label]:
    """Return the labels of a benchmark, of a label file, or of a TOML file of actions.

    Raises:
        FileNotFoundError: it is neither the name of a label set nor a file, or an example is none.
        ValueError: the file holds no labels, or two that say the same, or cannot be understood.
    """
    if Path(name_or_file).suffix.lower() == SUFFIX:
        return read(Path(name_or_file))
    return label_lists.check(label_sets.find(name_or_file))


def read(path: Path) -> list[Action]:
    """Read a TOML file of actions.

    Raises:
        FileNotFoundError: there is no such file, or no such example.
        ValueError: it is no TOML, a key is unknown, a value is impossible, an action has neither
            words nor examples, or two have the same name; names the action.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a TOML file of actions")
    return parse(read_text(path), path)


def read_named(path: Path, name: str) -> Action:
    """Read one action of a TOML file.

    Raises:
        FileNotFoundError: as in `read`.
        ValueError: as in `read`, or there is none of this name.
    """
    found = read(path)
    for action in found:
        if label_lists.clean(action.name).casefold() == label_lists.clean(name).casefold():
            return action
    close = difflib.get_close_matches(name, names(found), n=1)
    advice = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(f"{path}: no action {name!r}; {advice}it has {', '.join(names(found))}")


def parse(text: str, path: Path) -> list[Action]:
    """Read actions from the content of a file; raises as `read`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    tables = document.pop("action", None)
    if document:
        key = next(iter(document))
        raise ValueError(f"{path}: {key}: unknown; write [[action]] above each action")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f'{path}: no action; add a table: [[action]] name = "falling down"')
    actions = [_action(table, number, path) for number, table in enumerate(tables, start=1)]
    label_lists.check(names(actions), str(path))
    return actions


def parse_example(text: str, folder: Path) -> Example:
    """Return the example that `VIDEO` or `VIDEO@START-END`, in seconds, stands for.

    Args:
        text: as in files and on the command line.
        folder: which a relative path starts from.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the part is empty, or the path is that of a folder.
    """
    part = _PART.fullmatch(text)
    if part is None or (folder / text).is_file():
        example = Example(folder / text)
    else:
        if float(part["end"]) <= float(part["start"]):
            raise ValueError(f"{text}: the part ends before it begins; give VIDEO@START-END")
        example = Example(folder / part["video"], float(part["start"]), float(part["end"]))
    if example.path.is_dir():
        raise ValueError(f"{text}: a folder; give a video, or VIDEO@START-END")
    if not example.path.is_file():
        raise FileNotFoundError(f"{text}: no such file (in {folder}); correct the path")
    return example


def _action(table: Mapping[str, Any], number: int, path: Path) -> Action:
    where = f"{path}: action {number}"
    name = table.get("name")
    if not isinstance(name, str):
        fault = "missing; add it" if name is None else f"{name!r} is no text; put it in quotes"
        raise ValueError(f"{where}: name: {fault}")
    where += f" ({name!r})"
    if unknown := [key for key in table if key not in KEYS]:
        close = difflib.get_close_matches(unknown[0], KEYS, n=1)
        advice = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"{where}: {unknown[0]}: unknown; {advice}known: {', '.join(KEYS)}")
    words, rivals, clips = (_texts(table, key, where) for key in ("words", "not", "examples"))
    threshold = table.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | None):
        raise ValueError(f"{where}: threshold: {threshold!r} is no number; give a score, 0 to 1")
    if len(clips or ()) > MAX_EXAMPLES:
        raise ValueError(f"{where}: examples: more than {MAX_EXAMPLES}; leave some out")
    try:
        examples = tuple(parse_example(clip, path.parent) for clip in clips or ())
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{where}: examples: {error}") from error
    try:
        threshold = None if threshold is None else float(threshold)
        return Action(label_lists.normalize(name), words, rivals or (), examples, threshold)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    """Return a list of texts; None if there is none."""
    values = table.get(key)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f'{where}: {key}: give a list of texts: {key} = ["...", "..."]')
    return tuple(values)
