"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from actionclip.cli import terminal

if TYPE_CHECKING:
    from actionclip.text.actions import Label

DEFAULT_MODEL = "lite"

Words = Annotated[
    list[str] | None, typer.Argument(metavar="LABEL", help="Actions in your own words.")
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Labels, one a line; actions with examples, .toml; or a set: kinetics400, ucf101, ...",
    ),
]
Templates = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Read sentences with a hole {} for the label, one a line."),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; by default a GPU if there is one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Model = Annotated[
    str, typer.Option(help="lite, a name on a hub, a folder or an official .pt file.")
]
OptionalModel = Annotated[
    str | None,
    typer.Option(help="lite (the default), a name on a hub, a folder or an official .pt file."),
]
Archive = Annotated[
    str,
    typer.Option(
        metavar="FOLDER", help="Of the archive; or of an object store, s3://...", show_default=False
    ),
]
OfArchive = Annotated[
    str | None, typer.Option(help="By default the one that made the archive; a new one: lite.")
]
Videos = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Where the videos are, if not beside the list."),
]
Split = Annotated[
    str | None, typer.Option(help="train, val, test or all; by default as the protocol has it.")
]
Workers = Annotated[int, typer.Option(min=0, help="Processes that decode videos.")]
Rate = Annotated[float, typer.Option(help="Frames to encode for each second.")]
Windows = Annotated[
    list[float] | None,
    typer.Option(
        metavar="SECONDS", help="Length of the windows: 2; given several times, all of them."
    ),
]
Stride = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="From one window to the next; by default one frame."),
]
Exclusive = Annotated[
    bool, typer.Option("--exclusive", help="One of the labels at most goes on at a time.")
]
Threshold = Annotated[
    str, typer.Option(metavar="SCORE", help='Score that a moment reaches, 0 to 1, or "auto".')
]


def choose_model(model: str | None) -> str:
    """Return the named model; if none is named `lite`, with a note on what it is good for."""
    if model is None:
        terminal.note(
            "`lite` answers: it knows actions by the things around people and by how they move; "
            "for CLIP's accuracy add --model openai/clip-vit-base-patch16"
        )
    return model or DEFAULT_MODEL


def read_question(
    labels: str | None, words: Sequence[str], templates: Path | None, model: str | None
) -> tuple[Sequence[Label] | None, Sequence[str] | None]:
    """Return labels, from --labels or the words of the command line, and templates.

    None stands for the labels that a trained model was trained on, and for its templates.

    Raises:
        FileNotFoundError: there is no such file or set, or an example is none.
        ValueError: a file is no list of labels, actions or templates, a label is empty or given
            twice, or a word is the path of a file.
    """
    from actionclip.text import actions, prompts
    from actionclip.text import labels as label_lists

    if labels and words:
        raise ValueError(f"{words[0]!r}: labels are in {labels} already; give one or the other")
    for word in words:
        if Path(word).suffix and Path(word).is_file():
            raise ValueError(
                f"{word}: a file, not a label; give labels in a file by --labels {word}, and videos"
                " before the labels"
            )
    sentences = prompts.read(templates) if templates else None
    if not labels and not words and model not in (None, DEFAULT_MODEL):
        return None, sentences
    return actions.find(labels) if labels else label_lists.check(words), sentences


def check_split(split: str | None) -> Literal["train", "val", "test", "all"] | None:
    """Return the split if it is one, or raise ValueError."""
    if split not in (None, "train", "val", "test", "all"):
        raise ValueError(f"--split: {split!r} is none of train, val, test, all")
    return split
