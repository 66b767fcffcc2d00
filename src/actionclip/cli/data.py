"""`actionclip data`: checks, converts and makes data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionclip.cli import options, terminal

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="A folder per label, a table (.csv, .tsv, .parquet), a list."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The labels in order, one a line; or the name of a set."),
]
Seed = Annotated[int, typer.Option(help="Of the split, if the data names none.")]


@data.callback()
def actionclip_data() -> None:
    """Check, convert and make data sets."""


@data.command()
def check(
    data: Data,
    videos: options.Videos = None,
    labels: Labels = None,
    seed: Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Show what a data set contains; exit status 1 if something would break a training."""
    from rich.console import Console

    from actionclip.data import check as checking
    from actionclip.text import label_sets

    with terminal.counter("checking videos", "videos") as count:
        report = checking.check(
            data, videos, label_sets.find_file(labels) if labels else None, seed, count
        )
    if as_json:
        print(report.to_json())
    else:
        Console().print(checking.render(report))
    if not report.ok:
        raise typer.Exit(1)


@data.command()
def convert(
    data: Data,
    output: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="The table to write.")],
    videos: options.Videos = None,
    labels: Labels = None,
    seed: Seed = 0,
) -> None:
    """Write a data set of any form as a table: path,label,start,end,split,group."""
    from actionclip.data import reading
    from actionclip.data.formats import table
    from actionclip.text import label_sets

    annotations = reading.read(data, videos, label_sets.find_file(labels) if labels else None, seed)
    table.write(annotations, output)
    terminal.note(f"{len(annotations.examples)} examples are in {output}")


make = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
data.add_typer(make, name="make", help="Make a data set for a trial.")


@make.callback()
def actionclip_data_make() -> None:
    """Make a data set for a trial."""


@make.command()
def stick_figures(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To be made.")],
    clips_per_action: Annotated[int, typer.Option(min=1, help="Videos of each action.")] = 40,
    seed: Annotated[int, typer.Option(help="Another seed draws other people.")] = 0,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="Two actions at a time.")
    ] = False,
) -> None:
    """Draw short videos of an articulated figure that does sixteen actions."""
    from actionclip.data import stick_figures as figures

    with terminal.counter("drawing", "clips") as count:
        num_clips = figures.make(
            folder, clips_per_action, seed, multi_label=multi_label, on_clip=count
        )
    terminal.note(f"{num_clips} clips are in {folder}")


@make.command()
def stick_pictures(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To be made.")],
    num_pictures: Annotated[int, typer.Option("--pictures", min=3, help="How many.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed draws other pictures.")] = 0,
) -> None:
    """Draw pictures of figures, and write captions of what each shows."""
    from actionclip.data.stick_figures import pictures

    with terminal.counter("drawing", "pictures") as count:
        pictures.make(folder, num_pictures, seed, on_picture=count)
    terminal.note(f"{num_pictures} pictures and their captions are in {folder}")
