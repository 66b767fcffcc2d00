"""The `actionclip` program: its commands, and what happens to mistakes.

A mistake of the user becomes one line on stderr and exit status 2; a traceback is our bug. Commands
import what is heavy when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

import actionclip as package
from actionclip.cli import terminal
from actionclip.cli.cache import cache
from actionclip.cli.data import data
from actionclip.cli.evaluate import evaluate
from actionclip.cli.experiment import experiment
from actionclip.cli.prompts import prompts
from actionclip.cli.recognize import recognize
from actionclip.cli.report import report
from actionclip.cli.timeline import timeline
from actionclip.cli.train import train
from actionclip.cli.watch import watch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: the styled one takes twice as long to start
)
for command in (recognize, timeline, watch, train, evaluate, prompts, experiment, cache):
    app.command()(command)
app.add_typer(data, name="data")
app.add_typer(report, name="report")


def _print_version(is_asked: bool) -> bool:
    if is_asked:
        print(f"actionclip {package.__version__}")
        raise typer.Exit
    return False


@app.callback()
def actionclip(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Name any actions; it says which of them a video shows."""


def main() -> None:
    """Run the program and turn mistakes into one line and an exit status."""
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # what it retries, our error line sums up
    if "HOME" in os.environ:  # matplotlib's list of fonts lies in our cache, not beside it
        cache = os.environ.get("XDG_CACHE_HOME") or f"{os.environ['HOME']}/.cache"
        os.environ.setdefault("MPLCONFIGDIR", f"{cache}/actionclip/matplotlib")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminal.showing_log():
            app()
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        terminal.error(error)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name is not None:  # raised by Python; ours tell which extra to install
            raise
        terminal.error(error)
        sys.exit(2)
