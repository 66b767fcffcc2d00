"""What a GPU does with the towers, beside what the chip can do and beside the CPU of the machine.

The towers have random weights of the real sizes. Clips start as bytes in the memory of the host,
as they do behind a decoder, and features end there. The limit of the chip is what a product of two
large bf16 matrices reaches in the same run. Medians of some rounds, as a table:

    python benchmarks/gpu.py [--rounds 5] [--clips 64] [--training-data DIR]

With a folder of videos, a folder per label, an epoch of training ViT-B/16 is timed on it as well.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import measuring
import random_clip
import torch

from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import fit
from actionclip.training.loop import Epoch

GFLOP_OF_A_FRAME = {"ViT-B/32": 8.8, "ViT-B/16": 35.1}
"""Twice the multiplications of the vision tower at 224×224 pixels."""
NUM_FRAMES = 8
MATRIX = 8192


def seconds(work: Callable[[], object], rounds: int, device: str) -> float:
    """Time work, which a GPU may still be doing when the call returns."""
    times = []
    for round_ in range(rounds + 1):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if round_ > 0:  # the first one prepares kernels
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def limit(rounds: int) -> float:
    """Return the GFLOP/s of a large product of bf16 matrices."""
    a, b = (torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * MATRIX**3 / seconds(lambda: a @ b, rounds, "cuda") / 1e9


def time_towers(weights: Path, name: str, num_clips: int, rounds: int, most: float) -> None:
    """Print a line for each way to compute the features of the same frames."""
    clips = torch.randint(0, 256, (num_clips, NUM_FRAMES, 3, 224, 224), dtype=torch.uint8)
    few = clips[:8]
    for device, precision, batch in (
        ("cuda", "auto", clips),
        ("cuda", "fp32", clips),
        ("cpu", "auto", few),
    ):
        model = ActionCLIP.load(weights, device=device, precision=precision)
        taken = seconds(lambda m=model, b=batch: encode.vision_features(m, b), rounds, device)
        per_second = len(batch) * NUM_FRAMES / taken
        share = per_second * GFLOP_OF_A_FRAME[name] / most
        print(
            f"| {name} | {device} | {model.precision} | {per_second:,.0f} frames/s | "
            f"{share:.1%} of the limit |"
        )
    model = ActionCLIP.load(weights, device="cuda", precision="auto")
    floats = (clips / 255).to("cuda", torch.float32)
    taken = seconds(lambda: encode.vision_features(model, floats), rounds, "cuda")
    per_second = clips.shape[0] * NUM_FRAMES / taken
    share = per_second * GFLOP_OF_A_FRAME[name] / most
    print(
        f"| {name} | cuda, clips already there | {model.precision} | {per_second:,.0f} frames/s"
        f" | {share:.1%} of the limit |"
    )


def time_training(weights: Path, data: Path) -> None:
    """Print the clips a second of two epochs; the first one fills caches of the disk."""
    recipe = f"""
        [model]
        start = "{weights}"
        num_frames = {NUM_FRAMES}
        temporal_head = "transformer"
        [data]
        path = "{data}"
        num_workers = 12
        [optim]
        epochs = 2
        warmup_epochs = 0
        batch_size = 64
        [computing]
        trackers = []
    """

    def show(epoch: Epoch) -> None:
        memory = torch.cuda.max_memory_allocated() / 2**30
        print(
            f"| training, epoch {epoch.epoch} | cuda | loss {epoch.loss:.3f} | "
            f"{epoch.clips_per_second:.1f} clips/s | {memory:.1f} GiB at most |"
        )

    with tempfile.TemporaryDirectory() as folder:
        fit.fit(recipe, Path(folder) / "run", device="cuda", on_epoch=show)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the towers on a GPU.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--training-data", type=Path)
    arguments = parser.parse_args()
    most = limit(arguments.rounds)
    print(f"{measuring.circumstances()}, {torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"limit: {most / 1000:,.0f} TFLOP/s")
    with tempfile.TemporaryDirectory() as folder:
        for name, patch_size in random_clip.PATCH_SIZES.items():
            weights = Path(folder) / name.replace("/", "-")
            random_clip.write(weights, patch_size)
            time_towers(weights, name, arguments.clips, arguments.rounds, most)
        if arguments.training_data:
            time_training(Path(folder) / "ViT-B-16", arguments.training_data)


if __name__ == "__main__":
    main()
