"""Search of an archive of real clips: words, examples, and what others do with single frames.

    actionclip index ../shared/videos ../shared/web-clips --archive /tmp/archive
    python benchmarks/archive_search.py /tmp/archive ../shared

Twenty actions in other words than the manifests', each searched by `Archive.search` and, beside it,
by the best cosine of single frames, one a second, of the same model's features, with the words. A
video is right if the manifest says so; of its hits the best one counts. Then ten things that are
not there, with the threshold "auto"; then every clip whose action has another clip as an example.

Shapes:
    F: frames, one a second, of all videos   D: width of an embedding
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.archive.archive import SETTINGS, Archive
from actionclip.archive.hits import Hit
from actionclip.core import encode
from actionclip.core.scoring import Threshold

ACTIONS: Mapping[str, Sequence[str]] = {
    "somebody collapses onto the floor": ["falling down"],
    "a person bows forward": ["bending down", "picking something up from the floor"],
    "hopping with arms and legs spread apart": ["doing jumping jacks"],
    "greeting with one arm in the air": ["waving one hand"],
    "a cyclist on the road": ["riding a bicycle"],
    "strumming an acoustic guitar": ["playing guitar"],
    "two fighters punch each other": ["boxing"],
    "shooting with a rifle": ["firing a rifle"],
    "a surfer on a wave": ["surfing"],
    "going down a snowy slope on a board": ["snowboarding"],
    "hitting a ball over the net with a racket": ["playing tennis", "playing badminton"],
    "cutting vegetables with a knife": ["chopping cabbage"],
    "an infant cries": ["a baby crying", "a baby laughing"],
    "a musician plucks the strings of a harp": ["playing the harp"],
    "a drummer at the drum kit": ["playing drums"],
    "somebody fills a cup with coffee": ["pouring coffee"],
    "throwing a baseball": ["pitching a baseball"],
    "climbing down a cliff with a rope": ["abseiling"],
    "putting on mascara": ["applying eye makeup"],
    "throwing a ball through a hoop": ["playing basketball"],
}
"""What is searched for, and the labels of the clips that show it."""
ABSENT = (
    *("milking a cow", "knitting a scarf", "riding an elephant", "ice skating", "washing a car"),
    *("flying a kite", "playing chess", "sailing a boat", "ironing a shirt", "mowing the lawn"),
)
THRESHOLDS: Sequence[Threshold] = ("auto", 0.6, 0.7, 0.8)
TOP = 50
TOP_OF_EXAMPLES = 20
"""More than any label has clips."""


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("shared", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    archive = Archive.open(arguments.archive, must_exist=True)
    labels = read_labels(archive, arguments.shared)
    print(f"{len(labels)} clips, {len(set(labels.values()))} labels")
    search_words(archive, labels)
    search_with_thresholds(archive, labels)
    search_examples(archive, labels)


def read_labels(archive: Archive, shared: Path) -> dict[str, str]:
    """Return the label of each indexed video that a manifest names."""
    by_path: dict[Path, str] = {}
    for name in ("videos", "web-clips"):
        with (shared / name / "manifest.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                by_path[(shared / name / row["path"]).resolve()] = row["label"]
    files = {file.video: by_path.get(file.path.resolve()) for file in archive.tables.files()}
    return {video: label for video, label in files.items() if label and label != "other"}


def search_words(archive: Archive, labels: Mapping[str, str]) -> None:
    """Print the rank of the first right video for each action, by both ways."""
    frames = {video: embed_seconds(archive, video) for video in labels}
    ranks: defaultdict[str, list[int]] = defaultdict(list)
    seconds: list[float] = []
    for words, right in ACTIONS.items():
        start = time.perf_counter()
        hits = archive.search(words, top=TOP)
        seconds.append(time.perf_counter() - start)
        ours = list(dict.fromkeys(hit.video_id for hit in hits if hit.video_id in labels))
        text = archive.recognizer.embed_labels([words]).float().mean(dim=(0, 1))
        best = {video: float((each @ text).max()) for video, each in frames.items()}
        theirs = sorted(best, key=lambda video: -best[video])
        for way, videos in (("search", ours), ("frames", theirs)):
            ranks[way].append(rank(videos, labels, right))
        print(f"  search {ranks['search'][-1]:3}   frames {ranks['frames'][-1]:3}   {words}")
    for way, each in ranks.items():
        first = sum(one == 1 for one in each)
        reciprocal = statistics.mean(1 / one if one else 0 for one in each)
        print(f"{way}: first {first} of {len(each)}, mean reciprocal rank {reciprocal:.3f}")
    print(f"a search: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")


@torch.inference_mode()
def embed_seconds(archive: Archive, video: str) -> Float[Tensor, "F D"]:
    """Embed one frame of each second of a video by itself, from the stored features."""
    model, rate = archive.recognizer.model, round(SETTINGS.frames_per_second)
    _, features = archive.tables.steps(video, 0, 10**6)
    frames = encode.project_frames(model, features[::rate])
    return encode.embed_frame_features(model, frames[:, None]).float()


def rank(videos: Sequence[str], labels: Mapping[str, str], right: Sequence[str]) -> int:
    """Return where the first right video is, from 1; 0 if it is not there."""
    return next((n for n, video in enumerate(videos, start=1) if labels[video] in right), 0)


def search_with_thresholds(archive: Archive, labels: Mapping[str, str]) -> None:
    """Print what is found of things that are not there, and how much of what is."""
    for threshold in THRESHOLDS:
        found = {words: best(archive, words, threshold) for words in (*ACTIONS, *ABSENT)}
        right = sum(
            labels.get(hit.video_id) in of_action
            for words, of_action in ACTIONS.items()
            if (hit := found[words])
        )
        wrong = {words: hit for words in ABSENT if (hit := found[words])}
        print(
            f"threshold {threshold}: nothing found of {len(ABSENT) - len(wrong)} of {len(ABSENT)} "
            f"that are not there; first hit right of {right} of {len(ACTIONS)}, "
            f"nothing of {sum(found[words] is None for words in ACTIONS)}"
        )
        for words, hit in wrong.items():
            print(f"    {words}: {hit.score:.2f} {hit.video.name}")


def best(archive: Archive, words: str, threshold: Threshold) -> Hit | None:
    """Return the best hit."""
    return next(iter(archive.search(words, top=1, threshold=threshold)), None)


def search_examples(archive: Archive, labels: Mapping[str, str]) -> None:
    """Print how well a clip finds the others of its label, alone and beside the label's words."""
    by_label: defaultdict[str, list[str]] = defaultdict(list)
    for video, label in labels.items():
        by_label[label].append(video)
    lengths = {file.video: file.seconds for file in archive.tables.files()}
    for label, videos in sorted(by_label.items()):
        if len(videos) < 2:
            continue
        scores: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
        for video in videos:
            example = f"archive:{video}@0-{lengths[video]:.2f}"
            for way, hits in (
                ("words", archive.search(label, top=TOP_OF_EXAMPLES)),
                ("example", archive.search(like=example, top=TOP_OF_EXAMPLES)),
                ("both", archive.search(label, like=example, top=TOP_OF_EXAMPLES)),
            ):
                right = [labels.get(each) == label for each in others(archive, hits, video)]
                precision = average_precision(right, len(videos) - 1)
                scores[way].append((precision, bool(right and right[0])))
        figures = ", ".join(
            f"{way} {np.mean([one for one, _ in each]):.2f} "
            f"(first right {sum(first for _, first in each)})"
            for way, each in scores.items()
        )
        print(f"  {label}, {len(videos)} clips: average precision by {figures}")


def others(archive: Archive, hits: Sequence[Hit], example: str) -> list[str]:
    """Return the videos of hits and of their copies, best first, but for the example's."""
    names = {file.path: file.video for file in archive.tables.files()}
    found = [names[path] for hit in hits for path in (hit.video, *hit.copies)]
    return [video for video in dict.fromkeys(found) if video != example]


def average_precision(right: Sequence[bool], num_right: int) -> float:
    """Return the mean of the precision at each right one; those that are missing count 0."""
    ranks = [number for number, each in enumerate(right, start=1) if each]
    return sum(n / place for n, place in enumerate(ranks, start=1)) / num_right


if __name__ == "__main__":
    main()
