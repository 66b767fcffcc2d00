"""`actionclip recognize`: videos and labels become a table, a JSON document or an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import options, terminal

if TYPE_CHECKING:
    from actionclip.core.scoring import Prediction

NUM_DECODERS = 2
"""Processes that decode videos; more do not help where a CPU encodes the frames."""


def recognize(
    video: Annotated[str, typer.Argument(help="A video, or a folder of them.", show_default=False)],
    label: options.Words = None,
    labels: options.Labels = None,
    model: options.OptionalModel = None,
    templates: options.Templates = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="SCORE",
            help='Name only labels that fit this well, 0 to 1, or "auto"; perhaps none of them.',
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="How many labels to show: 5, or all of them in JSON."),
    ] = None,
    as_json: options.AsJson = False,
    as_jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", help="Print a line of JSON for each video, as soon as it is known."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an HTML page with frames and scores."),
    ] = None,
    device: options.Device = None,
) -> None:
    """Rank the labels for each video; a trained model has labels of its own.

    Further videos and folders may follow the first: an argument that ends like a video (.mp4,
    .avi, ...) or is a folder written with a slash. With --labels, every argument is one.
    """
    from actionclip import atomic_write
    from actionclip.video import files
    from actionclip.video.decoder import Decoder

    arguments = [video, *(label or [])]
    num_paths = len(arguments) if labels else _count_paths(arguments)
    names, sentences = options.read_question(labels, arguments[num_paths:], templates, model)
    if as_json and as_jsonl:
        raise ValueError("--jsonl: --json is given too; give one or the other")
    least = terminal.score(threshold) if threshold is not None else None
    if report:
        atomic_write.check_folder(report)
    videos: list[Path] = []
    unread: list[tuple[str, str]] = []
    for argument in arguments[:num_paths]:
        try:
            videos += files.find(Path(argument))
        except (OSError, ValueError) as error:
            if num_paths == 1:
                raise
            why = terminal.in_words(error)
            unread.append((argument, why))
            if as_jsonl:
                _print_line({"video": argument, "error": why})
    num_missing = len(unread)
    if not videos:
        _end(unread, num_missing)
    model = options.choose_model(model)
    decoders = [Decoder() for _ in videos[:NUM_DECODERS]]
    for decoder in decoders:
        decoder.start()  # while torch is imported

    from actionclip.pages import html
    from actionclip.recognizer import Recognizer

    recognizer = Recognizer.load(model, device=device, decoders=decoders)
    names = recognizer.choose_labels(names)
    if len(names) == 1 and least is None:
        terminal.note("a single label always scores 1; give others to compare it with")
    results: list[dict[str, object]] = []
    sections: list[html.Section] = []
    with terminal.counter("embedding labels", "prompts") as count:
        recognizer.embed_labels(names, sentences, count)
    with terminal.progress("videos") as progress:
        answers = recognizer.recognize_all(
            videos, names, sentences, threshold=least, keep_frames=report is not None
        )
        for answer in progress.track(answers, total=len(videos), description="recognizing"):
            if answer.error is not None:
                unread.append((str(answer.video), answer.error))
                if as_jsonl:
                    _print_line({"video": str(answer.video), "error": answer.error})
                continue
            path, predictions = answer.video, answer.predictions
            if answer.frames is not None:
                sections.append(html.section(str(path), answer.frames, predictions[: top or 10]))
            shown = [vars(prediction) for prediction in predictions[:top]]
            if as_json:
                results.append({"video": str(path), "predictions": shown})
            elif as_jsonl:
                _print_line({"video": str(path), "predictions": shown})
            else:
                _print_table(path, predictions[: top or 5])
    if as_json and not (unread and not results):
        print(display.to_json({"results": results}, indent=2))
    if report and sections:
        page = html.recognition(sections, model, len(names), has_threshold=least is not None)
        atomic_write.write_text(report, page)
        terminal.note(f"the report is in {report}")
    _end(unread, len(videos) + num_missing)


def _end(unread: Sequence[tuple[str, str]], num_videos: int) -> None:
    """Print why videos could not be read, and leave the program if any could not."""
    for _, error in unread:
        terminal.error(error)
    if unread:
        if num_videos > 1:
            terminal.error(f"{len(unread)} of {num_videos} videos could not be read")
        raise typer.Exit(2)


def _print_line(fields: dict[str, object]) -> None:
    print(display.to_json(fields), flush=True)


def _count_paths(arguments: Sequence[str]) -> int:
    """Count the videos and folders, which stand before the labels."""
    from actionclip.video import files

    for number, argument in enumerate(arguments[1:], start=1):
        path = Path(argument)
        if not (files.is_named_like_a_video(path) or ("/" in argument and path.is_dir())):
            return number
    return len(arguments)


def _print_table(video: Path, predictions: Sequence[Prediction]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, title_justify="left")
    for rank, prediction in enumerate(predictions, start=1):
        bar = "█" * round(20 * prediction.score) or "▏"
        table.add_row(
            f"{rank:>4}", display.markup(prediction.label), f"{prediction.score:.3f}", bar
        )
    console = Console(highlight=False, soft_wrap=False)
    console.print(display.markup(video), style="bold", soft_wrap=True)
    console.print(table if predictions else "     none of these")
