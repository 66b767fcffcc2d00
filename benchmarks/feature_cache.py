"""An epoch of head training: through the vision tower against from the feature cache, in one run.

    python benchmarks/feature_cache.py [--clips-per-action 6] [--temporal-head lstm] [--threads 2]

Stick figures, the model `lite`; both towers are frozen, the map between them and the head are
trained. Both ways see the same clips and take the same steps. Decoding is counted on neither side,
so that the ratio is that of the tower alone; what decoding would add is printed as well.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from actionclip.core import encode as encoding
from actionclip.core.cache import FeatureCache
from actionclip.data import stick_figures
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.temporal_heads import HEADS
from actionclip.training import loss
from actionclip.video import decode, sampling, transforms

BATCH_SIZE = 48
NUM_EPOCHS_FROM_CACHE = 5


def read_clip(video: Path, model: ActionCLIP) -> Tensor:
    """Decode the middle frame of every segment, cropped for the model."""
    encoder = model.encoder
    middles = sampling.segment_middles(decode.probe(video).num_frames, model.config.num_frames)
    frames = decode.read_frames(video, middles, encoder.short_side)
    return transforms.test_clip(frames, encoder.short_side, encoder.image_size)


def train_epoch(
    model: ActionCLIP, batches: Iterator[Tensor], labels: Tensor, texts: Tensor
) -> None:
    """Take one step per batch of what the vision tower gives."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5)
    for start, vision_features in enumerate(batches):
        chosen = labels[start * BATCH_SIZE : (start + 1) * BATCH_SIZE]
        embeddings = model.embed_frame_features(model.project(vision_features))
        logits = model.logit_scale.exp() * embeddings @ texts[chosen].T
        optimizer.zero_grad()
        loss.kl_contrastive(logits, chosen).backward()
        optimizer.step()


def main() -> None:
    """Print seconds per epoch of both ways, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips-per-action", type=int, default=6)
    parser.add_argument("--temporal-head", choices=list(HEADS), default="lstm")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        compare(Path(temporary), arguments.clips_per_action, arguments.temporal_head)


def compare(folder: Path, clips_per_action: int, temporal_head: str) -> None:
    """Make the videos, fill the cache, and time both ways."""
    stick_figures.make(folder / "videos", clips_per_action)
    videos = sorted((folder / "videos").rglob("*.mp4"))
    names = sorted({video.parent.name for video in videos})
    labels = torch.tensor([names.index(video.parent.name) for video in videos])
    model = ActionCLIP.load("lite", temporal_head=temporal_head)
    model.encoder.vision_tower.requires_grad_(False)
    model.encoder.text_tower.requires_grad_(False)
    with torch.no_grad():
        texts = model.embed_texts([name.replace("_", " ") for name in names])

    started = time.perf_counter()
    clips = torch.stack([read_clip(video, model) for video in videos])
    decoding = time.perf_counter() - started
    print(f"{len(videos)} clips of {clips.shape[1]} frames, {torch.get_num_threads()} threads")
    print(f"decoding                     {decoding:8.2f} s, not counted below")

    @torch.no_grad()
    def encode(place: int) -> Tensor:
        """Encode a single clip: on a CPU several at once take longer, not shorter."""
        return model.vision_features(clips[place : place + 1])[0]

    def through_the_tower() -> Iterator[Tensor]:
        for batch in torch.arange(len(clips)).split(BATCH_SIZE):
            yield torch.stack([encode(place) for place in batch.tolist()])

    started = time.perf_counter()
    cache = FeatureCache(encoding.depends_on(model), folder / "cache")
    keys = [cache.key(video, {"segments": model.config.num_frames}) for video in videos]
    hashing = time.perf_counter() - started
    cache.fill(keys, lambda missing: ((place, encode(place)) for place in missing))
    started = time.perf_counter()
    cache.missing(keys)
    checking = time.perf_counter() - started
    print(
        f"hashing model and videos     {hashing:8.2f} s, once; checking features {checking:.3f} s"
    )

    def from_the_cache() -> Iterator[Tensor]:
        for start in range(0, len(keys), BATCH_SIZE):
            yield cache.read(keys[start : start + BATCH_SIZE])

    started = time.perf_counter()
    train_epoch(model, through_the_tower(), labels, texts)
    tower = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(NUM_EPOCHS_FROM_CACHE):
        train_epoch(model, from_the_cache(), labels, texts)
    cached = (time.perf_counter() - started) / NUM_EPOCHS_FROM_CACHE
    started = time.perf_counter()
    for _ in from_the_cache():
        pass
    reading = time.perf_counter() - started
    print(f"an epoch through the tower   {tower:8.2f} s")
    print(f"an epoch from the cache      {cached:8.4f} s: {tower / cached:.0f} times faster")
    print(f"of that, reading features    {reading:8.4f} s; the rest is the head's two steps")


if __name__ == "__main__":
    main()
