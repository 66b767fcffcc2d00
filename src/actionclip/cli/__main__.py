"""The `actionclip` program (`python -m actionclip.cli` for torchrun): its commands and its errors.

A mistake of the user is one line on stderr and exit status 2; a traceback is our bug. Commands
import what is heavy when they run, so that `--help` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import actionclip as package
from actionclip.cli import terminal
from actionclip.cli.archive import archive
from actionclip.cli.cache import cache
from actionclip.cli.data import data
from actionclip.cli.evaluate import evaluate
from actionclip.cli.experiment import experiment
from actionclip.cli.index import index
from actionclip.cli.prompts import prompts
from actionclip.cli.recognize import recognize
from actionclip.cli.report import report
from actionclip.cli.search import search
from actionclip.cli.serve import serve
from actionclip.cli.teach import teach
from actionclip.cli.timeline import timeline
from actionclip.cli.train import train
from actionclip.cli.watch import watch

COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "recognize": recognize,
    "timeline": timeline,
    "watch": watch,
    "index": index,
    "search": search,
    "archive": archive,
    "serve": serve,
    "teach": teach,
    "train": train,
    "evaluate": evaluate,
    "prompts": prompts,
    "experiment": experiment,
    "cache": cache,
    "data": data,
    "report": report,
}
"""Each is a function with typer's annotations, or a group of such functions."""


def _print_version(is_given: bool) -> bool:
    if is_given:
        print(f"actionclip {package.__version__}")
        raise typer.Exit
    return False


def _actionclip(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Name any actions; it says which of them a video shows."""


def build_app() -> typer.Typer:
    """Return the program with all of `COMMANDS`."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # styled help takes twice as long to start
    )
    app.callback()(_actionclip)
    for name, command in COMMANDS.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Run the program; print an error as one line."""
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # our error line has the reason
    if "HOME" in os.environ:  # matplotlib's font list belongs into our cache
        cache = os.environ.get("XDG_CACHE_HOME") or f"{os.environ['HOME']}/.cache"
        os.environ.setdefault("MPLCONFIGDIR", f"{cache}/actionclip/matplotlib")
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may not be UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminal.showing_log():
            build_app()()
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:
        terminal.error(error)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name is not None:  # raised by Python; `terminal.extra` names none
            raise
        terminal.error(error)
        sys.exit(2)


if __name__ == "__main__":
    main()
