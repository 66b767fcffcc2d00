"""Options that several commands have, said once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Labels = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Labels, one a line; or a set: kinetics400, ucf101, ..."),
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
Rate = Annotated[float, typer.Option(help="Frames looked at for each second.")]
Windows = Annotated[
    list[float] | None,
    typer.Option(
        metavar="SECONDS",
        help="How much is looked at together: 2; given several times, all of them.",
    ),
]
Stride = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="From one window to the next; by default one frame."),
]
Threshold = Annotated[
    str, typer.Option(metavar="SCORE", help='Score that a moment reaches, 0 to 1, or "auto".')
]


def labels_given(labels: str | None, words: Sequence[str]) -> Sequence[str]:
    """Give the labels of --labels, or else the words of the command line.

    Raises:
        FileNotFoundError: there is no such file or set.
        ValueError: the file is no list of labels, or a word is the path of a file.
    """
    from actionclip.text import label_sets

    if labels:
        return label_sets.find(labels)
    for word in words:
        if Path(word).suffix and Path(word).is_file():
            raise ValueError(
                f"{word}: a file, not a label; give labels in a file by --labels {word}, and videos"
                " before the labels"
            )
    return words
