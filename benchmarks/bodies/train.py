"""Train the body encoder: motions against sentences, with ActionCLIP's own loss.

    python benchmarks/bodies/train.py ../shared/motions --output bodies.safetensors [--minutes 20]

With `--steps` the same command gives the same weights. What was trained on what, for how long, is
in the metadata of the file.

Shapes:
    B: windows   T: frames   J: joints   M: sentences   D: width
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional as F

import cameras
import data
from actionclip.model.encoders.bodies import LOGIT_SCALE, BodyEncoder
from actionclip.model.encoders.lite import LiteEncoder
from actionclip.training.loss import kl_contrastive

BATCH = 256
LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 0.02
AVERAGING = 0.998
"""Share of the averaged weights that a step keeps."""
MEAN_ONE = 0.05
"""Weight of the penalty that keeps the mean likelihood ratio at one, so that 0 says nothing."""
TEXT_NOISE = 0.25
"""Length of the noise on sentences, which teaches their neighbours too."""
WHITENING_POWER = 0.25
TEMPLATES = ("{}", "{}", "a person {}", "a video of a person {}", "somebody is {}", "{}, an action")
HERE = Path(__file__).parent


@dataclass
class Texts:
    """Sentences, as vectors of length one in the space of the bodies."""

    vectors: Float[Tensor, "M D"]
    of_label: dict[str, list[int]]
    of_description: dict[str, int]
    taught: Float[Tensor, "P D"]
    """Every phrase, as MiniLM has it."""
    center: Float[Tensor, " D"]
    projection: Float[Tensor, "D D"]

    def place(self, sentences: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Bring sentences of MiniLM into that space."""
        return F.normalize((sentences - self.center) @ self.projection, dim=-1)


def main() -> None:
    """Read the motions, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motions", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kinds", choices=["free", "unrestricted", "all"], default="unrestricted")
    parser.add_argument("--per-action", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--stop", type=int, help="end after so many of the steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-procedural", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="one computes faster than its share")
    arguments = parser.parse_args()
    began = time.time()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = Generator().manual_seed(arguments.seed)
    motions = data.read(arguments.motions, arguments.kinds)
    if not arguments.no_procedural:
        motions = data.join(motions, data.draw(arguments.seed, arguments.per_action))
    named = data.sentences(HERE / "sentences.tsv")
    texts = embed(named, motions)
    held_out = torch.tensor([bool(data.HELD_OUT.fullmatch(each)) for each in motions.people])
    print(
        f"{len(motions)} motions, {int(held_out.sum())} held out, "
        f"{len(texts.vectors)} sentences, {time.time() - began:.0f} s",
        flush=True,
    )
    encoder = BodyEncoder()
    averaged = copy.deepcopy(encoder).eval()
    train(encoder, averaged, motions, texts, named, held_out, rng, arguments)


def embed(named: dict[str, tuple[list[str], list[str]]], motions: data.Motions) -> Texts:
    """Let MiniLM read all phrases in all templates, and the descriptions of the motions."""
    lite = LiteEncoder.pretrained()
    phrases = {label: named[label][1] for label in sorted(set(motions.labels))}
    descriptions = sorted({each for each in motions.descriptions if each})
    descriptions = sorted({*descriptions, *map(data.swap_sides, descriptions)})
    strings = sorted(
        {
            template.format(each)
            for some in phrases.values()
            for each in some
            for template in TEMPLATES
        }
        | set(descriptions)
    )
    place = {each: number for number, each in enumerate(strings)}
    sentences = read_sentences(lite, strings)
    taught = sentences[
        [place[each] for each in sorted({p for some in phrases.values() for p in some})]
    ]
    center = taught.mean(dim=0)
    spread = F.normalize(taught - center, dim=-1)
    variances, directions = torch.linalg.eigh(spread.T @ spread / len(spread))
    factors = (variances.clamp(min=0) + variances.mean()) ** -WHITENING_POWER
    projection = directions * (factors / factors.mean()) @ directions.T
    texts = Texts(
        sentences,
        {
            label: [place[t.format(each)] for each in some for t in TEMPLATES]
            for label, some in phrases.items()
        },
        {each: place[each] for each in descriptions},
        taught,
        center,
        projection,
    )
    texts.vectors = texts.place(sentences)
    return texts


@torch.inference_mode()
def read_sentences(lite: LiteEncoder, strings: list[str]) -> Float[Tensor, "N D"]:
    """Encode sentences as MiniLM has them, of length one."""
    order = sorted(range(len(strings)), key=lambda number: len(strings[number]))
    features = torch.empty(len(strings), lite.width)
    for start in range(0, len(order), 64):
        batch = order[start : start + 64]
        tokens = lite.tokenize([strings[number] for number in batch])
        features[batch] = F.normalize(lite.text_tower(tokens), dim=-1)
    return features


def train(
    encoder: BodyEncoder,
    averaged: BodyEncoder,
    motions: data.Motions,
    texts: Texts,
    named: dict[str, tuple[list[str], list[str]]],
    held_out: Tensor,
    rng: Generator,
    arguments: argparse.Namespace,
) -> None:
    """Minimise the loss until the time or the steps are over."""
    names = sorted({*motions.labels, *(wider for some, _ in named.values() for wider in some)})
    columns = {name: number for number, name in enumerate(names)}
    marks = {
        label: torch.tensor([columns[each] for each in {label, *named[label][0]}])
        for label in set(motions.labels)
    }
    likely = chances(motions) * ~held_out
    flat = torch.tensor(motions.flat)
    decayed = [weights for weights in encoder.parameters() if weights.ndim > 1]
    plain = [weights for weights in encoder.parameters() if weights.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    )
    began, step, losses = time.time(), 0, []
    encoder.train()
    while True:
        done = (
            step / arguments.steps
            if arguments.steps
            else (time.time() - began) / 60 / arguments.minutes
        )
        if done >= 1 or step == arguments.stop:
            break
        rate = (
            LEARNING_RATE
            * min(1, (step + 1) / 200)
            * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = torch.multinomial(likely, BATCH, generator=rng)
        joints, mirrored = seen(motions, chosen, flat, rng)
        vectors = texts.vectors[pick(motions, texts, chosen, mirrored, rng)]
        noise = torch.randn(vectors.shape, generator=rng) / math.sqrt(vectors.shape[1])
        vectors = F.normalize(vectors + TEXT_NOISE * noise, dim=-1)
        rows = torch.zeros(BATCH, len(names))
        for row, number in enumerate(chosen.tolist()):
            rows[row, marks[motions.labels[number]]] = 1
        logits = LOGIT_SCALE * encoder(joints) @ vectors.T
        loss = kl_contrastive(logits, rows)
        apart = logits[~torch.eye(BATCH, dtype=torch.bool)]
        mean_ratio = apart.logsumexp(dim=0) - math.log(len(apart))
        optimizer.zero_grad()
        (loss + MEAN_ONE * mean_ratio**2).backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        update(averaged, encoder, min(AVERAGING, step / (step + 10)))
        losses.append(loss.item())
        if step % 100 == 0:
            print(
                f"{step} {(time.time() - began) / 60:.1f} min loss {sum(losses[-100:]) / 100:.3f}",
                flush=True,
            )
        if step % 800 == 0:
            arguments.judged = judge(averaged, motions, texts, held_out)
            print(arguments.judged, flush=True)
            save(averaged, texts, motions, arguments, step, time.time() - began)
    arguments.judged = judge(averaged, motions, texts, held_out)
    print(arguments.judged, flush=True)
    save(averaged, texts, motions, arguments, step, time.time() - began)


def chances(motions: data.Motions) -> Float[Tensor, " N"]:
    """Say how often each motion is drawn: rare labels and sources more often than their share."""
    labels, sources = defaultdict(int), defaultdict(int)
    for label, source in zip(motions.labels, motions.sources, strict=True):
        labels[label] += 1
        sources[label, source] += 1
    of_label = defaultdict(float)
    for (label, _), number in sources.items():
        of_label[label] += number**0.5
    return torch.tensor(
        [
            min(labels[label], 400) ** 0.35 * sources[label, source] ** -0.5 / of_label[label]
            for label, source in zip(motions.labels, motions.sources, strict=True)
        ]
    )


def seen(
    motions: data.Motions, chosen: Int[Tensor, " B"], flat: Tensor, rng: Generator
) -> tuple[Float[Tensor, "B T J 3"], Tensor]:
    """Cut windows and film them; half of the people are mirrored."""
    points, valid = data.windows(motions, chosen, rng)
    mirrored = torch.rand(len(chosen), generator=rng) < 0.5
    return cameras.film(points, valid, flat[chosen], mirrored, rng), mirrored


def pick(
    motions: data.Motions, texts: Texts, chosen: Tensor, mirrored: Tensor, rng: Generator
) -> list[int]:
    """Draw a sentence for each motion: its description or a phrase in a template."""
    draws = torch.rand(len(chosen), 2, generator=rng).tolist()
    picked = []
    for number, swap, (kind, which) in zip(chosen.tolist(), mirrored.tolist(), draws, strict=True):
        description = motions.descriptions[number]
        if description and kind < 0.3:
            said = data.swap_sides(description) if swap else description
            picked.append(texts.of_description[said])
        else:
            options = texts.of_label[motions.labels[number]]
            picked.append(options[int(which * len(options))])
    return picked


@torch.no_grad()
def update(averaged: BodyEncoder, encoder: BodyEncoder, share: float) -> None:
    """Move the averaged weights towards the trained ones."""
    trained = encoder.state_dict()
    for name, tensor in averaged.state_dict().items():
        new = trained[name]
        if tensor.is_floating_point():
            tensor.lerp_(new, 1 - share)
        else:
            tensor.copy_(new)


@torch.inference_mode()
def judge(
    averaged: BodyEncoder, motions: data.Motions, texts: Texts, held_out: Tensor
) -> dict[str, float]:
    """Name the motions of people held out, among all labels: top-1 and top-5, by source."""
    rng = Generator().manual_seed(1)
    labels = sorted(texts.of_label)
    vectors = texts.vectors[[texts.of_label[label][0] for label in labels]]
    flat = torch.tensor(motions.flat)
    right: dict[str, list[bool]] = defaultdict(list)
    for chosen in held_out.nonzero()[:, 0].split(256):
        joints, _ = seen(motions, chosen, flat, rng)
        best = (averaged(joints) @ vectors.T).topk(5, dim=1)[1].tolist()
        for number, order in zip(chosen.tolist(), best, strict=True):
            rank = (
                order.index(want) if (want := labels.index(motions.labels[number])) in order else 9
            )
            right[motions.sources[number]].append(rank == 0)
            right["all"].append(rank == 0)
            right["all, top 5"].append(rank < 5)
    return {source: round(sum(each) / len(each), 3) for source, each in right.items()}


def save(
    averaged: BodyEncoder,
    texts: Texts,
    motions: data.Motions,
    arguments: argparse.Namespace,
    step: int,
    seconds: float,
) -> None:
    """Write half-precision weights and say where they come from."""
    tensors = {
        f"encoder.{name}": tensor
        for name, tensor in averaged.state_dict().items()
        if "num_batches" not in name
    }
    tensors |= {
        "text_center": texts.center,
        "text_projection": texts.projection,
        "taught": texts.taught,
    }
    counted = defaultdict(int)
    for source in motions.sources:
        counted[source] += 1
    metadata = {
        "data": json.dumps(dict(counted)),
        "seed": str(arguments.seed),
        "steps": str(step),
        "minutes": f"{seconds / 60:.1f}",
        "held_out": json.dumps(arguments.judged),
    }
    stored = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(stored, arguments.output, metadata)


if __name__ == "__main__":
    main()
