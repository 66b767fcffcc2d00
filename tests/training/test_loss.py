import pytest
import torch
from torch.nn import functional as F

from actionclip.training import loss

CASES = ("Transf", "Conv_1D", "Transf_shift")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_with_all_labels_different_it_is_the_loss_of_clip():
    logits, each = torch.randn(4, 4), torch.arange(4)
    clip_loss = (F.cross_entropy(logits, each) + F.cross_entropy(logits.T, each)) / 2
    torch.testing.assert_close(loss.kl_contrastive(logits, each), clip_loss)


def test_texts_of_the_same_label_are_not_pushed_apart():
    labels = torch.tensor([7, 7, 3])
    perfect = 100 * (labels[:, None] == labels[None, :]).float()
    torch.testing.assert_close(loss.kl_contrastive(perfect, labels), torch.tensor(0.0))
    assert loss.kl_contrastive(perfect, torch.arange(3)) > 0.4  # the loss of CLIP does so


def test_the_order_of_the_clips_does_not_matter():
    logits, labels, order = torch.randn(5, 5), torch.tensor([1, 2, 1, 3, 3]), torch.randperm(5)
    torch.testing.assert_close(
        loss.kl_contrastive(logits[order][:, order], labels[order]),
        loss.kl_contrastive(logits, labels),
    )


def test_it_is_zero_where_the_softmax_is_the_target_and_nowhere_less():
    labels = torch.tensor([0, 1, 0, 2])
    for target in ("exact", "official"):
        same = (labels[:, None] == labels[None, :]).float()
        logits = 10 * same if target == "official" else 100 * same
        assert loss.kl_contrastive(logits, labels, target).abs() < 1e-6
        assert all(loss.kl_contrastive(torch.randn(4, 4), labels, target) > 0 for _ in range(20))


def test_the_official_target_leaves_mass_on_the_others():
    labels = torch.arange(128)
    sharp = 1000 * torch.eye(128)
    assert loss.kl_contrastive(sharp, labels, "exact") < 1e-6
    assert loss.kl_contrastive(sharp, labels, "official") > 1


def test_marked_labels_give_what_their_indices_give():
    logits, labels = torch.randn(4, 4), torch.tensor([2, 0, 2, 1])
    marked = F.one_hot(labels, 3)
    for target in ("exact", "official"):
        expected = loss.kl_contrastive(logits, labels, target)
        for kind in (marked, marked.float(), marked.bool()):
            torch.testing.assert_close(loss.kl_contrastive(logits, kind, target), expected)


def test_the_more_labels_are_shared_the_better_the_match():
    marked = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]])
    expected = torch.tensor([1, 1, 0.5, 0])
    torch.testing.assert_close(loss.overlap(marked, marked)[0], expected)


def test_a_clip_without_a_label_matches_nothing_and_costs_nothing():
    marked = torch.tensor([[1, 0], [0, 1], [0, 0]])
    logits = torch.randn(3, 3, requires_grad=True)
    loss.kl_divergence(logits, loss.overlap(marked, marked), "exact").backward()
    assert logits.grad is not None
    assert logits.grad[2].eq(0).all()
    assert logits.grad[:2].ne(0).all()


def test_rows_held_by_several_processes_average_to_the_whole():
    logits, labels = torch.randn(6, 6), torch.tensor([0, 1, 0, 2, 2, 2])
    matches = loss.overlap(labels, labels)
    parts = [loss.kl_divergence(logits[p], matches[p], "exact") for p in torch.arange(6).split(3)]
    whole = loss.kl_divergence(logits, matches, "exact")
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_a_classifier_of_several_labels_asks_each_of_them_alone():
    logits = torch.tensor([[9.0, 9.0, -9.0]])
    assert loss.classification(logits, torch.tensor([[1, 1, 0]])) < 1e-3
    assert loss.classification(logits, torch.tensor([0])) > 0.6


@pytest.mark.parametrize("case", CASES)
def test_it_gives_the_loss_of_the_official_code(shared, case):
    expected = torch.load(shared / "golden" / f"{case}.expected.pt", weights_only=True)
    ours = loss.kl_contrastive(expected["logits_per_video"], expected["labels"], "official")
    torch.testing.assert_close(ours, expected["loss"], atol=1e-5, rtol=0)
