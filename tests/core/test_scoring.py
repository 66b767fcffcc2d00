import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from actionclip.core import scoring


def _embeddings(*shape: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_probabilities_are_the_mean_over_templates_of_the_softmax_over_labels():
    clip = torch.tensor([[1.0, 0.0]])
    templates = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    first = math.exp(3) / (math.exp(3) + 1)
    torch.testing.assert_close(
        scoring.probabilities(clip, templates[:1], 3.0), torch.tensor([[first, 1 - first]])
    )
    torch.testing.assert_close(
        scoring.probabilities(clip, templates, 3.0), torch.tensor([[0.5, 0.5]])
    )


def test_half_precision_embeddings_are_scored_in_fp32():
    clips, labels = _embeddings(2, 8).bfloat16(), _embeddings(1, 3, 8, seed=1).bfloat16()
    scores = scoring.probabilities(clips, labels, 100.0)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, scoring.probabilities(clips.float(), labels.float(), 100.0))


def test_a_label_that_exceeds_the_background_by_the_margin_is_as_likely_as_none():
    scores, none = scoring.with_none(
        torch.tensor([[[5.0]]]), torch.tensor([[2.0]]), temperature=7.0, margin=3.0
    )
    torch.testing.assert_close(scores, torch.tensor([[0.5]]))
    torch.testing.assert_close(none, torch.tensor([0.5]))


def test_as_many_labels_as_you_like_that_fit_no_better_do_not_change_none():
    for num_labels in (1, 2, 400):
        _, none = scoring.with_none(
            torch.zeros(1, 1, num_labels), torch.zeros(1, 1), temperature=2.0, margin=4.0
        )
        torch.testing.assert_close(none, torch.tensor([1 / (1 + math.exp(-2))]))


def test_the_background_counts_by_its_mean():
    clips, labels, background = (
        _embeddings(2, 8),
        _embeddings(3, 4, 8, seed=1),
        _embeddings(3, 5, 8, seed=2),
    )
    scores, none = open_set(clips, labels, background, 10.0, temperature=1.5, margin=1.0)
    logits = 10 * torch.einsum("bd,knd->bkn", clips, labels) / 1.5
    by_mean = (10 * torch.einsum("bd,kd->bk", clips, background.mean(dim=1)) + 1) / 1.5
    together = torch.cat([logits - math.log(4), by_mean[..., None]], dim=-1)
    expected = together.softmax(dim=-1).mean(dim=1)
    torch.testing.assert_close(torch.cat([scores, none[:, None]], dim=1), expected)


def test_in_one_template_labels_compare_with_each_other_as_without_none():
    clips, labels, background = (
        _embeddings(2, 8),
        _embeddings(1, 4, 8, seed=1),
        _embeddings(1, 5, 8, seed=2),
    )
    scores, none = open_set(clips, labels, background, 20.0, temperature=1.0, margin=3.0)
    closed = scoring.probabilities(clips, labels, 20.0)
    torch.testing.assert_close(scores / (1 - none)[:, None], closed)


def test_a_cosine_that_all_texts_have_in_common_changes_nothing():
    labels, background = torch.randn(1, 2, 4), torch.randn(1, 2)
    for shift in (0.0, 25.0):
        shifted = scoring.with_none(labels + shift, background + shift, temperature=1.0, margin=3.0)
        plain = scoring.with_none(labels, background, temperature=1.0, margin=3.0)
        torch.testing.assert_close(shifted, plain)


def test_a_clip_is_scored_as_it_is_alone():
    clips, labels, background = (
        _embeddings(5, 8),
        _embeddings(2, 4, 8, seed=1),
        _embeddings(2, 3, 8, seed=2),
    )
    together, none = open_set(clips, labels, background, 20.0, temperature=1.0, margin=3.0)
    for place in range(5):
        alone, none_alone = open_set(
            clips[place : place + 1], labels, background, 20.0, temperature=1.0, margin=3.0
        )
        torch.testing.assert_close(alone[0], together[place])
        torch.testing.assert_close(none_alone[0], none[place])


@given(
    num_labels=st.integers(1, 50),
    logit_scale=st.floats(1, 100),
    temperature=st.floats(0.05, 20),
    margin=st.floats(-10, 20),
    seed=st.integers(0, 100),
)
def test_scores_are_probabilities_that_add_up_to_one(
    num_labels: int, logit_scale: float, temperature: float, margin: float, seed: int
):
    scores, none = open_set(
        _embeddings(3, 6, seed=seed),
        _embeddings(2, num_labels, 6, seed=seed + 1),
        _embeddings(2, 4, 6, seed=seed + 2),
        logit_scale,
        temperature=temperature,
        margin=margin,
    )
    assert scores.min() >= 0
    assert none.min() >= 0
    torch.testing.assert_close(scores.sum(dim=1) + none, torch.ones(3))


@pytest.mark.parametrize("margin", [0.0, 3.0, 6.0])
def test_a_larger_margin_makes_none_likelier(margin: float):
    logits, background = torch.randn(4, 2, 3), torch.randn(4, 2)
    _, less = scoring.with_none(logits, background, temperature=1.0, margin=margin)
    _, more = scoring.with_none(logits, background, temperature=1.0, margin=margin + 1)
    assert (more > less).all()


def test_alone_beside_none_a_label_does_not_depend_on_those_beside_it():
    label_logits, none = torch.randn(3, 2, 5), torch.randn(3, 2)
    fitted = {"temperature": 1.5, "margin": 2.0}
    together = scoring.each_beside_none(label_logits, none, **fitted)
    for column in range(5):
        alone = scoring.each_beside_none(label_logits[..., column : column + 1], none, **fitted)
        torch.testing.assert_close(together[:, column : column + 1], alone)
        single, _ = scoring.with_none(label_logits[..., column : column + 1], none, **fitted)
        odds = (alone / (1 - alone)).log().mean(), (single / (1 - single)).log().mean()
        assert odds[0] < odds[1]
    one, equal = torch.tensor([[[5.0]]]), torch.tensor([[2.0]])
    found = scoring.each_beside_none(one, equal, temperature=7.0, margin=3.0)
    torch.testing.assert_close(found, torch.tensor([[scoring.PRIOR]]))


def open_set(clips, labels, background, scale, **fitted):
    """Scores of labels, and of none, for embeddings."""
    none = scoring.logits(clips, background, scale).mean(dim=-1)
    return scoring.with_none(scoring.logits(clips, labels, scale), none, **fitted)
