"""Reading clips: ours against the ways of the field, on two cores, side by side in one run.

Thirty-second H.264 videos are made on the spot. Each way reads eight frames of a video as a clip of
224×224 pixels in two processes at once; the ways take turns. Printed are the medians, as a table:

    python benchmarks/data_loading.py [--rounds 5] [--heights 256 1080] [--keyframe-every 250 30]

Decoding all of a 1080-line video to pictures takes six gigabytes, in each of the two processes.
"""

import argparse
import multiprocessing
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import clips
import measuring
import numpy as np
import psutil
import torch
from PIL import Image

from actionclip.data import augmentation
from actionclip.data.annotations import Annotations, Example
from actionclip.data.augmentation import Augmentation
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Sample, TestViews, TrainingClips
from actionclip.video import sampling, transforms
from actionclip.video.decoder import SHARED_DECODER

NUM_FRAMES, SHORT_SIDE, SIZE = 8, 256, 224
SECONDS = 30
CLIPS_PER_PROCESS = {256: 4, 1080: 1}
NUM_PROCESSES = 2
CONTEXT = multiprocessing.get_context("fork")


def decode_all(path: Path) -> list[Image.Image]:
    """Decode a whole video to pictures."""
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def crop_middles(pictures: list[Image.Image]) -> torch.Tensor:
    """Scale each picture's short side and cut out its middle, as the official code tests."""
    cropped = []
    for picture in pictures:
        scale = SHORT_SIDE / min(picture.size)
        wide, high = (round(side * scale) for side in picture.size)
        left, top = (wide - SIZE) // 2, (high - SIZE) // 2
        scaled = picture.resize((wide, high), Image.Resampling.BILINEAR)
        cropped.append(scaled.crop((left, top, left + SIZE, top + SIZE)))
    return to_tensor(cropped)


def to_tensor(pictures: list[Image.Image]) -> torch.Tensor:
    """Stack pictures to a clip."""
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return stacked.permute(0, 3, 1, 2).contiguous().float().div(255)  # (T, 3, S, S)


def through(path: Path) -> torch.Tensor:
    """Test as the field does: decode everything, pick, transform with PIL."""
    pictures = decode_all(path)
    middles = sampling.segment_middles(len(pictures), NUM_FRAMES)
    return crop_middles([pictures[index] for index in middles])


def through_for_training(path: Path) -> torch.Tensor:
    """Train as the field does: decode everything, pick, multi-scale crop and flip with PIL."""
    pictures, generator = decode_all(path), np.random.default_rng()
    indices = sampling.random_in_segments(len(pictures), NUM_FRAMES, generator)
    width, height = pictures[0].size
    crops = augmentation.crops(height, width, SIZE)
    top, left, high, wide = crops[generator.integers(len(crops))]
    box = (left, top, left + wide, top + high)
    cut = [pictures[i].crop(box).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for i in indices]
    if generator.random() < 0.5:
        cut = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in cut]
    return to_tensor(cut)


def seek(path: Path) -> torch.Tensor:
    """Test by plain seeking: for each frame to the keyframe before it, and on from there."""
    pictures = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        ticks_per_frame = 1 / (clips.FRAME_RATE * (stream.time_base or 1))
        for index in sampling.segment_middles(stream.frames, NUM_FRAMES):
            tick = round(int(index) * ticks_per_frame)
            container.seek(tick, stream=stream)
            frames = container.decode(stream)
            frame = next(frame for frame in frames if frame.pts is not None and frame.pts >= tick)
            pictures.append(frame.to_image())
    return crop_middles(pictures)


def ours(path: Path, chosen: Sampling) -> torch.Tensor:
    """Test as this project does."""
    return clip_of(TestViews(as_data_set(path), chosen, SHORT_SIDE, SIZE)[0])


def ours_for_training(path: Path) -> torch.Tensor:
    """Train as this project does, colours and grey included, which PIL is spared."""
    transform = Augmentation(SIZE, randaugment=False)
    data_set = as_data_set(path)
    return clip_of(
        TrainingClips(data_set, Sampling(NUM_FRAMES), transform, short_side=SHORT_SIDE)[0, 0]
    )


def as_data_set(path: Path) -> Annotations:
    """Make a data set of one video."""
    return Annotations((Example(path, ("moving",), "train", "here"),), ("moving",))


def clip_of(sample: object) -> torch.Tensor:
    """Give the only clip of a sample."""
    assert isinstance(sample, Sample), sample
    return transforms.to_float(sample.clip.reshape(NUM_FRAMES, 3, SIZE, SIZE))


TESTING: dict[str, Callable[[Path], torch.Tensor]] = {
    "testing: decode all, PIL": through,
    "testing: plain seeking, PIL": seek,
    "testing: **ours**": lambda path: ours(path, Sampling(NUM_FRAMES)),
    "testing: **ours**, keyframes": lambda path: ours(path, Sampling(NUM_FRAMES, "keyframes")),
}
TRAINING: dict[str, Callable[[Path], torch.Tensor]] = {
    "training: decode all, PIL": through_for_training,
    "training: **ours**": ours_for_training,
}


def used() -> np.ndarray:
    """Return CPU seconds and the largest memory in bytes of this process and its children."""
    cpu, memory = 0.0, 0
    for process in (psutil.Process(), *psutil.Process().children()):
        times = process.cpu_times()
        cpu += times.user + times.system
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory += 1024 * int(status.split("VmHWM:")[1].split()[0])
    return np.array([cpu, memory])


def measure(way: Callable[[Path], torch.Tensor], video: Path, num_clips: int) -> np.ndarray:
    """Read clips in all processes at once.

    Returns:
        Clips per second, CPU seconds per clip, and megabytes by which a process grew.
    """

    def read(process: int) -> None:
        SHARED_DECODER.probe(video)  # a loader starts its decoding process once
        before, start = used(), time.perf_counter()
        for number in range(num_clips):  # under new names, so that nothing is remembered
            link = video.with_name(f"{process}-{number}-{video.name}")
            os.link(video, link)
            way(link)
            link.unlink()
        seconds, after = time.perf_counter() - start, used()
        told.put((seconds, *((after - before) / (num_clips, 2**20))))

    told = CONTEXT.SimpleQueue()
    processes = [CONTEXT.Process(target=read, args=(i,)) for i in range(NUM_PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    seconds, cpu, megabytes = np.array([told.get() for _ in processes]).T
    return np.array([NUM_PROCESSES * num_clips / seconds.max(), cpu.mean(), megabytes.max()])


def rows(video: Path, height: int, rounds: int) -> list[str]:
    """Measure all ways in turn; give the lines of the table for one video."""
    ways = TESTING | TRAINING
    taken: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(measure(way, video, CLIPS_PER_PROCESS[height]))
    medians = {
        name: [statistics.median(column) for column in zip(*values, strict=True)]
        for name, values in taken.items()
    }
    lines = []
    for name, (per_second, cpu, megabytes) in medians.items():
        base = medians[next(iter(TRAINING if name in TRAINING else TESTING))]
        lines.append(
            f"| {video.stem} | {name} | {per_second:.2f} | {per_second / base[0]:.1f} "
            f"| {cpu:.3f} | {base[1] / cpu:.1f} | {megabytes:.0f} |"
        )
    return lines


def main() -> None:
    """Make the videos, measure, print."""
    parser = argparse.ArgumentParser(description="Compare ways to read clips.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--heights", type=int, nargs="+", choices=clips.WIDTHS, default=list(clips.WIDTHS)
    )
    parser.add_argument("--keyframe-every", type=int, nargs="+", default=[250, 30])
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # of each process
    print(f"{measuring.circumstances()}; PyAV {av.__version__}.")
    print(f"Command: `python {shlex.join(sys.argv)}`\n")
    print("| video | way | clips/s | ratio | CPU s/clip | ratio | memory MB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for height in arguments.heights:
            for keyframe_every in arguments.keyframe_every:
                name = f"{clips.WIDTHS[height]}×{height}, keyframe every {keyframe_every}.mp4"
                video = Path(folder) / name
                clips.write(video, height, SECONDS, keyframe_every)
                print("\n".join(rows(video, height, arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
