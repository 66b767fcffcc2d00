"""`actionclip watch`: a camera, a stream or a file and labels become a line of JSON per event."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.timeline.moments import Began, Ended


def watch(
    source: Annotated[
        str,
        typer.Argument(
            help="A video, a camera (0 or /dev/video0), rtsp://, http(s):// or udp://, a pipe (-).",
            show_default=False,
        ),
    ],
    label: options.Words = None,
    labels: options.Labels = None,
    model: options.OptionalModel = None,
    templates: options.Templates = None,
    rate: options.Rate = 4.0,
    window: options.Windows = None,
    stride: options.Stride = None,
    threshold: options.Threshold = "auto",
    exclusive: options.Exclusive = False,
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

    Each event is a line of JSON; notes on connections and dropped frames go to stderr. Ctrl-C ends
    the open moments.
    """
    from actionclip.video.connection import parse_address

    parse_address(source)  # refused before anything is loaded
    least = terminal.score(threshold)
    names, sentences = options.read_question(labels, label or [], templates, model)

    from actionclip.timeline.settings import Settings

    settings = Settings(rate, tuple(window or Settings.window_seconds), stride)
    with _stopping_on_signals() as stopped:
        from actionclip.recognizer import Recognizer
        from actionclip.timeline.moments import Slot
        from actionclip.timeline.watch import Watching

        events = Recognizer.load(options.choose_model(model), device=device).watch(
            source,
            names,
            sentences,
            threshold=least,
            settings=settings,
            exclusive=exclusive,
            watching=Watching(realtime, max_delay, timeout, retries),
            on_note=terminal.note,
            is_stopped=stopped.is_set,
        )
        with closing(events):
            for event in events:
                if not isinstance(event, Slot):
                    print(_line(event), flush=True)


def _line(event: Began | Ended) -> str:
    from actionclip.timeline.moments import Ended

    if isinstance(event, Ended):
        fields = {"event": "ended", **vars(event.moment)}
    else:
        fields = {"event": "started", **vars(event)}
    return display.to_json(fields)


@contextmanager
def _stopping_on_signals() -> Iterator[threading.Event]:
    """Set an event at the first Ctrl-C or SIGTERM; the second has its usual effect."""
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: (stopped.set(), restore()))
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield stopped
    finally:
        restore()
