"""`actionclip serve`: a page and a REST service on this machine, until Ctrl-C or SIGTERM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.archive.archive import Archive
    from actionclip.recognizer import Recognizer


def serve(
    model: options.Model = options.DEFAULT_MODEL,
    host: Annotated[
        str, typer.Option(help="Where to listen; other machines reach it at 0.0.0.0, with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Holds the token that clients must send, 32 characters or more; or set "
            "ACTIONCLIP_SERVE_TOKEN.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name under which clients reach this service."),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Labels, or actions with examples (.toml), that clients may name as a label set: "
            "by the name of the file.",
        ),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="An archive that clients may search: see index."),
    ] = None,
    mcp: Annotated[
        bool,
        typer.Option(
            "--mcp", help="Serve the archive to one program, by MCP on standard input and output."
        ),
    ] = False,
    device: options.Device = None,
) -> None:
    """Serve a page and a REST service: recognize, timeline, search.

    Only programs of this machine reach it, unless a host and a token are given. Open the address
    that it prints; its programs find the description at /openapi.json.
    """
    with terminal.extra("serving needs", "serve"):
        from actionclip.server import run, settings

    if mcp:
        if archive is None:
            raise ValueError("--mcp: an archive is served so; name it by --archive")
        with terminal.extra("--mcp needs", "mcp"):
            import actionclip.server.agents  # noqa: F401  (what is missing is said at once)

    chosen = settings.Settings(
        model=model,
        host=host,
        port=port,
        token=settings.read_token(token_file),
        allowed_hosts=frozenset(name.lower() for name in allow_host or ()),
        label_sets=settings.read_label_sets(labels or ()),
    )

    from actionclip.recognizer import Recognizer
    from actionclip.server.service import Service

    recognizer = Recognizer.load(model, device=device)
    for label_set in chosen.label_sets.values():
        recognizer.embed_labels(label_set)  # examples are decoded now, and what is wrong is said
    service = Service(chosen, recognizer, run.uploads_folder(), _open(archive, recognizer))
    try:
        if mcp:
            from actionclip.server import agents

            agents.serve(service)
        else:
            run.serve(service, lambda address: terminal.note(f"serving {model} at {address}"))
    finally:
        service.close()


def _open(archive: str | None, recognizer: Recognizer) -> Archive | None:
    if archive is None:
        return None
    with terminal.extra("an archive needs", "archive"):
        from actionclip.archive.archive import Archive

    return Archive.open(archive, recognizer, must_exist=True)
