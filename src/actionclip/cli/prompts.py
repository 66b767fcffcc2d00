"""`actionclip prompts`: which templates help a model on some data, and which hurt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.evaluation.prompt_lab import Lab


def prompts(
    model: Annotated[
        str, typer.Argument(help="lite, a name on a hub, a checkpoint.", show_default=False)
    ],
    data: Annotated[
        Path, typer.Argument(help="A folder per label, a table, a list.", show_default=False)
    ],
    videos: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the videos are, if not beside the list."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labels to choose from, one a line; or a set."),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sentences to compare; by default the paper's sixteen."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val, test or all; by default test, or else val.")
    ] = None,
    as_json: options.AsJson = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode videos.")] = 2,
    device: options.Device = None,
) -> None:
    """Say for each template how good it is alone, and what the others lose without it.

    A choice made on these clips has to be tried on others before it counts.
    """
    from actionclip.text import label_sets
    from actionclip.text import prompts as sentences

    candidates = label_sets.find_file(labels) if labels else None
    chosen = sentences.read(templates) if templates else sentences.PAPER
    if split not in (None, "train", "val", "test", "all"):
        raise ValueError(f"--split: {split!r} is none of train, val, test, all")
    try:
        from actionclip.cli import trained
        from actionclip.evaluation import evaluate as evaluation
        from actionclip.evaluation import prompt_lab
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"comparing prompts needs {error.name}: pip install 'actionclip[train]'"
        ) from error

    annotations = evaluation.read(data, videos, candidates)
    subject = trained.subject(model, templates=chosen, device=device)
    with terminal.counter("looking at the videos", "clips") as count:
        lab = prompt_lab.run(subject, annotations, split, num_workers=workers, on_progress=count)
    if as_json:
        print(display.to_json(lab.to_json(), indent=1))
    else:
        _print_table(model, data, lab)


def _print_table(model: str, data: Path, lab: Lab) -> None:
    from rich.console import Console
    from rich.table import Table

    from actionclip.evaluation import wording
    from actionclip.evaluation.intervals import Interval

    console = Console(highlight=False)
    console.print(f"[bold]{terminal.markup(model)} on {terminal.markup(data)}[/]", soft_wrap=True)
    chosen = f"; the model was {lab.selection}" if lab.selection else ""
    console.print(f"{lab.num_clips} clips, {lab.num_labels} labels; top-1, 95 % intervals{chosen}")
    table = Table(box=None, pad_edge=False)
    table.add_column("template", overflow="fold")
    table.add_column("kind")
    table.add_column("alone", justify="right")
    table.add_column("interval", justify="right")
    table.add_column("worth to the others, points", justify="right")
    for one in lab.findings:
        reach = wording.points(Interval(one.worth, one.worth_low, one.worth_high))
        worth = f"{100 * one.worth:+.1f}  ({reach})"
        alone = wording.percent(one.alone.value), wording.around(one.alone)
        table.add_row(terminal.markup(one.template), one.kind, *alone, worth)
    table.add_section()
    for name, one in lab.ensembles.items():
        table.add_row(f"[bold]{name}[/]", "", wording.percent(one.value), wording.around(one), "")
    console.print(table)
