"""`actionclip search`: words and examples become moments of the videos of an archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.archive.hits import Hit


def search(
    archive: options.Archive,
    query: Annotated[
        str | None, typer.Argument(help="An action in your own words.", show_default=False)
    ] = None,
    actions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A TOML file of actions; the query is the name of one of them."
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLIP",
            help="A clip that shows what to find, or a moment of an indexed video, "
            "archive:ID@START-END; several of them show one action.",
        ),
    ] = None,
    like_share: Annotated[
        float, typer.Option(min=0, max=1, help="What examples count beside the query.")
    ] = 0.5,
    model: options.OfArchive = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="An action that a moment must not show more."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many hits to show.")] = 20,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="SCORE",
            help='Show only moments that reach this score, 0 to 1, or "auto"; perhaps none.',
        ),
    ] = None,
    as_json: options.AsJson = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with a picture of each hit that plays it."),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Cut each hit out as a video, without sound."),
    ] = None,
    device: options.Device = None,
) -> None:
    """Find moments in the videos of an archive, by words, examples or both, best first.

    Nothing of the indexed videos is decoded for it, but for pictures and clips of the hits.
    """
    from actionclip import atomic_write

    least = terminal.score(threshold) if threshold is not None else None
    for output in (csv, html, clips):
        if output:
            atomic_write.check_folder(output)
    described = None
    if actions:
        from actionclip.text.actions import read_named

        described = read_named(actions, query or "")
    with terminal.extra("an archive needs", "archive"):
        from actionclip.archive import examples as query_of
        from actionclip.archive import hits as files
        from actionclip.archive.archive import Archive

    opened = Archive.open(archive, model, device=device, must_exist=True)
    examples = like or []
    found = opened.search(
        described or query,
        like=examples,
        like_share=like_share,
        without=without or (),
        top=top,
        threshold=least,
    )
    name = query_of.name_of(query, examples)
    if as_json:
        print(files.to_json(name, found))
    if csv:
        atomic_write.write_text(csv, files.to_csv(found))
        terminal.note(f"{len(found)} hits are in {csv}")
    if html:
        from actionclip.pages import search as page

        with terminal.counter("reading", "pictures") as count:
            text = page.render(name, found, html, archive, count)
        atomic_write.write_text(html, text)
        terminal.note(f"the page is in {html}")
    if clips:
        with terminal.counter("cutting", "clips") as count:
            files.write_clips(name, found, clips, count)
        terminal.note(f"{len(found)} clips are in {clips}")
    if not found:
        terminal.note(f"nothing in {archive} shows {name!r}")
    if not (as_json or csv or html or clips):
        _print_table(found)


def _print_table(hits: Sequence[Hit]) -> None:
    from rich.console import Console
    from rich.table import Table

    from actionclip.pages.timeline import clock

    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for hit in hits:
        bar = "█" * round(20 * hit.score) or "▏"
        times = f"{clock(hit.start_seconds)} – {clock(hit.end_seconds)}"
        copies = f" (and {len(hit.copies)} more)" if hit.copies else ""
        table.add_row(f"{hit.score:.3f}", bar, times, display.markup(_near(hit.video)) + copies)
    Console(highlight=False).print(table if hits else "none of these")


def _near(path: Path) -> Path:
    """Return a path as seen from the current folder, if it is in it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
