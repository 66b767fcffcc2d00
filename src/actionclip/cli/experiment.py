"""`actionclip experiment`: a table or the figure of the paper, trained and measured anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionclip.cli import options, terminal

CLIPS_PER_ACTION = 24
"""Of the stick figures that are made where no data is named: minutes on two cores."""


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
    """Compare the variants that the paper compares, and put its figures beside.

    "all" are those of the paper. "few-shot" is the protocol: 0, 1, 2, 4, 8 and 16 clips a label.
    Stopped, it goes on where it was when it is started again. With frozen towers (lite, or no GPU)
    only the temporal head and what follows the tower are trained.
    """
    try:
        from actionclip.experiments import experiment as experiments
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"experiments need {error.name}: pip install 'actionclip[train]'"
        ) from error
    import torch
    from rich.console import Console
    from rich.markdown import Markdown

    from actionclip.training.train import Stopped

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
            terminal.note("stopped and saved; the same command goes on from here")
            raise typer.Exit(130) from None
        Console().print(Markdown(page.read_text(encoding="utf-8")))
        terminal.note(f"this table is in {page}")


def _stick_figures(folder: Path) -> Path:
    """Draw the clips, unless they are there."""
    from actionclip.data import stick_figures

    if not (folder / "annotations.csv").is_file():
        with terminal.counter("drawing", "clips") as count:
            stick_figures.make(folder, CLIPS_PER_ACTION, 0, on_clip=count)
    return folder
