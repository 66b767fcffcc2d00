"""Options that several commands have, said once."""

from __future__ import annotations

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
