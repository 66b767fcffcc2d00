"""`actionclip recognize`: videos and labels become a table, JSON, a file of answers or a page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
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
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the lines of --jsonl into a file."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write a table, a row for each video and label."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Skip the videos that --output or --csv has answers for already."
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
    from actionclip.video.decoder import Decoder

    arguments = [video, *(label or [])]
    num_paths = len(arguments) if labels else _count_paths(arguments)
    asked, sentences = options.read_question(labels, arguments[num_paths:], templates, model)
    _refuse_both({"--jsonl": as_jsonl, "--json": as_json})
    _refuse_both({"--csv": csv, "--output": output})
    if resume and not (csv or output):
        raise ValueError("--resume: there is no file to resume; give --output or --csv")
    least = terminal.score(threshold) if threshold is not None else None
    for file in (report, csv, output):
        if file:
            atomic_write.check_folder(file)
    videos, missing = _find(arguments[:num_paths])
    unread = [why for _, why in missing]
    if as_jsonl:
        for argument, why in missing:
            _print_line({"video": argument, "error": why})
    if not videos and not (output or csv):
        _end(unread, len(missing))
    model = options.choose_model(model)
    decoders = [Decoder() for _ in videos[:NUM_DECODERS]]
    for decoder in decoders:
        decoder.start()  # while torch is imported

    from actionclip.core.scoring import Answer
    from actionclip.core.tables import AnswerFile, to_document
    from actionclip.pages import html
    from actionclip.recognizer import Recognizer
    from actionclip.text import actions

    recognizer = Recognizer.load(model, device=device, decoders=decoders)
    asked = recognizer.choose_labels(asked)
    names = actions.names(asked)
    if len(names) == 1 and least is None:
        terminal.note("a single label always scores 1; give others to compare it with")
    num_videos = len(videos) + len(missing)
    results: list[dict[str, object]] = []
    sections: list[html.Section] = []
    with ExitStack() as stack:
        file = None
        if path := output or csv:
            file = AnswerFile(path, "jsonl" if output else "csv", names, resume=resume)
            stack.enter_context(file)
            for argument, why in missing:
                file.add(Answer(Path(argument), [], error=why))
            new = [video for video in videos if video not in file]
            if len(new) < len(videos):
                done = len(videos) - len(new)
                terminal.note(f"{path} has the answers for {done} of {len(videos)} videos already")
            videos = new
        with terminal.counter("embedding labels", "prompts") as count:
            recognizer.embed_labels(asked, sentences, count)
        progress = stack.enter_context(terminal.progress("videos"))
        answers = recognizer.recognize_all(
            videos, asked, sentences, threshold=least, keep_frames=report is not None
        )
        for answer in progress.track(answers, total=len(videos), description="recognizing"):
            if answer.frames is not None:
                shown = answer.predictions[: top or 10]
                sections.append(html.section(str(answer.video), answer.frames, shown))
            whole = replace(answer, predictions=answer.predictions[:top])
            if file:
                file.add(whole)
            if as_jsonl:
                _print_line(to_document(whole))
            if answer.error is not None:
                unread.append(answer.error)
            elif as_json:
                results.append(to_document(whole))
            elif not (as_jsonl or file):
                _print_table(answer.video, answer.predictions[: top or 5])
    if as_json and not (unread and not results):
        print(display.to_json({"results": results}, indent=2))
    if path:
        terminal.note(f"the answers are in {path}")
    if report and sections:
        page = html.recognition(sections, model, len(names), has_threshold=least is not None)
        atomic_write.write_text(report, page)
        terminal.note(f"the report is in {report}")
    _end(unread, num_videos)


def _refuse_both(given: dict[str, object]) -> None:
    """Raise ValueError if both of two options are given."""
    if all(given.values()):
        one, other = given
        raise ValueError(f"{one}: {other} is given too; give one or the other")


def _find(arguments: Sequence[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the videos, and which arguments are none, with the reason; a single one raises it."""
    from actionclip.video import files

    videos: list[Path] = []
    missing: list[tuple[str, str]] = []
    for argument in arguments:
        try:
            videos += files.find(Path(argument))
        except (OSError, ValueError) as error:
            if len(arguments) == 1:
                raise
            missing.append((argument, terminal.in_words(error)))
    return videos, missing


def _end(unread: Sequence[str], num_videos: int) -> None:
    """Print why videos could not be read, and leave the program if any could not."""
    for why in unread:
        terminal.error(why)
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
