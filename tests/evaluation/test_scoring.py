import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from actionclip import Recognizer
from actionclip.core import store
from actionclip.data.annotations import Annotations
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.evaluation import scoring
from actionclip.evaluation.protocols import Question
from actionclip.evaluation.scored import Scored
from actionclip.evaluation.scoring import ByClassifier, ByWords, EncodedClips
from actionclip.evaluation.view_features import Views
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier
from actionclip.training.objectives import Contrastive
from actionclip.video import transforms

LABELS = ("red", "green", "blue")
TEMPLATES = ("{}", "a video of {}")
ALL = Question("all", LABELS, LABELS)


def _score(model: ActionCLIP, annotations: Annotations, views: Views, **computing: int) -> Scored:
    clips = scoring.encode(model, annotations, views, **computing)
    return scoring.answer(clips, ALL, _words(model))


def _words(model: ActionCLIP) -> ByWords:
    return ByWords(model, LABELS, Recognizer(model).embed_labels(LABELS, TEMPLATES))


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


def test_a_question_gives_only_its_labels_probability(colour_model, colour_clips):
    clips = scoring.encode(colour_model, colour_clips, Views(Sampling(4)))
    two = Question("two", ("blue",), ("blue", "red"))
    scored = scoring.answer(clips, two, _words(colour_model))
    assert scored.annotations.labels == ("blue", "red")
    assert {example.labels for example in scored.annotations.examples} == {("blue",)}
    assert scored.scores.shape == (3, 2)
    torch.testing.assert_close(scored.scores.sum(1), torch.ones(3))
    whole = scoring.answer(clips, ALL, _words(colour_model))
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
    clips = scoring.encode(colour_model, colour_clips, Views(Sampling(4)))
    scored = scoring.answer(clips, ALL, ByClassifier(_classifier(layer), labels))
    with torch.inference_mode():
        expected = layer(clips.features[:, 0])[:, [2, 3, 0]].softmax(dim=1)
    torch.testing.assert_close(scored.scores, expected)


def test_a_classifier_refuses_labels_that_it_does_not_know(colour_clips):
    classifier = _classifier(nn.Linear(8, 3))
    clips = EncodedClips(colour_clips, torch.zeros(9, 1, 8), {})
    with pytest.raises(ValueError, match="'blue' is none of those; give data with its 3 labels"):
        scoring.answer(clips, ALL, ByClassifier(classifier, ("red", "green", "pink")))
    with pytest.raises(ValueError, match="tells 3 labels apart, not 2; name the labels"):
        ByClassifier(classifier, ("red", "green"))
