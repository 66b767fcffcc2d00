"""`actionclip experiment`: trains and measures a table or the figure of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionclip.cli import options, terminal

CLIPS_PER_ACTION = 24
"""Of the stick figures that are made without --data: minutes on two cores."""


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help="objective, initialisation, textual-prompts, visual-prompts, shots; or all;"
            " or few-shot.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="By default stick figures, made on the spot."),
    ] = None,
    model: Annotated[str, typer.Option(help="What every variant starts from.")] = "lite",
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where tables, pictures and trials go.")
    ] = Path("runs/experiments"),
    epochs: Annotated[int, typer.Option(min=1, help="Of every trial.")] = 30,
    seeds: Annotated[int, typer.Option(min=1, help="How often each variant is trained.")] = 3,
    device: options.Device = None,
) -> None:
    """Compare the variants that the paper compares, beside its figures.

    "all" are those of the paper. "few-shot" is the protocol: 0, 1, 2, 4, 8 and 16 clips a label.
    The same command resumes a stopped experiment. With frozen towers (lite, or no GPU) only the
    temporal head and what follows the tower are trained.
    """
    with terminal.extra("experiments need"):
        from actionclip.experiments import experiment as experiments
    import torch
    from rich.console import Console
    from rich.markdown import Markdown

    from actionclip.training.loop import Stopped

    if name != "all" and name not in experiments.NAMES:
        raise ValueError(f"no experiment is called {name!r}: all, {', '.join(experiments.NAMES)}")
    where = f" --data {data}" if data else ""
    data = data or _stick_figures(output / "stick-figures")
    for one in experiments.OF_THE_PAPER if name == "all" else (name,):
        command = f"actionclip experiment {one}{where} --model {model}"
        command += f" --epochs {epochs} --seeds {seeds}"
        try:
            with terminal.counter(one, "trials") as count:
                page = experiments.run(
                    one,
                    data,
                    model,
                    output,
                    epochs=epochs,
                    num_seeds=seeds,
                    device=device,
                    has_gpu=device != "cpu" and torch.cuda.is_available(),
                    command=command,
                    on_trial=count,
                )
        except Stopped:
            terminal.note("stopped and saved; the same command resumes")
            raise typer.Exit(130) from None
        Console().print(Markdown(page.read_text(encoding="utf-8")))
        terminal.note(f"this table is in {page}")


def _stick_figures(folder: Path) -> Path:
    from actionclip.data import stick_figures

    if not (folder / "annotations.csv").is_file():
        with terminal.counter("drawing", "clips") as count:
            stick_figures.make(folder, CLIPS_PER_ACTION, 0, on_clip=count)
    return folder
