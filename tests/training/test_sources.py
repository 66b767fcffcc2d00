import shutil

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from actionclip.data import reading
from actionclip.model.actionclip import ActionCLIP
from actionclip.training.recipe import Data, Recipe
from actionclip.training.sources import CachedFeatures, HeldClips, Plan, Videos


class Recorder(Videos):
    """Remembers the pixels of the drawn clips."""

    def read(self, batches):
        for places, clips in super().read(batches):
            self.drawn = {**getattr(self, "drawn", {}), **dict(zip(places, clips, strict=True))}
            yield places, clips


@pytest.fixture
def compute(tiny_clip, tmp_path, monkeypatch):
    """Compute two views of each clip of a folder; return the drawn pixels and the features."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    AcceleratorState._reset_state()
    PartialState._reset_state()
    model = ActionCLIP.load(tiny_clip, device="cpu")
    chosen = Recipe(data=Data(path=".", num_workers=0, cached_views=2))

    def compute(data):
        annotations = reading.read(data).of_split("train")
        videos = Recorder(annotations, model, chosen)
        features = CachedFeatures(videos, model, Accelerator(cpu=True), 2, lambda *_: None)
        paths = [example.video.parent.name for example in annotations.examples]
        read = features._cache.read([keys[1] for keys in features._keys])
        return getattr(videos, "drawn", {}), dict(zip(paths, read, strict=True))

    return compute


def test_the_same_view_of_two_clips_is_drawn_and_augmented_differently(compute, squares, tmp_path):
    data = tmp_path / "data"
    original = squares / "train" / "moving_left" / "0.mp4"
    for number in range(6):  # six videos of one picture, whose bytes differ
        for label in ("left", "right"):
            video = data / "train" / label / f"{number}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            video.write_bytes(
                original.read_bytes() + bytes([0, 0, 0, 9]) + b"free" + bytes([number])
            )
    drawn, _ = compute(data)
    clips = list(drawn.values())
    assert len(clips) == 12
    differs = [not torch.equal(one, clips[0]) for one in clips[1:]]
    assert sum(differs) >= 9  # all but the copy with the same bytes


def test_drawn_views_follow_the_content_and_neither_the_folder_nor_its_other_clips(
    compute, squares, tmp_path
):
    _, first = compute(squares)
    moved = tmp_path / "moved"
    for way in ("left", "right"):
        shutil.copytree(squares / "train" / f"moving_{way}", moved / "train" / f"moving_{way}")
    shutil.rmtree(tmp_path / "cache")
    _, second = compute(moved)
    for name, features in second.items():
        assert torch.equal(features, first[name])


def test_a_held_clip_is_decoded_once_and_is_that_of_testing(squares, tiny_clip, monkeypatch):
    model = ActionCLIP.load(tiny_clip, device="cpu")
    chosen = Recipe(data=Data(path=".", num_workers=0, augmentation="none", hold=True))
    annotations = reading.read(squares).of_split("train")
    twice = annotations.with_examples([*annotations.examples, *annotations.examples])
    videos = Videos(twice, model, chosen)
    decoded = []
    show = Videos.show

    def shown(self, indices):
        decoded.extend(indices)
        return show(self, indices)

    monkeypatch.setattr(Videos, "show", shown)
    held = HeldClips(videos, lambda *_: None)
    num_clips = len(annotations.examples)
    assert decoded == list(range(num_clips))
    assert held.annotations == twice
    [(_, expected)] = Videos(annotations, model, chosen).show([3, 5])
    plan = Plan((3, 5 + num_clips), (0, 0), (0, 0), (1, 2))
    [(same, clips)] = held.draw([plan])
    assert same is plan
    assert torch.equal(clips, expected)
    assert torch.equal(torch.cat([rows for _, rows in held.show([3, 5])]), expected)


def test_a_damaged_clip_is_not_held(squares, tiny_clip, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(squares, data)
    damaged = data / "train" / "moving_left" / "0.mp4"
    damaged.write_bytes(damaged.read_bytes()[:200])
    annotations = reading.read(data)
    model = ActionCLIP.load(tiny_clip, device="cpu")
    chosen = Recipe(data=Data(path=".", num_workers=0, augmentation="none", hold=True))
    held = HeldClips(Videos(annotations, model, chosen), lambda *_: None)
    assert len(held.annotations.examples) == len(annotations.examples) - 1
    assert damaged not in {example.video for example in held.annotations.examples}
