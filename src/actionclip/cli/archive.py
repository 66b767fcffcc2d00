"""`actionclip archive`: what is in an archive, whether it is sound, and what to remove."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.archive.tables import Tables

ENOUGH_RECALL = 0.95

archive = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Where = Annotated[str, typer.Argument(metavar="DIR", help="The archive.", show_default=False)]


@archive.callback()
def actionclip_archive() -> None:
    """Look after an archive: what is in it, whether it is sound, what to remove."""


@archive.command()
def info(folder: _Where, as_json: options.AsJson = False) -> None:
    """Say what is in an archive: videos, windows, hours, bytes and the model that made it."""
    tables = _open(folder)
    from actionclip.archive import upkeep

    found = upkeep.info(tables)
    facts = {
        "videos": found.videos,
        "windows": found.windows,
        "hours": round(found.hours, 4),
        "bytes": found.num_bytes,
        "model": found.model,
    }
    if as_json:
        print(display.to_json(facts, indent=2))
        return
    print(f"{found.videos:,} videos, {found.hours:.2f} hours, {found.windows:,} windows")
    print(f"{found.num_bytes / 1e6:,.1f} MB, made by the model {found.model or 'of a program'}")
    for number, what in (
        (found.failed, "could not be read: actionclip index --retry tries again"),
        (found.vanished, "are gone: actionclip archive forget removes them"),
    ):
        if number:
            print(f"{number} {what}")


@archive.command()
def check(folder: _Where, as_json: options.AsJson = False) -> None:
    """Measure how many of the nearest windows a search finds, and compare the tables."""
    tables = _open(folder)
    from actionclip.archive import upkeep

    found = upkeep.check(tables)
    if as_json:
        print(display.to_json(dataclasses.asdict(found), indent=2))
    else:
        print(
            f"recall@{upkeep.RECALL_AT} {found.recall:.3f} of {found.num_queries} searches, "
            "against exact ones"
        )
    for problem in found.problems:
        terminal.error(problem)
    if found.recall < ENOUGH_RECALL:
        terminal.note(f"less than {ENOUGH_RECALL}: actionclip archive compact makes the index anew")
    if found.problems:
        raise typer.Exit(1)


@archive.command()
def forget(
    folder: _Where,
    video: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos or folders; by default all that are gone.", show_default=False),
    ] = None,
) -> None:
    """Remove videos from an archive; their files stay. By default those that are gone."""
    tables = _open(folder)
    from actionclip.archive import upkeep

    with tables.writing():
        removed = upkeep.forget(tables, video)
        upkeep.compact(tables)
    for path in removed:
        terminal.note(f"{path}: forgotten")
    print(f"{len(removed)} forgotten")


@archive.command()
def compact(folder: _Where) -> None:
    """Join small files, remove old versions, and make the index anew.

    `actionclip index` does the first two at the end of each run.
    """
    tables = _open(folder)
    from actionclip.archive import upkeep

    before = upkeep.num_bytes(tables)
    with tables.writing():
        upkeep.compact(tables, new_index=True)
    print(f"{before / 1e6:,.1f} MB before, {upkeep.num_bytes(tables) / 1e6:,.1f} MB now")


def _open(address: str) -> Tables:
    with terminal.extra("an archive needs", "archive"):
        from actionclip.archive import tables
    opened = tables.open_tables(address)
    if opened is None:
        raise FileNotFoundError(
            f"{address}: there is no archive; make one: actionclip index VIDEO... "
            f"--archive {address}"
        )
    return opened
