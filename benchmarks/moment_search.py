"""Moments of joined videos, scored as DiDeMo and QVHighlights score them.

    python benchmarks/moment_search.py ../shared /tmp/joined [--clips 6] [--seed 0]

The clips of `web-clips`, at most eight seconds of each, are drawn in an order of the seed and
joined by ffmpeg, so many a video; no video has a label twice. All are indexed into one archive, and
each label of each video is searched. Within its video the best hit there counts; over all videos
the best hit of all, and only if it is in a video with the label. Beside it are one and the same
part of every video, the best one, and all of it.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch

from actionclip.archive.archive import Archive
from actionclip.evaluation import moment_search
from actionclip.evaluation.moment_search import Query, Scores, Span
from actionclip.video.decoder import SHARED_DECODER

MAX_SECONDS = 8.0
TOP = 50
_PICTURES = "scale=320:240:force_original_aspect_ratio=decrease,pad=320:240:-1:-1,setsar=1,fps=25"


@dataclass(frozen=True)
class Joined:
    """A video made of clips."""

    path: Path
    seconds: float
    truth: dict[str, Span]
    """When each label is shown."""


def main() -> None:
    """Join, index, search and score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    web_clips = arguments.shared / "web-clips"
    videos = join_clips(web_clips, arguments.folder, arguments.clips, arguments.seed)
    archive = Archive.open(arguments.folder / "archive", "lite")
    archive.index([video.path for video in videos])
    within: list[Query] = []
    anywhere: list[Query] = []
    for label in sorted({label for video in videos for label in video.truth}):
        hits = archive.search(label, top=TOP)
        for video in videos:
            if label not in video.truth:
                continue
            truth = [video.truth[label]]
            spans = [(hit.video, (hit.start_seconds, hit.end_seconds)) for hit in hits]
            here = next((span for path, span in spans if path == video.path), None)
            first = spans[0][1] if spans and spans[0][0] == video.path else None
            within.append(Query(video.seconds, truth, here))
            anywhere.append(Query(video.seconds, truth, first))
    print(f"{len(videos)} videos, {sum(v.seconds for v in videos):.0f} s, {len(within)} queries")
    show("search within the video", moment_search.score(within))
    show("search over all videos", moment_search.score(anywhere))
    part, blind = moment_search.score_blind(within)
    show(f"the part {part[0]:.1f} to {part[1]:.1f} of each video", blind)
    show("all of each video", moment_search.score_part(within, (0.0, 1.0)))


def join_clips(folder: Path, target: Path, num_clips: int, seed: int) -> list[Joined]:
    """Join the clips of a folder with a manifest, so many a video."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        clips = [(folder / row["path"], row["label"]) for row in csv.DictReader(file)]
    random.Random(seed).shuffle(clips)
    target.mkdir(parents=True, exist_ok=True)
    videos: list[Joined] = []
    while clips:
        chosen: dict[str, Path] = {}
        for path, label in clips:
            if len(chosen) < num_clips:
                chosen.setdefault(label, path)
        clips = [clip for clip in clips if clip[0] not in chosen.values()]
        videos.append(_join(chosen, target / f"joined_{len(videos)}.mp4"))
    return videos


def _join(clips: dict[str, Path], path: Path) -> Joined:
    truth: dict[str, Span] = {}
    parts: list[Path] = []
    start = 0.0
    for label, clip in clips.items():
        part = path.with_name(f"{path.stem}_{len(parts)}.mp4")
        _ffmpeg("-t", str(MAX_SECONDS), "-i", clip, "-an", "-vf", _PICTURES, part)
        end = start + SHARED_DECODER.probe(part).duration_seconds
        truth[label] = (start, end)
        parts.append(part)
        start = end
    names = path.with_suffix(".txt")
    names.write_text("".join(f"file '{part.name}'\n" for part in parts), encoding="utf-8")
    _ffmpeg("-f", "concat", "-i", names, "-c", "copy", path)
    for part in (*parts, names):
        part.unlink()
    return Joined(path.absolute(), start, truth)


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


def show(name: str, scores: Scores) -> None:
    """Print one line."""
    recall = ", ".join(
        f"R@1 at IoU {least} {100 * share:.1f} %" for least, share in scores.recall_at_1.items()
    )
    print(f"{name}: {recall}, mean IoU {scores.mean_iou:.3f}")


if __name__ == "__main__":
    main()
