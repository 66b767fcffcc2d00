"""The cases of recognition as tables: one clip, a folder of clips, labels alone.

In every round the ways take turns: ours with an empty cache of prompts, ours again with what the
former left, the reference, and the peer where there is one. Medians over the rounds. A folder takes
so long that it has fewer rounds and no second run of ours: labels are a small part of it.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import agreement
import clips
import measuring
import random_clip
from measuring import Outcome

MODELS = ("lite", *random_clip.PATCH_SIZES)
_HEIGHTS = (256, 1080)
_FIRST, _AGAIN, _REFERENCE, _PEER = (
    "**ours**, first run",
    "**ours**, again",
    "reference",
    "X-CLIP",
)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    folder_rounds: int = 2
    num_labels: int = 400
    num_videos: int = 200
    """In the folder."""
    seconds: int = 10
    """Of each video."""
    reference_videos: int | None = 20
    """Of the folder, that the reference and the peer see; their time for all is extrapolated."""
    prompts: int | None = 128
    """That the reference encodes; its time for all is extrapolated. None is all."""

    models: tuple[str, ...] = MODELS

    def whole(self) -> Sizes:
        """The same with nothing to extrapolate."""
        return dataclasses.replace(self, reference_videos=None, prompts=None)


def one_clip(sizes: Sizes, scratch: Path) -> str:
    """Measure one video, small and large, with every model."""
    lines = [_HEAD]
    for height in _HEIGHTS:
        videos = clips.folder(scratch / str(height), height, sizes.seconds, num=1)
        for model in sizes.models:
            lines += _rows(sizes, scratch, model, videos, f"{clips.WIDTHS[height]}×{height}")
    return "\n".join(lines)


def folder(sizes: Sizes, scratch: Path) -> str:
    """Measure many small videos."""
    videos = clips.folder(scratch / "256", 256, sizes.seconds, sizes.num_videos)
    sizes = dataclasses.replace(sizes, rounds=min(sizes.rounds, sizes.folder_rounds))
    lines = [_HEAD]
    for model in sizes.models:
        lines += _rows(sizes, scratch, model, videos, f"{len(videos)} videos", with_again=False)
    return "\n".join(lines)


def labels(sizes: Sizes, scratch: Path) -> str:
    """Measure the embedding of labels alone."""
    lines = [_HEAD]
    for model in sizes.models:
        if model != "ViT-B/16":  # its text tower is that of ViT-B/32
            lines += _rows(sizes, scratch, model, [], "labels")
    return "\n".join(lines)


_HEAD = (
    "| what | model | way | seconds | times faster | start, s | memory, MB | parts, s |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class _Run:
    """One run, scaled to all videos and prompts."""

    outcome: Outcome
    seconds: float
    parts: dict[str, float]
    note: str


def _rows(
    sizes: Sizes,
    scratch: Path,
    model: str,
    videos: Sequence[Path],
    what: str,
    *,
    with_again: bool = True,
) -> list[str]:
    """Let the ways take turns; give their lines, and one that says how well answers agree."""
    weights = random_clip.weights_of(model, scratch)
    seen = list(videos[: sizes.reference_videos])
    ours = ["ours", str(weights)], list(videos)
    ways: dict[str, tuple[list[str], list[Path]]] = {
        _FIRST: ours,
        **({_AGAIN: ours} if with_again else {}),
        _REFERENCE: (["reference", str(weights)], seen),
    }
    if sizes.prompts is not None:
        ways[_REFERENCE][0].extend(["--num-prompts", str(sizes.prompts)])
    if model == "ViT-B/32" and videos:
        ways[_PEER] = (["x-clip", model], seen)
    runs: defaultdict[str, list[_Run]] = defaultdict(list)
    for _ in range(sizes.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for way, (arguments, given) in ways.items():
                arguments = [*arguments, "--num-labels", str(sizes.num_labels)]
                arguments += ["--output", str(scratch / f"{arguments[0]}.safetensors")]
                arguments += ["--videos", *map(str, given)]
                outcome = measuring.run(["recognition.py", *arguments], {"XDG_CACHE_HOME": cache})
                runs[way].append(_scaled(outcome, len(videos), len(given)))
    reference_seconds = statistics.median(run.seconds for run in runs[_REFERENCE])
    lines = [_line(what, model, way, runs[way], reference_seconds) for way in ways]
    said = agreement.describe(scratch / "reference.safetensors", scratch / "ours.safetensors")
    return [*lines, f"| {what} | {model} | *answers* | | | | | {said} |"]


def _scaled(outcome: Outcome, num_videos: int, num_given: int) -> _Run:
    """Extrapolate what took some of the videos or of the prompts to all of them."""
    told = outcome.told
    if "num_prompts" not in told and num_given == num_videos:
        return _Run(outcome, told["seconds"], told["parts"], note="")
    share, note, parts = num_videos / max(1, num_given), [], dict(told["parts"])
    parts = {name: seconds * (share if name != "labels" else 1) for name, seconds in parts.items()}
    if num_given < num_videos:
        note.append(f"extrapolated from {num_given} videos")
    if told.get("num_prompts") != told.get("num_all_prompts"):
        parts["labels"] *= told["num_all_prompts"] / told["num_prompts"]
        note.append(
            f"labels extrapolated from {told['num_prompts']} of {told['num_all_prompts']:,} prompts"
        )
    return _Run(outcome, sum(parts.values()), parts, "; ".join(note))


def _line(what: str, model: str, way: str, runs: Sequence[_Run], reference_seconds: float) -> str:
    seconds = statistics.median(run.seconds for run in runs)
    start = statistics.median(run.outcome.startup_seconds for run in runs)
    megabytes = max(run.outcome.megabytes for run in runs)
    parts = ", ".join(
        f"{name} {statistics.median(run.parts[name] for run in runs):.3g}" for name in runs[0].parts
    )
    note = f" ({runs[0].note})" if runs[0].note else ""
    told = f"{seconds:.3g}" if seconds < 1000 else f"{seconds:,.0f}"
    times = reference_seconds / seconds
    return (
        f"| {what} | {model} | {way} | {told} | {times:,.{1 if times < 100 else 0}f} "
        f"| {start:.1f} | {megabytes:.0f} | {parts}{note} |"
    )
