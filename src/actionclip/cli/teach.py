"""`actionclip teach`: example clips are added to an action of a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionclip.cli import options, terminal


def teach(
    file: Annotated[
        Path,
        typer.Argument(help="A TOML file of actions; made if absent.", show_default=False),
    ],
    name: Annotated[str, typer.Argument(help="The action; new or in the file.")],
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIP...",
            help="Videos that show it, or parts of them, in seconds: fall.mp4@3-5.5",
            show_default=False,
        ),
    ],
    as_json: options.AsJson = False,
) -> None:
    """Add example clips to an action, so that `--labels FILE` finds it better at once.

    Nothing is trained: the file lists the clips, with paths relative to it, and keeps its comments.
    """
    import json

    from actionclip.text import actions, teaching
    from actionclip.video.decoder import Decoder

    teaching.check_target(file, name)
    examples = [actions.parse_example(clip, Path()) for clip in clips]
    with Decoder() as decoder:
        for example in examples:
            info = decoder.probe(example.video)
            end = info.start_seconds + info.duration_seconds
            if example.start_seconds is not None and example.start_seconds >= end:
                raise ValueError(f"{example}: the video ends at second {end:.1f}; correct the part")
    taught = teaching.add_examples(file, name, examples)
    number = len(taught.action.examples)
    if as_json:
        document = {"action": taught.action.name, "added": taught.num_added, "examples": number}
        print(json.dumps(document, ensure_ascii=False))
        return
    new = "a new action" if taught.is_new else f"{taught.num_added} more"
    counted = f"{number} example" if number == 1 else f"{number} examples"
    terminal.note(f"{file}: {taught.action.name!r} has {counted} ({new})")
