"""Pre-train `mini`, a small CLIP, from nothing: pictures and captions are drawn.

    python benchmarks/small_clip.py runs/mini

A CLIP of two million parameters (72 pixels, four blocks of 160; texts: three blocks of 128) with
random weights, and a tokenizer learned from the captions, is written in the layout of
`transformers`. `actionclip train` then matches pictures with captions by CLIP's own loss, as
recipes/mini.toml says, and `actionclip evaluate` names the poses of the test pictures, whose names
it knows from captions only. FOLDER/mini is the result in the same layout, half precision: the
package has these files in model/encoders/mini_data. A run that was stopped continues.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import CLIPConfig, CLIPModel

from actionclip.experiments import trial
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import clip_tokenizer
from actionclip.training import recipe as recipes

PIXELS, PATCH, WIDTH = 72, 12, 128
NUM_TOKENS = 48
NUM_PICTURES = 40_000
RECIPE = Path(__file__).parents[1] / "recipes/mini.toml"


def learn_tokenizer(captions: list[str]) -> Tokenizer:
    """Learn byte pairs, the most frequent first, until every word of the captions is one token.

    The trainer of `tokenizers` numbers pieces in another order in every process, which would make
    other weights of the same seed.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = [clip_tokenizer.START, clip_tokenizer.END]
    pieces = [*special, *alphabet, *(letter + "</w>" for letter in alphabet)]
    plain = clip_tokenizer.from_merges({p: number for number, p in enumerate(pieces)}, [])
    words: Counter[tuple[str, ...]] = Counter()
    for caption in captions:
        word: list[str] = []
        for piece in plain.encode(caption, add_special_tokens=False).tokens:
            word.append(piece)
            if piece.endswith("</w>"):
                words[tuple(word)] += 1
                word = []
    merges: list[tuple[str, str]] = []
    while pairs := _count_pairs(words):
        first, second = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append((first, second))
        merged: Counter[tuple[str, ...]] = Counter()
        for parts, count in words.items():
            merged[_merge(parts, first, second)] += count
        words = merged
    pieces += dict.fromkeys(first + second for first, second in merges)
    return clip_tokenizer.from_merges({p: number for number, p in enumerate(pieces)}, merges)


def _count_pairs(words: Counter[tuple[str, ...]]) -> Counter[tuple[str, str]]:
    pairs: Counter[tuple[str, str]] = Counter()
    for parts, count in words.items():
        for pair in pairwise(parts):
            pairs[pair] += count
    return pairs


def _merge(parts: tuple[str, ...], first: str, second: str) -> tuple[str, ...]:
    """Join each occurrence of a pair, from the left."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == (first, second):
            joined[-1] = first + second
        else:
            joined.append(part)
    return tuple(joined)


def write_start(folder: Path, captions: list[str], seed: int) -> None:
    """Write random weights, their configuration and the tokenizer."""
    tokenizer = learn_tokenizer(captions)
    config = CLIPConfig(
        text_config={
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": WIDTH,
            "intermediate_size": 4 * WIDTH,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": NUM_TOKENS,
            "bos_token_id": tokenizer.token_to_id(clip_tokenizer.START),
            "eos_token_id": tokenizer.token_to_id(clip_tokenizer.END),
            "pad_token_id": 0,
        },
        vision_config={
            "hidden_size": 160,
            "intermediate_size": 640,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": PIXELS,
            "patch_size": PATCH,
        },
        projection_dim=WIDTH,
    )
    torch.manual_seed(seed)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_hub_folder(checkpoint: Path, start: Path, folder: Path) -> None:
    """Write a trained checkpoint in the layout and with the configuration of its start, in fp16."""
    model = ActionCLIP.load(checkpoint)
    encoder = model.encoder
    whole = CLIPModel(CLIPConfig.from_pretrained(start))
    whole.vision_model.load_state_dict(encoder.vision_tower.state_dict())
    whole.text_model.load_state_dict(encoder.text_tower.state_dict())
    for name in ("visual_projection", "text_projection"):
        getattr(whole, name).load_state_dict(encoder.get_submodule(name).state_dict())
    whole.logit_scale.data.copy_(model.logit_scale)
    whole.half().save_pretrained(folder)
    shutil.copy(start / "tokenizer.json", folder)


def actionclip(*arguments: str | Path | int) -> None:
    """Run a command of the project."""
    subprocess.run([sys.executable, "-m", "actionclip.cli", *map(str, arguments)], check=True)


def main() -> None:
    """Draw, train and measure, and say how long each took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=NUM_PICTURES)
    parser.add_argument("--epochs", type=int, help="By default as in the recipe.")
    parser.add_argument("--batch", type=int, help="By default as in the recipe.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="Processes that read pictures.")
    chosen = parser.parse_args()
    data, start, run = (chosen.folder / name for name in ("pictures", "start", "run"))
    if not data.is_dir():
        size = ("--pictures", chosen.pictures, "--seed", chosen.seed)
        actionclip("data", "make", "stick-pictures", data, *size)
    captions = data / "captions.csv"
    if not start.is_dir():
        with captions.open(encoding="utf-8", newline="") as file:
            texts = [row["caption"] for row in csv.DictReader(file)]
        write_start(start, texts, chosen.seed)
    optim = {"epochs": chosen.epochs, "batch_size": chosen.batch}
    recipe = trial.change(
        recipes.read(RECIPE),
        model={"start": str(start)},
        data={"path": str(captions), "num_workers": chosen.workers},
        optim={name: value for name, value in optim.items() if value is not None},
        computing={"seed": chosen.seed},
    )
    path = chosen.folder / "recipe.toml"
    path.write_text(recipes.write(recipe) + "\n", encoding="utf-8")
    began = time.perf_counter()
    again = ["--resume"] if run.is_dir() else []
    actionclip("train", path, "--output", run, *again)
    print(f"trained for {time.perf_counter() - began:.0f} s with {torch.get_num_threads()} threads")
    write_hub_folder(run / "last", start, chosen.folder / "mini")
    for model in (start, chosen.folder / "mini"):
        actionclip(
            *("evaluate", "--model", model, "--data", data / "annotations.csv"),
            *("--protocol", "closed-set"),
        )


if __name__ == "__main__":
    main()
