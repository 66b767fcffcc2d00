"""`actionclip timeline`: a long video and labels become moments, in any of several formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.timeline.moments import Moment


def timeline(
    video: Annotated[Path, typer.Argument(help="A video.", show_default=False)],
    label: options.Words = None,
    labels: options.Labels = None,
    model: options.OptionalModel = None,
    templates: options.Templates = None,
    as_json: options.AsJson = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table.")
    ] = None,
    srt: Annotated[
        Path | None, typer.Option("--srt", metavar="FILE", help="Write SubRip subtitles.")
    ] = None,
    vtt: Annotated[
        Path | None, typer.Option("--vtt", metavar="FILE", help="Write WebVTT subtitles.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with video, moments and scores."),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Cut each moment out as a video, without sound."),
    ] = None,
    rate: options.Rate = 4.0,
    window: options.Windows = None,
    stride: options.Stride = None,
    threshold: options.Threshold = "auto",
    exclusive: options.Exclusive = False,
    device: options.Device = None,
) -> None:
    """Find when in a video each of the labels occurs.

    The features of the video's frames are cached: another question to the same video is quick.
    """
    from actionclip import atomic_write
    from actionclip.timeline.settings import Settings
    from actionclip.video.decoder import Decoder

    names, sentences = options.read_question(labels, label or [], templates, model)
    least = terminal.score(threshold)
    for output in (csv, srt, vtt, html, clips):
        if output:
            atomic_write.check_folder(output)
    settings = Settings(rate, tuple(window or Settings.window_seconds), stride)
    decoder = Decoder()
    decoder.start()  # while torch is imported
    num_steps = round(decoder.probe(video).duration_seconds * rate)
    model = options.choose_model(model)

    from actionclip.pages import timeline as page
    from actionclip.recognizer import Recognizer
    from actionclip.timeline import export

    recognizer = Recognizer.load(model, device=device, decoders=[decoder])
    names = recognizer.choose_labels(names)
    with terminal.counter("embedding labels", "prompts") as count:
        recognizer.embed_labels(names, sentences, count)
    with terminal.counter("encoding", "frames") as count:
        found = recognizer.find_moments(
            video,
            names,
            sentences,
            threshold=least,
            settings=settings,
            exclusive=exclusive,
            on_progress=lambda done: count(done, max(done, num_steps)),
        )
    moments = found.moments
    if as_json:
        print(export.to_json(str(video), moments))
    for output, write in ((csv, export.to_csv), (srt, export.to_srt), (vtt, export.to_vtt)):
        if output:
            atomic_write.write_text(output, write(moments))
            terminal.note(f"{len(moments)} moments are in {output}")
    if html:
        atomic_write.write_text(html, page.render(found, video, html, model))
        terminal.note(f"the page is in {html}")
    if clips:
        with terminal.counter("cutting", "clips") as count:
            export.write_clips(video, moments, clips, count, decoder)
        terminal.note(f"{len(moments)} clips are in {clips}")
    if not (as_json or csv or srt or vtt or html or clips):
        _print_table(video, moments)


def _print_table(video: Path, moments: Sequence[Moment]) -> None:
    from rich.console import Console
    from rich.table import Table

    from actionclip.pages.timeline import clock

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column(justify="right")
    for moment in moments:
        times = f"    {clock(moment.start_seconds)}", f"– {clock(moment.end_seconds)}"
        bar = "█" * round(20 * moment.score) or "▏"
        table.add_row(*times, display.markup(moment.label), f"{moment.score:.3f}", bar)
    console = Console(highlight=False, soft_wrap=False)
    console.print(display.markup(video), style="bold", soft_wrap=True)
    console.print(table if moments else "    none of these")
