"""`actionclip prompts`: the accuracy of each template, alone and among the others."""

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
    videos: options.Videos = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labels to choose from, one a line; or a set."),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sentences to compare; by default the paper's sixteen."),
    ] = None,
    split: options.Split = None,
    as_json: options.AsJson = False,
    workers: options.Workers = 2,
    device: options.Device = None,
) -> None:
    """Measure each template alone, and what the others lose without it.

    A choice made on these clips has to be tested on others.
    """
    from actionclip.text import label_sets
    from actionclip.text import prompts as sentences

    candidates = label_sets.find_file(labels) if labels else None
    chosen = sentences.read(templates) if templates else sentences.PAPER
    chosen_split = options.check_split(split)
    with terminal.extra("comparing prompts needs"):
        from actionclip.cli import trained
        from actionclip.evaluation import evaluate as evaluation
        from actionclip.evaluation import prompt_lab

    annotations = evaluation.read(data, videos, candidates)
    subject = trained.subject(model, templates=chosen, device=device)
    with terminal.counter("encoding videos", "clips") as count:
        lab = prompt_lab.run(
            subject, annotations, chosen_split, num_workers=workers, on_progress=count
        )
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
    console.print(f"[bold]{display.markup(model)} on {display.markup(data)}[/]", soft_wrap=True)
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
        table.add_row(display.markup(one.template), one.kind, *alone, worth)
    table.add_section()
    for name, one in lab.ensembles.items():
        table.add_row(f"[bold]{name}[/]", "", wording.percent(one.value), wording.around(one), "")
    console.print(table)
