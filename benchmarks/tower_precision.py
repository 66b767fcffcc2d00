"""Frames through CLIP's vision towers, in `auto` precision against the same in fp32, in one run.

The towers have random weights, for only time and rounding are looked at; the 400 labels are random
embeddings too. Prints the machine, what `auto` chose and why, and for each tower the ratio of the
times and how well the rankings of the labels agree.

    python benchmarks/tower_precision.py [--repeats 5] [--threads 2]
"""

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path

import measuring
import random_clip
import torch
from torch.nn import functional as F

from actionclip.model import devices
from actionclip.model.actionclip import ActionCLIP

NUM_FRAMES = 8
NUM_LABELS = 400


def seconds(model: ActionCLIP, clips: torch.Tensor) -> float:
    """Time one pass over a clip."""
    start = time.perf_counter()
    model.embed_clips(clips)
    return time.perf_counter() - start


@torch.inference_mode()
def compare(name: str, repeats: int) -> None:
    """Print one line on one tower."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "clip"
        random_clip.write(weights, random_clip.PATCH_SIZES[name], num_text_layers=1)
        exact = ActionCLIP.load(weights)
    auto = copy.deepcopy(exact).in_precision("auto")
    generator = torch.Generator().manual_seed(1)
    clips = torch.rand(1, NUM_FRAMES, 3, 224, 224, generator=generator)
    labels = F.normalize(torch.randn(NUM_LABELS, 512, generator=generator), dim=-1)
    for model in (exact, auto):
        seconds(model, clips)  # the first pass prepares kernels
    times = [(seconds(exact, clips), seconds(auto, clips)) for _ in range(repeats)]
    fp32, other = (statistics.median(column) for column in zip(*times, strict=True))
    rankings = [
        (labels @ model.embed_clips(clips)[0]).argsort().argsort() for model in (exact, auto)
    ]
    agreement = torch.corrcoef(torch.stack(rankings).float())[0, 1]
    print(
        f"{name}: fp32 {fp32:.3f} s, auto {other:.3f} s, ratio {fp32 / other:.2f}; "
        f"rank correlation of {NUM_LABELS} labels {agreement:.4f}, "
        f"best label {'the same' if rankings[0].argmax() == rankings[1].argmax() else 'another'}"
    )


def main() -> None:
    """Compare both towers."""
    parser = argparse.ArgumentParser(description="Compare auto precision with fp32.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    choice = devices.choose_precision("auto", torch.device("cpu"))
    print(f"{measuring.circumstances()}, {arguments.threads} threads, torch {torch.__version__}")
    print(f"auto is {choice.dtype}: {choice.reason}")
    for name in random_clip.PATCH_SIZES:
        compare(name, arguments.repeats)


if __name__ == "__main__":
    main()
