"""`actionclip index`: videos and folders are read once into an archive, to be searched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.archive import index as indexing
    from actionclip.archive.archive import Archive


def index(
    video: Annotated[
        list[Path], typer.Argument(help="Videos and folders of them.", show_default=False)
    ],
    archive: options.Archive,
    model: options.OfArchive = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Read videos again that could not be read before.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and read videos as they arrive, until Ctrl-C.")
    ] = False,
    as_json: options.AsJson = False,
    device: options.Device = None,
) -> None:
    """Read videos into an archive; those that are there already are skipped.

    A run that is stopped, or the next one, goes on where it was. Videos of the folders that are
    gone are marked as vanished: `actionclip archive forget` removes them. With --watch and --json
    each run that found something new prints a document on a line.
    """
    from actionclip.video.decoder import Decoder

    decoder = Decoder()
    decoder.start()  # while torch is imported
    with terminal.extra("an archive needs", "archive"):
        from actionclip.archive.archive import Archive as _Archive

    opened = _Archive.open(archive, model, device=device, decoder=decoder)
    if watch:
        _watch(opened, video, retry, as_json)
        return
    with _progress() as show:
        report = opened.index(video, retry=retry, on_progress=show)
    _print(report, as_json, indent=2)
    if report.failed and not report.indexed + report.unchanged:
        raise typer.Exit(2)


def _watch(opened: Archive, videos: list[Path], retry: bool, as_json: bool) -> None:
    """Index what is there and what arrives, until a signal."""
    from actionclip.archive import arrivals

    with terminal.stopping_on_signals() as stopped, _progress() as show:

        def show_or_stop(progress: indexing.Progress) -> None:
            if stopped.is_set():
                raise KeyboardInterrupt
            show(progress)

        changes = arrivals.changes(videos, stopped.wait)
        paths = next(changes, None)
        while paths is not None:
            is_unsettled = False
            try:
                report = opened.index(paths, retry=retry, on_progress=show_or_stop)
                is_unsettled = bool(report.waiting)
                if report.indexed + report.moved + report.vanished + len(report.failed):
                    _print(report, as_json, indent=None)
            except KeyboardInterrupt:
                break
            except (ValueError, OSError) as error:  # such as another process that is writing
                terminal.error(error)
                is_unsettled = True
            try:
                paths = changes.send(is_unsettled)
            except StopIteration:
                break
    terminal.note("stopped; what was indexed stays")


def _print(report: indexing.Report, as_json: bool, indent: int | None) -> None:
    _print_notes(report)
    if as_json:
        failed = [{"video": str(path), "error": error} for path, error in report.failed]
        document = {
            "indexed": report.indexed,
            "unchanged": report.unchanged,
            "failed": failed,
            "seconds": round(report.seconds, 3),
        }
        print(display.to_json(document, indent=indent), flush=True)
    else:
        counts = f"{report.indexed} indexed, {report.unchanged} unchanged"
        print(f"{counts}, {len(report.failed)} failed", flush=True)


def _print_notes(report: indexing.Report) -> None:
    for _, error in report.failed:
        terminal.error(error)
    for path in report.waiting:
        terminal.note(f"{path}: was being written meanwhile; index it again when it is complete")
    if report.moved:
        terminal.note(f"{report.moved} of the unchanged were known by their content")
    if report.vanished:
        terminal.note(f"{report.vanished} videos are gone; they are not found any more")


@contextmanager
def _progress() -> Iterator[Callable[[indexing.Progress], None]]:
    """Show videos, hours of video, speed and the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    started, console = time.monotonic(), Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("indexing", total=None)

        def show(progress: indexing.Progress) -> None:
            speed = 3600 * progress.hours / max(time.monotonic() - started, 0.001)
            bar.update(
                task,
                completed=progress.bytes_done,
                total=progress.num_bytes,
                description=f"{progress.num_done} of {progress.num_files} videos, "
                f"{progress.hours:.2f} h, {speed:.0f} times as fast as they play",
            )

        yield show
