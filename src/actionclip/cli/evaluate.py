"""`actionclip evaluate`: measures a model on a data set, with intervals and reports."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import conventions, display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.evaluation.report import Report


def evaluate(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="RECIPE.toml", help="Evaluate what `train` made of it."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="lite, a name on a hub, a checkpoint; of a recipe, runs/NAME/best."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="A folder per label, a table, a list, a benchmark."),
    ] = None,
    videos: options.Videos = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="closed-set, zero-shot, half-class, base-to-novel, generalised or multi-label."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labels to choose from; or a set: kinetics400, ..."),
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labels that the model was trained on; or a set."),
    ] = None,
    templates: options.Templates = None,
    split: options.Split = None,
    windows: Annotated[int, typer.Option(min=1, help="Clips of each video.")] = 1,
    crops: Annotated[int, typer.Option(help="Of each clip: 1 or 3.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the draws behind the intervals.")] = 0,
    like: Annotated[
        str | None,
        typer.Option(
            help="official: test as the official code does; default; or else as it was trained."
        ),
    ] = None,
    as_json: options.AsJson = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write an HTML page.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the numbers as text.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the JSON document.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at once.")] = 16,
    workers: options.Workers = 2,
    device: options.Device = None,
) -> None:
    """Measure how good a model is on labelled videos, with confidence intervals.

    Without --protocol: closed-set for labels that the model was trained on, zero-shot for others,
    multi-label where videos have several. A checkpoint of `train` knows its labels.
    On several GPUs: `torchrun ... -m actionclip.cli evaluate ...`.
    """
    from actionclip import atomic_write
    from actionclip.text import label_sets, prompts

    if recipe is None and (model is None or data is None):
        raise ValueError("give a recipe, or --model and --data")
    chosen_split = options.check_split(split)
    candidates = label_sets.find_file(labels) if labels else None
    learnt = label_sets.find(trained_on) if trained_on else None
    sentences = prompts.read(templates) if templates else None
    if like is not None:
        like = conventions.check(like, "--like")
    for path in (report, markdown, output):
        if path is not None:
            atomic_write.check_folder(path)
    with terminal.extra("evaluating needs"):
        from actionclip.cli import trained
        from actionclip.evaluation import evaluate as evaluation
        from actionclip.evaluation import wording
        from actionclip.evaluation.evaluate import Conditions
        from actionclip.pages import evaluation as pages
        from actionclip.training import data as training_data
        from actionclip.training import recipe as recipes

    given = recipes.read(recipe) if recipe is not None else None
    if model is None:
        assert recipe is not None
        model = f"runs/{recipe.resolve().stem}/best"
        if not Path(model).is_dir():
            raise FileNotFoundError(
                f"{model}: no such checkpoint; make it by `actionclip train {recipe}`,"
                " or name one by --model"
            )
    is_whole = False
    if data is None:
        assert given is not None
        data, is_whole = Path(given.data.path), given.data.whole_videos
        videos = videos or (Path(given.data.videos) if given.data.videos else None)
        candidates = candidates or training_data.label_file(given.data)
    annotations = evaluation.read(data, videos, candidates, whole_videos=is_whole)
    device, is_first = _join_processes(device)
    subject = trained.subject(
        model, given, templates=sentences, trained_on=learnt, device=device, precision="fp32"
    )
    evaluated = subject.recognizer.model
    sampling = given.data.sampling if given else evaluated.task.sampling
    chosen = conventions.named(like or (given.like if given else evaluated.task.like))
    if chosen is conventions.DEFAULT:
        evaluated.in_precision("auto")
    elif not (sentences or given or evaluated.task.templates):
        subject = dataclasses.replace(subject, templates=prompts.PAPER)
    with terminal.counter("encoding videos", "clips") as count:
        found = evaluation.run(
            subject,
            annotations,
            data,
            Conditions(protocol, chosen_split, sampling, windows, crops, seed, chosen),  # type: ignore[arg-type]  # a name of `Task`
            batch_size=batch_size,
            num_workers=workers,
            command=display.writable(shlex.join(["actionclip", *sys.argv[1:]])),
            on_progress=count,
        )
    if not is_first:
        return
    if as_json:
        print(found.report.to_json())
    else:
        _print_table(found.report)
    if output is not None:
        atomic_write.write_text(output, found.report.to_json() + "\n")
    if markdown is not None:
        atomic_write.write_text(markdown, wording.to_markdown(found.report))
    if report is not None:
        worst = [one.index for one in found.report.worst]
        pictures = pages.draw_strips(found.annotations.examples, worst, found.sampling)
        atomic_write.write_text(report, pages.render(found.report, pictures))
    for path in (output, markdown, report):
        if path is not None:
            terminal.note(f"the report is in {path}")


def _join_processes(device: str | None) -> tuple[str | None, bool]:
    """Join the processes of torchrun; return this one's device, and whether it is the first."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device, True
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    return str(state.device), state.is_main_process


def _print_table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from actionclip.evaluation import wording

    console = Console(highlight=False)
    setting = report.setting
    console.print(
        f"[bold]{display.markup(setting.model)} on {display.markup(setting.data)}[/]",
        soft_wrap=True,
    )
    console.print(f"{wording.summary(report)} · split {setting.split}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, one in report.telling_metrics.items():
        table.add_row(
            wording.METRICS[name], wording.percent(one.value, report.selection), wording.around(one)
        )
    console.print(table)
    if reason := wording.too_few_groups(report):
        console.print(reason, soft_wrap=True)
    for name, (mean, deviation) in report.spread.items():
        shown = wording.percent(mean, report.selection)
        draws = f"{wording.METRICS[name]} over {len(report.draws)} draws"
        console.print(f"{draws}: {shown}, standard deviation {wording.percent(deviation)}")
    if seen := report.seen_labels:
        some = ", ".join(seen[:5]) + (", …" if len(seen) > 5 else "")
        role = "base labels" if setting.protocol == "base-to-novel" else "labels seen in training"
        console.print(
            f"{role}: {len(seen)} of {len(report.labels)}: {display.markup(some)}", soft_wrap=True
        )
    if report.left_out:
        terminal.note(f"{len(report.left_out)} videos could not be read and are left out")
