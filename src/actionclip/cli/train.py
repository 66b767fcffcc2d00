"""`actionclip train`: trains a checkpoint by a recipe, or from only a folder of clips."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import conventions
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.training.loop import Epoch


def train(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE.toml", help="Model, data, training.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Without a recipe: a folder per label, or a CSV."),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --data: the videos, if not beside the list."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="With --data: the labels of a list of numbers; or a set."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="With --data: what to start from; lite by default.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of the run; runs/NAME by default."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in DIR, if there is one.")
    ] = False,
    like: Annotated[
        str, typer.Option(help="official: train and test as the official code does.")
    ] = "default",
    device: options.Device = None,
) -> None:
    """Train a model on your clips; DIR/best and DIR/last are checkpoints for --model.

    With --data a recipe is chosen, printed and written to DIR/recipe.toml.
    On several GPUs or machines: `torchrun ... -m actionclip.cli train RECIPE.toml`.
    """
    if (recipe is None) == (data is None):
        raise ValueError("give a recipe, or --data with a folder of clips; one of the two")
    for option, value, key in (
        ("--model", model, "model.start"),
        ("--videos", videos, "data.videos"),
        ("--labels", labels, "data.labels"),
    ):
        if value is not None and data is None:
            raise ValueError(f"{option} goes with --data; in a recipe it is {key}")
    if recipe is not None and not recipe.is_file():
        raise FileNotFoundError(f"{recipe}: no such recipe; check the path")
    named_after = recipe if recipe is not None else data
    assert named_after is not None
    output = output or Path("runs") / named_after.resolve().stem

    chosen = conventions.check(like, "--like")
    with terminal.extra("training needs"):
        from actionclip.training import fit
        from actionclip.training import recipe as recipes
    from actionclip.text import text_files
    from actionclip.training.loop import Stopped

    if data is not None:
        text = _suggested(data, videos, labels, model or "lite", output, device, chosen)
    else:
        text = text_files.read_text(named_after)
    if chosen != "default":
        text = recipes.with_like(text, chosen, str(named_after))
    is_first = int(os.environ.get("RANK", "0")) == 0
    try:
        with terminal.progress("clips") as encoding, terminal.progress("clips") as training:
            features = encoding.add_task("computing features", total=None, visible=False)
            steps = training.add_task("training", total=None, visible=False)
            tenths = set[int]()

            def on_features(done: int, total: int) -> None:
                encoding.update(features, completed=done, total=total, visible=done < total)
                tenth = 10 * done // max(total, 1)
                if is_first and done < total and tenth not in tenths:
                    tenths.add(tenth)
                    terminal.progress_line(f"computing features: {done} of {total}")

            fit.fit(
                text,
                output,
                where=str(named_after),
                resume=resume,
                device=device,
                on_features=on_features,
                on_step=lambda now: training.update(
                    steps,
                    completed=((now.epoch - 1) * now.num_steps + now.step) * now.batch_size,
                    total=now.num_epochs * now.num_steps * now.batch_size,
                    description=f"epoch {now.epoch}/{now.num_epochs}  loss {now.loss:.3f}",
                    visible=True,
                ),
                on_epoch=_print_epoch if is_first else lambda epoch: None,
            )
    except Stopped:
        terminal.note(f"stopped and saved; to continue add: --output {output} --resume")
        raise typer.Exit(130) from None
    if is_first:
        _print_result(output)


def _suggested(
    data: Path,
    videos: Path | None,
    labels: str | None,
    model: str,
    output: Path,
    device: str | None,
    like: conventions.Like,
) -> str:
    """Choose a recipe and print it; a continued run has one already."""
    import torch

    from actionclip.training import data as training_data
    from actionclip.training import recipe as recipes

    recipe = output / "recipe.toml"
    if recipe.is_file():
        return recipe.read_text(encoding="utf-8")
    has_gpu = device != "cpu" and torch.cuda.is_available()
    chosen = {"path": str(data), "videos": str(videos) if videos else None, "labels": labels}
    chosen = recipes.Data(**{key: value for key, value in chosen.items() if value is not None})
    text = recipes.write(training_data.suggest(chosen, model, has_gpu=has_gpu, like=like)) + "\n"
    print(text)
    return text


def _print_epoch(epoch: Epoch) -> None:
    """Print a line where no progress bar is shown."""
    scores = "  ".join(f"{name} {value:.1%}" for name, value in epoch.metrics.items())
    terminal.progress_line(
        f"epoch {epoch.epoch}/{epoch.num_epochs}  loss {epoch.loss:.4f}  {scores}"
        f"  {epoch.seconds:.1f} s  {epoch.clips_per_second:.1f} clips/s"
    )


def _print_result(output: Path) -> None:
    """Print the score of the best epoch, and those of interpolations with the start."""
    from actionclip.evaluation import selection
    from actionclip.training import checkpoints

    rows = checkpoints.read_rows(output / "metrics.csv")
    score = list(rows[0])[2]
    best = max(rows, key=lambda row: row[score])
    chosen = selection.read(output / "best")
    source = f"{chosen.source}, which selected" if chosen else "the clips that selected"
    print(f"{output / 'best'}: {score} {best[score]:.1%} on {source} it (epoch {best['epoch']})")
    if mixtures := checkpoints.read_rows(output / "interpolation.csv"):
        print(f"mixtures of start and best; {score} on {source} best:")
    for row in mixtures:
        share, *scores = row.items()
        metrics = "  ".join(f"{name} {value:.1%}" for name, value in scores)
        print(f"{share[1]:.0%} of the way from start to best: {metrics}")
