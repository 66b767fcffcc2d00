import dataclasses

import pytest
import torch
from accelerate import Accelerator

from actionclip.core import encode
from actionclip.data.annotations import Annotations, Example, FrameFolder
from actionclip.data.clips import Sampling
from actionclip.evaluation import view_features
from actionclip.evaluation.view_features import ViewFeatures, Views
from actionclip.training import recipe as recipes
from actionclip.training.cached import CachedFeatures
from actionclip.training.sources import Videos

ONE = Views(Sampling(4))


def _read(reader: ViewFeatures) -> dict[int, torch.Tensor]:
    places = range(len(reader._annotations.examples))
    return {
        place: one
        for found, features in reader.read(places)
        for place, one in zip(found, features, strict=True)
    }


def _train_features(colour_model, annotations: Annotations, kind: str) -> torch.Tensor:
    """What training looks up for its held-out clips."""
    chosen = recipes.Data(path=".", num_workers=0, cached_views=1)
    encoder = colour_model.encoder
    videos = Videos(annotations, Sampling(4, kind), encoder.short_side, encoder.image_size, chosen)
    source = CachedFeatures(videos, colour_model, Accelerator(cpu=True), 1, lambda *_: None)
    return torch.cat([features for _, features in source.show(range(len(annotations.examples)))])


@pytest.mark.parametrize("kind", ["segments", "keyframes"])
def test_evaluating_and_training_find_each_others_features(colour_model, colour_clips, kind):
    views = Views(Sampling(4, kind))
    trained = _train_features(colour_model, colour_clips, kind)
    colour_model.encoder.num_seen = 0
    evaluated = _read(ViewFeatures(colour_model, colour_clips, views))
    assert colour_model.encoder.num_seen == 0
    assert all(torch.equal(evaluated[place][0], trained[place]) for place in evaluated)

    part = dataclasses.replace(colour_clips.examples[0], start_seconds=0.2, end_seconds=0.9)
    parts = colour_clips.with_examples([part])
    [expected] = _read(ViewFeatures(colour_model, parts, views)).values()
    assert colour_model.encoder.num_seen == 1
    assert torch.equal(_train_features(colour_model, parts, kind), expected)
    assert colour_model.encoder.num_seen == 1


def test_what_was_seen_is_not_seen_again(colour_model, colour_clips):
    first = _read(ViewFeatures(colour_model, colour_clips, ONE))
    assert colour_model.encoder.num_seen == len(colour_clips.examples)
    again = _read(ViewFeatures(colour_model, colour_clips, ONE))
    assert colour_model.encoder.num_seen == len(colour_clips.examples)
    assert all(torch.equal(first[place], again[place]) for place in first)


@pytest.mark.parametrize(("windows", "crops"), [(1, 3), (2, 1), (2, 3)])
def test_other_views_are_other_features(colour_model, colour_clips, windows, crops):
    views = Views(Sampling(4), windows, crops)
    single = _read(ViewFeatures(colour_model, colour_clips, ONE))
    several = _read(ViewFeatures(colour_model, colour_clips, views))
    assert several[0].shape == (windows * crops, 4, 12)
    if windows == 1:  # the middle crop is the single view
        torch.testing.assert_close(several[0][1], single[0][0])
    again = _read(ViewFeatures(colour_model, colour_clips, views))
    assert all(torch.equal(several[place], again[place]) for place in several)


def test_dense_frames_of_another_stride_are_other_features(colour_model, colour_clips):
    near, far = (
        _read(ViewFeatures(colour_model, colour_clips, Views(Sampling(4, "dense", stride))))
        for stride in (1, 2)
    )
    assert not torch.allclose(near[0], far[0])


def test_folders_of_pictures_are_looked_at_each_time(colour_model, colour_clips, tmp_path):
    import av

    folder = tmp_path / "frames"
    folder.mkdir()
    with av.open(str(colour_clips.examples[0].video)) as video:
        for number, frame in enumerate(video.decode(video=0), start=1):
            frame.save(str(folder / f"{number}.png"))
    pictures = dataclasses.replace(
        colour_clips.examples[0], video=folder, frames=FrameFolder("{}.png", 1, number)
    )
    both = colour_clips.with_examples([pictures, colour_clips.examples[1]])
    told: list[tuple[int, int]] = []
    for _ in range(2):
        reader = ViewFeatures(colour_model, both, ONE)
        read = reader.read([0, 1], lambda *counts: told.append(counts))
        found = [place for places, _ in read for place in places]
        assert sorted(found) == [0, 1]
    assert colour_model.encoder.num_seen == 3
    assert told[-1] == (2, 2)


def test_a_damaged_video_is_left_out_and_told(colour_model, colour_clips, tmp_path):
    broken, gone = tmp_path / "broken.mp4", tmp_path / "gone.mp4"
    broken.write_bytes(b"no video")
    damaged = [Example(path, ("red",), "test", source=str(path)) for path in (broken, gone)]
    annotations = colour_clips.with_examples([*damaged, *colour_clips.examples * 5])
    reader = ViewFeatures(colour_model, annotations, ONE)
    assert set(_read(reader)) == set(range(2, 47))
    assert set(reader.left_out) == {0, 1}
    assert "broken.mp4" in reader.left_out[0]


def test_many_damaged_videos_are_a_mistake(colour_model, colour_clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    damaged = Example(tmp_path / "broken.mp4", ("red",), "test", source="x")
    reader = ViewFeatures(colour_model, colour_clips.with_examples([damaged]), ONE)
    with pytest.raises(ValueError, match="1 of 1 videos cannot be read"):
        _read(reader)


def test_memory_grows_with_frames_and_not_with_clips_and_views(
    colour_model, colour_clips, monkeypatch, tmp_path
):
    views = Views(Sampling(4), num_windows=5, num_crops=3)
    expected = _read(ViewFeatures(colour_model, colour_clips, views, batch_size=1))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(view_features, "MAX_FRAMES", 10)
    monkeypatch.setattr(encode, "MAX_FRAMES_ON_CPU", 10)
    sizes = []
    vision_features = colour_model.vision_features

    def record(clips: torch.Tensor) -> torch.Tensor:
        sizes.append(clips.shape[:2].numel())
        return vision_features(clips)

    monkeypatch.setattr(colour_model, "vision_features", record)
    found = _read(ViewFeatures(colour_model, colour_clips, views, batch_size=16))
    assert max(sizes) == 8  # two views of four frames
    for place, features in expected.items():
        torch.testing.assert_close(found[place], features)
