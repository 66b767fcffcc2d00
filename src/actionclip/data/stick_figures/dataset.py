"""The data set: a folder, a number and a seed become videos on disk and a list of their labels.

    DIR/annotations.csv                      path,label,split,group
    DIR/train/waving_one_hand/003.mp4        a folder per label below val/, test/ and train/
    DIR/videos/walking_to_the_left+clapping_003.mp4      where clips have several labels

Every clip shows another person before another wall, drawn from (seed, action, number of the clip)
alone, so a clip stays the same however many are made by any number of processes. Only an action
played backwards shares its person with the action itself: the two clips hold the same frames in
opposite order, are of one `group` and are in one split. A model blind to order is right about
exactly one of them.
"""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import TypeVar

import av
import numpy as np
from av.codec.context import Flags

from actionclip import atomic_write
from actionclip.data.stick_figures import film, motions
from actionclip.data.stick_figures.film import Frames

Item = TypeVar("Item")
Result = TypeVar("Result")

SPLITS = ("train", "test", "val", "train", "train", "test", "train", "train", "train", "train")
"""Of the clips of an action, over and over: a set of three clips an action has all the splits."""


@dataclass(frozen=True)
class Clip:
    """One clip of the set, before it is made."""

    labels: tuple[str, ...]
    index: int

    @property
    def split(self) -> str:
        """Of the clip, whatever the size of the set."""
        return SPLITS[self.index % len(SPLITS)]

    @property
    def path(self) -> PurePosixPath:
        """Below the folder of the set."""
        name = _name(self.labels)
        if len(self.labels) > 1:
            return PurePosixPath("videos", f"{name}_{self.index:03}.mp4")
        return PurePosixPath(self.split, name, f"{self.index:03}.mp4")

    @property
    def filmed(self) -> tuple[str, ...]:
        """The actions that are filmed, before the frames are reversed."""
        return tuple(motions.REVERSED.get(label, label) for label in self.labels)

    @property
    def group(self) -> str:
        """Shared by clips of the same frames."""
        return f"{_name(self.filmed)}_{self.index:03}"

    def frames(self, seed: int) -> Frames:
        """Draw the frames."""
        key = (*(motions.ACTIONS.index(label) for label in self.filmed), self.index)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        frames = film.film(self.filmed, rng)
        return frames if self.filmed == self.labels else frames[::-1]


def plan(clips_per_action: int, multi_label: bool) -> list[Clip]:
    """List the clips of a set."""
    if multi_label:
        kinds = list(product(motions.LEG_ACTIONS, motions.ARM_ACTIONS))
    else:
        kinds = [(label,) for label in motions.ACTIONS]
    return [Clip(labels, index) for labels in kinds for index in range(clips_per_action)]


def make(
    folder: Path,
    clips_per_action: int = 40,
    seed: int = 0,
    multi_label: bool = False,
    num_workers: int | None = None,
    on_clip: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the data set, all of it or nothing; return the number of clips.

    Args:
        folder: is made; may exist when empty.
        clips_per_action: with `multi_label`, of every combination of two actions.
        seed: another one gives other people.
        multi_label: two actions a clip, one with the legs and one with the arms.
        num_workers: processes; by default as many as there are processors.
        on_clip: called after every clip with how many are done, and of how many.

    Raises:
        ValueError: the folder holds something, or a number makes no sense.
    """
    check_new(folder, seed)
    if clips_per_action < 3:
        raise ValueError(
            f"clips per action is {clips_per_action}: needs 3 or more, one for each split"
        )
    clips = plan(clips_per_action, multi_label)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write.replacing(folder, durable=False) as unfinished:
        with closing(write_clips(clips, seed, unfinished, num_workers)) as written:
            for done, _ in enumerate(written, start=1):
                on_clip(done, len(clips))
        write_annotations(clips, unfinished / "annotations.csv")
    return len(clips)


def check_new(folder: Path, seed: int) -> None:
    """Refuse a folder that holds something, and a seed below 0.

    Raises:
        ValueError: names which of them.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: name a new one for the data set")
    if seed < 0:
        raise ValueError(f"seed is {seed}: needs 0 or more")


def write_clips(
    clips: Sequence[Clip], seed: int, folder: Path, num_workers: int | None
) -> Generator[None]:
    """Write videos in processes that ignore Ctrl-C; yield after every video, in order."""
    for parent in {(folder / clip.path).parent for clip in clips}:
        parent.mkdir(parents=True, exist_ok=True)
    yield from in_processes(partial(_write_clip, seed=seed, folder=folder), clips, num_workers)


def in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], num_workers: int | None
) -> Generator[Result]:
    """Call a function for every item in processes that ignore Ctrl-C; yield results in order."""
    pool = ProcessPoolExecutor(
        num_workers or os.cpu_count(),
        mp_context=get_context("spawn"),
        initializer=partial(signal.signal, signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield from pool.map(function, items, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def write_annotations(clips: Sequence[Clip], path: Path) -> None:
    """Write the table of labels."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "split", "group"])
        for clip in clips:
            writer.writerow([clip.path, "|".join(clip.labels), clip.split, clip.group])


def _write_clip(clip: Clip, seed: int, folder: Path) -> None:
    """Write H.264 that is the same to the byte whenever the frames are."""
    frames = clip.frames(seed)
    bitexact = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(folder / clip.path), "w", options=bitexact) as container:
        quality = {"preset": "veryfast", "crf": "20", "g": str(film.FRAMES_PER_SECOND)}
        stream = container.add_stream("libx264", rate=film.FRAMES_PER_SECOND, options=quality)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _name(labels: tuple[str, ...]) -> str:
    return "+".join(label.replace(" ", "_") for label in labels)
