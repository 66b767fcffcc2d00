"""Templates and labels become prompts: the sentences that the text tower encodes.

The paper uses templates of three kinds, by where their words stand: before the label (prefix),
around it (cloze) or after it (suffix).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from actionclip.text.labels import clean, read_lines

Kind = Literal["bare", "prefix", "cloze", "suffix"]

BARE = ("{}",)
"""The label alone; with a fine-tuned CLIP, sentences can be worse than this."""

PAPER = (
    "a photo of action {}",
    "a picture of action {}",
    "Human action of {}",
    "{}, an action",
    "{} this is an action",
    "{}, a video of action",
    "Playing action of {}",
    "{}",
    "Playing a kind of action, {}",
    "Doing a kind of action, {}",
    "Look, the human is {}",
    "Can you recognize the action of {}?",
    "Video classification of {}",
    "A video of {}",
    "The man is {}",
    "The woman is {}",
)
"""The sixteen templates of the official code, in its order; it trains with one at a time."""

CLIP = (
    "a photo of {}.",
    "a photo of a person {}.",
    "a photo of a person doing {}.",
    "a photo of a person during {}.",
    "a video of {}.",
    "a video of a person {}.",
    "a video of a person doing {}.",
    "an example of a person {}.",
    "a demonstration of {}.",
)
"""Sentences in the manner of CLIP's own action prompts (Radford et al. 2021, appendix A)."""

SETS = {"bare": BARE, "paper": PAPER, "clip": CLIP}
"""The template sets that have a name."""


def kind(template: str) -> Kind:
    """Return where the words of a template stand: before, around or after the label, or nowhere.

    >>> [kind(template) for template in ("a video of {}", "recognize {}?", "{}, an action", "{}")]
    ['prefix', 'cloze', 'suffix', 'bare']
    """
    before, after = (bool(side.strip(" .")) for side in split(template))
    if before and after:
        return "cloze"
    return "prefix" if before else "suffix" if after else "bare"


def split(template: str) -> tuple[str, str]:
    """Return the text before and after the hole.

    Raises:
        ValueError: the template has no hole `{}`, or more than one.
    """
    parts = template.split("{}")
    if len(parts) != 2:
        raise ValueError(
            f"template {template!r} has {len(parts) - 1} holes; write one {{}} where the label goes"
        )
    return parts[0], parts[1]


def fill(templates: Sequence[str], labels: Sequence[str], *, raw: bool = False) -> list[str]:
    """Put every label into every template: K × N prompts, template by template.

    Args:
        templates: sentences with a hole `{}`.
        labels: names of actions.
        raw: leave the names as they are instead of making words of them.

    Raises:
        ValueError: a template has no hole `{}`, or more than one.
    """
    words = labels if raw else [clean(label) for label in labels]
    prompts = []
    for template in templates:
        before, after = split(template)
        prompts += [f"{before}{label}{after}" for label in words]
    return prompts


def read(path: Path) -> list[str]:
    """Read templates from a text file, one a line (see `labels.read_lines`).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no template, or one without exactly one hole `{}`.
    """
    templates = read_lines(path)
    if not templates:
        raise ValueError(
            f"{path}: there is no template; write one a line, such as: a video of {{}}"
        )
    for template in templates:
        try:
            split(template)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return templates
