import dataclasses

import pytest
import torch
from accelerate import Accelerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from actionclip import Recognizer
from actionclip.core import encode, store
from actionclip.data.annotations import Annotations, Example, FrameFolder
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.evaluation import scoring
from actionclip.evaluation.protocols import Subset
from actionclip.evaluation.scoring import EncodedClips, ScoredClips, Scorer, Views, read_features
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier
from actionclip.training import recipe as recipes
from actionclip.training.objectives import Contrastive
from actionclip.training.sources import CachedFeatures, Videos
from actionclip.video import transforms

LABELS = ("red", "green", "blue")
TEMPLATES = ("{}", "a video of {}")
ALL = Subset("all", LABELS, LABELS)


def _score(
    model: ActionCLIP, annotations: Annotations, views: Views, **computing: int
) -> ScoredClips:
    clips = scoring.encode_clips(model, annotations, views, **computing)
    return scoring.score(clips, ALL, _words(model))


def _words(model: ActionCLIP) -> Scorer:
    return scoring.text_scorer(model, LABELS, Recognizer(model).embed_labels(LABELS, TEMPLATES))


def test_scores_are_those_of_the_recognizer(colour_model, colour_clips):
    scored = _score(colour_model, colour_clips, Views(Sampling(4)))
    recognizer = Recognizer(colour_model)
    for example, scores in zip(colour_clips.examples, scored.scores, strict=True):
        predictions = recognizer.recognize(example.video, LABELS, TEMPLATES)
        expected = {prediction.label: prediction.score for prediction in predictions}
        assert dict(zip(LABELS, scores.tolist(), strict=True)) == pytest.approx(expected, abs=1e-5)


def test_scores_of_several_labels_are_those_of_training(colour_model, colour_clips):
    first = dataclasses.replace(colour_clips.examples[0], labels=("red", "blue"))
    several = colour_clips.with_examples([first, *colour_clips.examples[1:]])
    scored = _score(colour_model, several, Views(Sampling(4)))
    views = TestViews(several, Sampling(4), 16, 16)
    pixels = torch.stack([transforms.to_float(sample.clip[0]) for sample in views])
    embeddings = Recognizer(colour_model).embed_labels(LABELS, TEMPLATES)
    with torch.inference_mode():
        expected = Contrastive(colour_model, "exact").scores(pixels, embeddings, exclusive=False)
    torch.testing.assert_close(scored.scores, expected, atol=1e-4, rtol=0)


def test_scores_are_means_over_templates_and_views_of_probabilities(colour_model, colour_clips):
    views = Views(Sampling(4), num_windows=2, num_crops=3)
    scored = _score(colour_model, colour_clips, views)
    embeddings = Recognizer(colour_model).embed_labels(LABELS, TEMPLATES)  # (K, N, D)
    sample = TestViews(colour_clips, Sampling(4), 16, 16, num_windows=2, num_crops=3)[4]
    each = []
    with torch.inference_mode():
        scale = colour_model.logit_scale.exp()
        for view in transforms.to_float(sample.clip):
            clip = colour_model.embed_clips(view[None])[0]
            for of_template in embeddings:
                logits = torch.stack([text @ clip for text in of_template]) * scale
                each.append(logits.softmax(dim=0))
    assert len(each) == 12
    torch.testing.assert_close(scored.scores[4], torch.stack(each).mean(0), atol=1e-5, rtol=0)


def test_a_subset_gives_only_its_labels_probability(colour_model, colour_clips):
    clips = scoring.encode_clips(colour_model, colour_clips, Views(Sampling(4)))
    two = Subset("two", ("blue",), ("blue", "red"))
    scored = scoring.score(clips, two, _words(colour_model))
    assert scored.annotations.labels == ("blue", "red")
    assert {example.labels for example in scored.annotations.examples} == {("blue",)}
    assert scored.scores.shape == (3, 2)
    torch.testing.assert_close(scored.scores.sum(1), torch.ones(3))
    whole = scoring.score(clips, ALL, _words(colour_model))
    assert whole.truth.tolist() == [2, 2, 2, 1, 1, 1, 0, 0, 0]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    order=st.permutations(range(9)),
    batch_size=st.integers(1, 10),
    views=st.sampled_from([Views(Sampling(4)), Views(Sampling(4), 2, 3)]),
    cached=st.booleans(),
)
def test_batch_size_order_and_cache_do_not_matter(
    colour_model, colour_clips, tmp_path_factory, order, batch_size, views, cached
):
    expected = _score(colour_model, colour_clips, views)
    shuffled = colour_clips.with_examples(colour_clips.examples[place] for place in order)
    with pytest.MonkeyPatch.context() as patch:
        if not cached:
            fresh = tmp_path_factory.mktemp("fresh")
            patch.setattr(store, "default_folder", lambda: fresh)
        scored = _score(colour_model, shuffled, views, batch_size=batch_size)
    assert scored.annotations == shuffled
    torch.testing.assert_close(scored.scores, expected.scores[list(order)], atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_do_not_matter(colour_model, colour_clips, monkeypatch, tmp_path, num_workers):
    views = Views(Sampling(4), 2, 1)
    expected = _score(colour_model, colour_clips, views)
    monkeypatch.setattr(store, "default_folder", lambda: tmp_path / "fresh")
    scored = _score(colour_model, colour_clips, views, batch_size=2, num_workers=num_workers)
    torch.testing.assert_close(scored.scores, expected.scores, atol=1e-5, rtol=0)


def test_damaged_videos_are_told_and_every_other_counts(colour_model, colour_clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = dataclasses.replace(
        colour_clips.examples[0], video=tmp_path / "broken.mp4", source="clips.csv:7"
    )
    many = colour_clips.with_examples([broken, *colour_clips.examples * 3])
    scored = _score(colour_model, many, Views(Sampling(4)))
    assert len(scored.annotations.examples) == 27
    assert set(scored.left_out) == {"clips.csv:7"}


def _classifier(layer: nn.Linear) -> Classifier:
    return Classifier(layer.weight.detach(), layer.bias.detach())


def test_a_classifier_scores_by_its_layer(colour_model, colour_clips):
    layer = nn.Linear(8, 4)
    labels = ("blue", "yellow", "red", "green")
    clips = scoring.encode_clips(colour_model, colour_clips, Views(Sampling(4)))
    scored = scoring.score(clips, ALL, scoring.classifier_scorer(_classifier(layer), labels))
    with torch.inference_mode():
        expected = layer(clips.features[:, 0])[:, [2, 3, 0]].softmax(dim=1)
    torch.testing.assert_close(scored.scores, expected)


def test_a_classifier_refuses_labels_that_it_does_not_know(colour_clips):
    classifier = _classifier(nn.Linear(8, 3))
    clips = EncodedClips(colour_clips, torch.zeros(9, 1, 8), {})
    with pytest.raises(ValueError, match="'blue' is none of those; give data with its 3 labels"):
        scoring.score(clips, ALL, scoring.classifier_scorer(classifier, ("red", "green", "pink")))
    with pytest.raises(ValueError, match="tells 3 labels apart, not 2; name the labels"):
        scoring.classifier_scorer(classifier, ("red", "green"))


ONE = Views(Sampling(4))


def _read(
    model: ActionCLIP,
    annotations: Annotations,
    views: Views,
    left_out: dict[int, str] | None = None,
    **computing: int,
) -> dict[int, torch.Tensor]:
    """Features by index."""
    indices = range(len(annotations.examples))
    left_out = {} if left_out is None else left_out
    return {
        index: one
        for found, features in read_features(
            model, annotations, views, indices, left_out, **computing
        )
        for index, one in zip(found, features, strict=True)
    }


def _train_features(colour_model, annotations: Annotations, kind: str) -> torch.Tensor:
    """What training looks up for its held-out clips."""
    chosen = recipes.Data(path=".", sampling=kind, num_workers=0, cached_views=1)
    videos = Videos(annotations, colour_model, recipes.Recipe(data=chosen))
    source = CachedFeatures(videos, colour_model, Accelerator(cpu=True), 1, lambda *_: None)
    return torch.cat([features for _, features in source.show(range(len(annotations.examples)))])


@pytest.mark.parametrize("kind", ["segments", "keyframes"])
def test_evaluating_and_training_find_each_others_features(colour_model, colour_clips, kind):
    views = Views(Sampling(4, kind))
    trained = _train_features(colour_model, colour_clips, kind)
    colour_model.encoder.num_seen = 0
    evaluated = _read(colour_model, colour_clips, views)
    assert colour_model.encoder.num_seen == 0
    assert all(torch.equal(evaluated[place][0], trained[place]) for place in evaluated)

    part = dataclasses.replace(colour_clips.examples[0], start_seconds=0.2, end_seconds=0.9)
    parts = colour_clips.with_examples([part])
    [expected] = _read(colour_model, parts, views).values()
    assert colour_model.encoder.num_seen == 1
    assert torch.equal(_train_features(colour_model, parts, kind), expected)
    assert colour_model.encoder.num_seen == 1


def test_what_was_seen_is_not_seen_again(colour_model, colour_clips):
    first = _read(colour_model, colour_clips, ONE)
    assert colour_model.encoder.num_seen == len(colour_clips.examples)
    again = _read(colour_model, colour_clips, ONE)
    assert colour_model.encoder.num_seen == len(colour_clips.examples)
    assert all(torch.equal(first[place], again[place]) for place in first)


@pytest.mark.parametrize(("windows", "crops"), [(1, 3), (2, 1), (2, 3)])
def test_other_views_are_other_features(colour_model, colour_clips, windows, crops):
    views = Views(Sampling(4), windows, crops)
    single = _read(colour_model, colour_clips, ONE)
    several = _read(colour_model, colour_clips, views)
    assert several[0].shape == (windows * crops, 4, 12)
    if windows == 1:  # the middle crop is the single view
        torch.testing.assert_close(several[0][1], single[0][0])
    again = _read(colour_model, colour_clips, views)
    assert all(torch.equal(several[place], again[place]) for place in several)


def test_dense_frames_of_another_stride_are_other_features(colour_model, colour_clips):
    near, far = (
        _read(colour_model, colour_clips, Views(Sampling(4, "dense", stride))) for stride in (1, 2)
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
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        read = read_features(
            colour_model, both, ONE, [0, 1], {}, on_progress=lambda *counts: calls.append(counts)
        )
        found = [index for indices, _ in read for index in indices]
        assert sorted(found) == [0, 1]
    assert colour_model.encoder.num_seen == 3
    assert calls[-1] == (2, 2)


def test_a_damaged_video_is_left_out_and_told(colour_model, colour_clips, tmp_path):
    broken, gone = tmp_path / "broken.mp4", tmp_path / "gone.mp4"
    broken.write_bytes(b"no video")
    damaged = [Example(path, ("red",), "test", source=str(path)) for path in (broken, gone)]
    annotations = colour_clips.with_examples([*damaged, *colour_clips.examples * 5])
    left_out: dict[int, str] = {}
    assert set(_read(colour_model, annotations, ONE, left_out)) == set(range(2, 47))
    assert set(left_out) == {0, 1}
    assert "broken.mp4" in left_out[0]


def test_many_damaged_videos_are_a_mistake(colour_model, colour_clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    damaged = Example(tmp_path / "broken.mp4", ("red",), "test", source="x")
    with pytest.raises(ValueError, match="1 of 1 videos cannot be read"):
        _read(colour_model, colour_clips.with_examples([damaged]), ONE)


def test_memory_grows_with_frames_and_not_with_clips_and_views(
    colour_model, colour_clips, monkeypatch, tmp_path
):
    views = Views(Sampling(4), num_windows=5, num_crops=3)
    expected = _read(colour_model, colour_clips, views, batch_size=1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(scoring, "MAX_FRAMES", 10)
    monkeypatch.setattr(encode, "MAX_FRAMES_ON_CPU", 10)
    sizes = []
    vision_features = colour_model.vision_features

    def record(clips: torch.Tensor) -> torch.Tensor:
        sizes.append(clips.shape[:2].numel())
        return vision_features(clips)

    monkeypatch.setattr(colour_model, "vision_features", record)
    found = _read(colour_model, colour_clips, views, batch_size=16)
    assert max(sizes) == 8  # two views of four frames
    for place, features in expected.items():
        torch.testing.assert_close(found[place], features)
