"""`actionclip watch`: cameras, streams or files and labels become a line of JSON per event."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal


def watch(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE... LABEL",
            help="A source is a video, a camera (0 or /dev/video0), rtsp://, http(s):// or udp://, "
            "a pipe (-); a label an action in your own words.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=ADDRESS", help="A source with a name: door=rtsp://..."),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Named sources, labels and thresholds, in TOML."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="An action in your own words."),
    ] = None,
    labels: options.Labels = None,
    model: options.OptionalModel = None,
    templates: options.Templates = None,
    rate: options.Rate = 4.0,
    window: options.Windows = None,
    stride: options.Stride = None,
    threshold: options.Threshold = "auto",
    exclusive: options.Exclusive = False,
    command: Annotated[
        str | None,
        typer.Option(
            "--exec", metavar="COMMAND", help="Start a program for each event, JSON on its stdin."
        ),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Post each event, as JSON, to this address.")
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write a video of each moment, from 3 seconds before it."
        ),
    ] = None,
    status: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="So often, print connections and dropped frames of each source.",
        ),
    ] = None,
    realtime: Annotated[
        bool,
        typer.Option(
            help="Read a file as fast as it plays and drop the frames that the model is too slow "
            "for; or let the source wait and encode every frame."
        ),
    ] = True,
    max_delay: Annotated[
        float, typer.Option(min=0, help="Seconds that a frame may wait before it is dropped.")
    ] = 5.0,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds of silence after which a connection is lost.")
    ] = 10.0,
    retries: Annotated[
        int | None,
        typer.Option(min=0, help="Reconnects in a row before giving up; endless by default."),
    ] = None,
    device: options.Device = None,
) -> None:
    """Report when each of the labels begins and ends, as it happens.

    Each event is a line of JSON with its source and time; notes on connections and dropped frames
    go to stderr. Ctrl-C ends the open moments. The first argument is a source, unless --source or
    --cameras name others; further addresses and videos may follow. With --label or --labels, every
    argument is a source.
    """
    from actionclip import atomic_write
    from actionclip.cameras import delivery
    from actionclip.cameras import settings as camera_settings

    given = arguments or []
    is_first_a_source = not (source or cameras)
    num_sources = len(given) if label or labels else _count_sources(given, is_first_a_source)
    named = camera_settings.merge(
        [camera_settings.unnamed(address) for address in given[:num_sources]],
        [camera_settings.parse(text) for text in source or []],
        list(camera_settings.read(cameras).items()) if cameras else [],
    )
    if not named:
        raise ValueError("there is no source; give an address, --source or --cameras")
    least = terminal.score(threshold)
    words = [*(label or []), *given[num_sources:]]
    names = sentences = None
    if words or labels or any(camera.labels is None for camera in named.values()):
        names, sentences = options.read_question(labels, words, templates, model)
    elif templates:
        from actionclip.text import prompts

        sentences = prompts.read(templates)
    receivers = {}
    if command is not None:
        receivers["exec"] = delivery.to_command(_split(command))
    if webhook is not None:
        receivers["webhook"] = delivery.to_webhook(webhook)
    if clips:
        atomic_write.check_folder(clips)

    from actionclip.timeline.settings import Settings

    settings = Settings(rate, tuple(window or Settings.window_seconds), stride)
    with terminal.stopping_on_signals() as stopped, ExitStack() as stack:
        from actionclip.cameras import run
        from actionclip.recognizer import Recognizer
        from actionclip.timeline.watch import Watching

        recognizer = Recognizer.load(options.choose_model(model), device=device)
        outboxes = [
            stack.enter_context(closing(delivery.Outbox(name, deliver, terminal.note)))
            for name, deliver in receivers.items()
        ]
        reports = run.watch_all(
            recognizer,
            named,
            names,
            sentences,
            threshold=least,
            settings=settings,
            exclusive=exclusive,
            watching=Watching(realtime, max_delay, timeout, retries),
            clips=clips,
            status_seconds=status,
            on_note=terminal.note,
            is_stopped=stopped.is_set,
        )
        failed = []
        for report in stack.enter_context(closing(reports)):
            line = display.to_json(report.to_document())
            print(line, flush=True)
            if isinstance(report.event, run.Counts):
                continue
            for outbox in outboxes:
                outbox.put(line)
            if isinstance(report.event, run.Failed):
                failed.append(report.source)
                prefix = f"{report.source}: " if len(named) > 1 else ""
                terminal.error(f"{prefix}{report.event.error}")
    if failed:
        raise typer.Exit(2)


def _count_sources(arguments: Sequence[str], is_first_a_source: bool) -> int:
    """Count the sources, which stand before the labels."""
    from actionclip.video import files

    for number, argument in enumerate(arguments):
        is_address = "://" in argument or argument == "-" or argument.startswith("/dev/")
        is_source = is_address or files.is_named_like_a_video(Path(argument))
        if not is_source and (number or not is_first_a_source):
            return number
    return len(arguments)


def _split(command: str) -> list[str]:
    """Split a command into program and arguments, as a shell would; nothing else is special."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ValueError(f"--exec: {command!r}: a quotation mark lacks its partner") from error
