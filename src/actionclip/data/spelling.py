"""Labels as people write them in tables and names of folders become words.

`ApplyEyeMakeup` and `apply_eye_makeup` are the same words. Labels that differ only by case are more
likely a mistake than meant, and which of them is right cannot be told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from actionclip.data.annotations import Example
from actionclip.data.problems import Problems
from actionclip.text import labels


def in_words(examples: Iterable[Example], problems: Problems) -> list[Example]:
    """Give the examples with their labels in words.

    Args:
        examples: with labels as they are written.
        problems: gets labels that differ only by case from earlier ones, each once.
    """
    first: dict[str, tuple[str, str]] = {}
    words: dict[str, str] = {}
    result = []
    for example in examples:
        for label in example.labels:
            if label in words:
                continue
            words[label] = labels.clean(label)
            earlier, source = first.setdefault(words[label].casefold(), (label, example.source))
            if words[label] != words[earlier] or (
                label != earlier and label.casefold() == earlier.casefold()
            ):
                problems.add(
                    example.source,
                    f"the label {label!r} differs only by case from {earlier!r} ({source});"
                    " write both alike",
                )
        cleaned = tuple(dict.fromkeys(words[label] for label in example.labels))
        result.append(dataclasses.replace(example, labels=cleaned))
    return result
