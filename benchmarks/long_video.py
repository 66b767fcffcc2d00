"""A long video of known actions, with black and other things between: what does the timeline find?

    python benchmarks/long_video.py [--videos FOLDER] [--labels FILE] [--threshold SCORE ...]

The clips of `mixed` and `weizmann` follow each other in an order drawn by the seed. Between two of
them lie 4 to 8 seconds that are black, or that show people signing and falling (clips of `asl` and
of `falls/falling_down`, cut short where the stretch ends), which none of the labels says. All are
encoded at one size and rate: scaled to its height, what is too wide is cut, and what is too narrow
has black sides. The labels are those of the clips; --labels adds others to them, of which some may
be true as well ("waving a hand" beside "waving one hand"), and then count as wrong.

Prints for each threshold the mean average precision at an overlap of .3 and .5, for all clips and
for those of `mixed` alone; the frame accuracy at four frames a second; and how often "none" is
said where nothing is to be found. The last line is what saying nothing at all would score.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import moments
import numpy as np
import torch
from jaxtyping import UInt8
from moments import TrueMoment
from PIL import Image

from actionclip.recognizer import Recognizer
from actionclip.text import labels as label_lists
from actionclip.timeline.moments import Moment
from actionclip.video import decode

KNOWN = ("mixed", "weizmann")
UNRELATED = ("asl", "falls/falling_down")
SHORTEST_SECONDS, LONGEST_SECONDS = 4.0, 8.0
"""Of what lies between two clips."""
WIDTH, HEIGHT, FRAME_RATE = 340, 256, 25
ASKED_PER_SECOND = 4.0
Picture = UInt8[np.ndarray, "H W 3"]


@dataclass
class Plan:
    """What lies where in the long video."""

    truth: list[TrueMoment] = field(default_factory=list)
    is_mixed: list[bool] = field(default_factory=list)
    """Whether each of these is a clip of `mixed`."""
    black: list[tuple[float, float]] = field(default_factory=list)
    """Beginnings and ends, in seconds."""
    unrelated: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0


def main() -> None:
    """Make the video, ask once for each threshold, print a table."""
    parser = argparse.ArgumentParser(description="Score the timeline of a long video.")
    parser.add_argument("--videos", type=Path, default=Path("../shared/videos"))
    parser.add_argument("--labels", type=Path, help="further labels, one a line")
    parser.add_argument("--threshold", nargs="+", default=["auto"], help="scores, or auto")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--keep", type=Path, help="where the long video is written; else nowhere")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        video = chosen.keep or Path(folder, "long.mp4")
        plan = make(video, chosen.videos, random.Random(chosen.seed))
        labels = sorted({moment.label for moment in plan.truth})
        if chosen.labels:
            labels += [name for name in label_lists.read(chosen.labels) if name not in labels]
        print(
            f"{plan.seconds:.0f} s: {len(plan.truth)} clips of {' and '.join(KNOWN)}, "
            f"{len(plan.black)} black stretches, {len(plan.unrelated)} of "
            f"{' and '.join(UNRELATED)}; {len(labels)} labels, seed {chosen.seed}, "
            f"model {chosen.model}"
        )
        recognizer = Recognizer.load(chosen.model)
        print("threshold  mAP@.3  mAP@.5  mixed@.3  mixed@.5  frames  none: other  none: black")
        for threshold in chosen.threshold:
            score = "auto" if threshold == "auto" else float(threshold)
            start = time.perf_counter()
            found = recognizer.find_moments(video, labels, threshold=score).moments
            seconds = time.perf_counter() - start
            print(f"{threshold:>9}{_row(plan, found)}    ({len(found)} moments, {seconds:.0f} s)")
        print(f"{'nothing':>9}{_row(plan, [])}")


def _row(plan: Plan, found: Sequence[Moment]) -> str:
    mixed = [moment for moment, is_mixed in zip(plan.truth, plan.is_mixed, strict=True) if is_mixed]
    precisions = [
        moments.mean_average_precision([found], [truth], iou)
        for truth in (plan.truth, mixed)
        for iou in (0.3, 0.5)
    ]
    accuracy = moments.frame_accuracy(found, plan.truth, plan.seconds, ASKED_PER_SECOND)
    answers = list(moments.answers_over_time(found, plan.seconds, ASKED_PER_SECOND))
    nones = [
        np.mean([label is None for at, label in answers if any(a <= at < b for a, b in stretches)])
        for stretches in (plan.unrelated, plan.black)
    ]
    widths = (8, 8, 10, 10, 8, 13, 13)
    values = (*precisions, accuracy, *nones)
    return "".join(f"{value:{width}.3f}" for value, width in zip(values, widths, strict=True))


def make(path: Path, videos: Path, chance: random.Random) -> Plan:
    """Write the long video, and say what lies where in it."""
    with (videos / "manifest.csv").open(encoding="utf-8", newline="") as table:
        label_of = {row["path"]: row["label"] for row in csv.DictReader(table)}
    clips = [name for name in sorted(label_of) if name.startswith(KNOWN)]
    others = [name for name in sorted(label_of) if name.startswith(UNRELATED)]
    chance.shuffle(clips)
    between = ["black", "unrelated"] * (len(clips) // 2 + 1)
    chance.shuffle(between)
    plan = Plan()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1  # the same file each time, found in the cache

        def add(frames: Iterable[Picture]) -> tuple[float, float]:
            start = plan.seconds
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(_fitted(frame), format="rgb24")
                container.mux(stream.encode(picture))
                plan.seconds += 1 / FRAME_RATE
            return start, plan.seconds

        for name, kind in zip(clips, between, strict=False):
            start, end = add(_frames_of([videos / name]))
            plan.truth.append(TrueMoment(start, end, label_of[name]))
            plan.is_mixed.append(name.startswith("mixed"))
            num_frames = round(FRAME_RATE * chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
            if kind == "black":
                plan.black.append(add([np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * num_frames))
            else:
                drawn = _frames_of(videos / chance.choice(others) for _ in itertools.count())
                plan.unrelated.append(add(itertools.islice(drawn, num_frames)))
        container.mux(stream.encode())
    return plan


def _frames_of(videos: Iterable[Path]) -> Iterator[Picture]:
    for video in videos:
        for _, frame in decode.stream_frames(video, FRAME_RATE):
            yield frame


def _fitted(frame: Picture) -> Picture:
    """Scale to the height, and cut or fill the sides."""
    height, width = frame.shape[:2]
    picture = Image.fromarray(frame).resize((round(width * HEIGHT / height), HEIGHT))
    left = (picture.width - WIDTH) // 2
    return np.asarray(picture.crop((left, 0, left + WIDTH, HEIGHT)))


if __name__ == "__main__":
    main()
