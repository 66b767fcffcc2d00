"""One run of recognition in a fresh process: a way, a model, videos and labels become times.

    python benchmarks/recognition.py ours lite --videos a.mp4 b.mp4 [--num-labels 400]

Ways: `reference` (see reference.py), `ours`, `x-clip` (see x_clip.py). Prints `ready` when the
model is loaded, then a JSON document with the seconds of each part. Answers go to --output, for
agreement.py. Without videos, labels are embedded and nothing else.

Shapes:
    V: videos   K: templates   N: labels   P: prompts   D: shared width
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import agreement
import measuring
import safetensors.torch
import torch
from measuring import Parts
from torch import Tensor

from actionclip.text import label_sets, prompts

NUM_PROFILED = 5
"""Clips whose parts are timed one after another, beside the run itself."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Recognize once, and say what took how long.")
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("model", help="lite, or a folder with CLIP")
    parser.add_argument("--videos", type=Path, nargs="*", default=[])
    parser.add_argument("--num-labels", type=int, default=400)
    parser.add_argument("--num-prompts", type=int, help="encoded by the reference; default: all")
    parser.add_argument("--output", type=Path, help="where the answers go")
    arguments = parser.parse_args()
    labels = label_sets.load("kinetics400")[: arguments.num_labels]
    told, answers = WAYS[arguments.way](
        arguments.model, arguments.videos, labels, arguments.num_prompts
    )
    if arguments.output:
        safetensors.torch.save_file(answers, arguments.output)
    print(json.dumps(told))


Result = tuple[dict[str, Any], dict[str, Tensor]]


@torch.inference_mode()
def _reference(
    model: str, videos: Sequence[Path], labels: Sequence[str], num_prompts: int | None
) -> Result:
    import reference

    towers = reference.load(model)
    print(measuring.READY, flush=True)
    texts, parts = prompts.fill(towers.templates, labels), Parts()
    chosen = torch.linspace(0, len(texts) - 1, num_prompts or len(texts)).round().long().unique()
    some = reference.embed_prompts(towers, [texts[place] for place in chosen], parts)
    embeddings = torch.zeros(len(texts), some.shape[-1])  # (P, D)
    embeddings[chosen] = some
    clips = []
    for video in videos:
        clips.append(reference.embed_clip(towers, video, parts))
        with parts.part("scores"):
            reference.score(towers, clips[-1], embeddings)
    told = {
        "parts": parts.seconds,
        "seconds": sum(parts.seconds.values()),
        "num_prompts": len(chosen),
        "num_all_prompts": len(texts),
    }
    answers = {"chosen": chosen, "prompts": some}
    return told, answers | ({"clips": torch.stack(clips)} if clips else {})


def _ours(
    model: str, videos: Sequence[Path], labels: Sequence[str], num_prompts: int | None
) -> Result:
    from actionclip.recognizer import Recognizer

    assert num_prompts is None
    recognizer: Any = Recognizer.load(model)
    parts = Parts()
    print(measuring.READY, flush=True)
    embed_labels = recognizer.embed_labels

    def timed(*arguments: Any) -> Tensor:  # noqa: ANN401
        with parts.part("labels"):
            return embed_labels(*arguments)

    recognizer.embed_labels = timed
    start = time.perf_counter()
    answers = list(recognizer.recognize_all(videos, labels)) if videos else []
    embeddings = recognizer.embed_labels(labels)  # known by now, if there were videos
    seconds = time.perf_counter() - start
    scores = agreement.scores_in_order(answers, labels)
    told = {
        "parts": parts.seconds | _profile_of_ours(recognizer, videos, labels),
        "seconds": seconds,
    }
    model_of_ours = recognizer.model
    scale = model_of_ours.logit_scale.detach().exp() / model_of_ours.calibration.temperature
    return told, {"labels": embeddings.contiguous(), "scores": scores, "logit_scale": scale}


@torch.inference_mode()
def _profile_of_ours(
    recognizer: Any,  # noqa: ANN401 - a Recognizer, which is imported late
    videos: Sequence[Path],
    labels: Sequence[str],
) -> dict[str, float]:
    """Take some clips through the parts of the recognizer, one after another; scale to all."""
    from actionclip.video import transforms

    parts, encoder = Parts(), recognizer.model.encoder
    scorer = recognizer.scorer(labels, beside_none=False)
    for video in videos[:NUM_PROFILED]:
        with parts.part("decoding and scaling"):
            frames = recognizer.read_frames(video)
        with parts.part("transforms"):
            clip = transforms.test_clip(frames, encoder.short_side, encoder.image_size)
        with parts.part("tower"):
            embedding = recognizer.model.embed_clips(clip[None])
        with parts.part("scores"):
            scorer(embedding)
    share = len(videos) / max(1, min(len(videos), NUM_PROFILED))
    return {name: seconds * share for name, seconds in parts.seconds.items()}


@torch.inference_mode()
def _x_clip(
    model: str, videos: Sequence[Path], labels: Sequence[str], num_prompts: int | None
) -> Result:
    import x_clip

    assert num_prompts is None
    peer, parts = x_clip.load(), Parts()
    print(measuring.READY, flush=True)
    for video in videos:
        x_clip.recognize(peer, video, labels, parts)
    return {"parts": parts.seconds, "seconds": sum(parts.seconds.values())}, {}


WAYS = {"reference": _reference, "ours": _ours, "x-clip": _x_clip}


if __name__ == "__main__":
    main()
