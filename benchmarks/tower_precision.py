"""Frames through CLIP's vision towers, in `auto` precision against the same in fp32, in one run.

The towers have random weights, for only time and rounding are looked at; the 400 labels are random
embeddings too. Prints the machine, what `auto` chose and why, and for each tower the ratio of the
times and how well the rankings of the labels agree.

    python benchmarks/tower_precision.py [--repeats 5] [--threads 2]
"""

import argparse
import copy
import platform
import statistics
import subprocess
import time

import torch
from torch.nn import functional as F

from actionclip.model import precision, temporal_heads
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip
from actionclip.model.layouts import openai

NUM_FRAMES = 8
NUM_LABELS = 400


def build(patch_size: int) -> ActionCLIP:
    """Make OpenAI's ViT-B with random weights."""
    sizes = openai.Architecture(
        width=512,
        patch_size=patch_size,
        grid_size=224 // patch_size,
        vision_width=768,
        num_vision_layers=12,
        text_width=512,
        num_text_layers=1,  # texts are not timed
        num_tokens=77,
        vocabulary_size=160,
        joint_frames=None,
    )
    config = ModelConfig(encoder="clip", encoder_config=openai.encoder_config(sizes))
    model = ActionCLIP(
        config, clip.build(config, tokenizer=None), temporal_heads.build(config, sizes.width)
    )
    torch.manual_seed(0)
    for parameter in model.encoder.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02)
        else:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model.eval()


def seconds(model: ActionCLIP, clips: torch.Tensor) -> float:
    """Time one pass over a clip."""
    start = time.perf_counter()
    model.embed_clips(clips)
    return time.perf_counter() - start


def cpu_name() -> str:
    """Name the processor, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - of Linux only
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except OSError:
        return platform.processor()


def commit() -> str:
    """Name the version of the code, where it is a git checkout with commits."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


@torch.inference_mode()
def compare(patch_size: int, repeats: int) -> None:
    """Print one line on one tower."""
    exact = build(patch_size)
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
        f"ViT-B/{patch_size}: fp32 {fp32:.3f} s, auto {other:.3f} s, ratio {fp32 / other:.2f}; "
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
    choice = precision.choose("auto", torch.device("cpu"))
    print(f"{cpu_name()}, {arguments.threads} threads, torch {torch.__version__}, {commit()}")
    print(f"auto is {choice.dtype}: {choice.reason}")
    for patch_size in (32, 16):
        compare(patch_size, arguments.repeats)


if __name__ == "__main__":
    main()
