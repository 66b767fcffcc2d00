from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import loss, objectives, optim
from actionclip.training.objectives import Contrastive, Objective, OneHot, Targets
from actionclip.training.recipe import Data, Loss, Optim, Recipe

CASES = ("Transf", "Conv_1D", "Transf_shift")


@pytest.fixture
def accelerator() -> Accelerator:
    return Accelerator(cpu=True)


def _load(shared: Path, case: str) -> ActionCLIP:
    torch.manual_seed(0)
    return ActionCLIP.load(shared / "golden" / f"{case}.checkpoint.pt")


def _gradients(accelerator, model, batch_size, micro_batch_size, target="exact"):
    objective = Contrastive(model, target)
    generator = torch.Generator().manual_seed(1)
    clips = torch.rand(batch_size, 8, 3, 32, 32, generator=generator)
    texts = torch.randint(1, 159, (batch_size, 77), generator=generator)
    labels = torch.randint(5, (batch_size,), generator=generator)
    targets, seeds = Targets(labels, labels), range(batch_size)
    prepared = accelerator.prepare(objective)
    step_loss = objectives.backward(
        accelerator, prepared, objective, clips, texts, targets, seeds, micro_batch_size
    )
    return step_loss, {
        name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None
    }


def test_an_objective_without_a_loss_is_refused_when_it_is_registered():
    class Unfinished(Objective):
        def forward(self, clips, texts):
            return clips, texts

    with pytest.raises(TypeError, match="objective 'mine': Unfinished has no loss, scores; define"):
        objectives.register("mine")(Unfinished)
    assert set(objectives.OBJECTIVES) == {"contrastive", "one-hot", "classifier"}


def test_a_registered_objective_is_a_loss_kind_of_recipes(monkeypatch):
    monkeypatch.setitem(objectives.OBJECTIVES, "mine", Contrastive)
    assert Recipe(data=Data(path="x"), loss=Loss(kind="mine")).loss.kind == "mine"
    with pytest.raises(ValueError, match=r"unknown 'other'; known: \['contrastive', .*'mine'\]"):
        Loss(kind="other")


@pytest.mark.parametrize("case", CASES)
def test_a_step_gives_what_the_official_code_gives(shared, accelerator, case):
    model = _load(shared, case)
    expected = torch.load(shared / "golden" / f"{case}.expected.pt", weights_only=True)
    std, mean = model.encoder.pixel_std, model.encoder.pixel_mean
    clips, tokens, labels = expected["frames"] * std + mean, expected["tokens"], expected["labels"]
    recipe = Optim(lr=float(expected["lr"]), decay_norms_and_biases=True, clip_norm=None)
    objective = Contrastive(model, "official")
    optimizer = optim.adamw(objective, recipe)

    targets, seeds = Targets(labels, labels), range(3)
    loss = objectives.backward(
        accelerator, objective, objective, clips, tokens, targets, seeds, micro_batch_size=3
    )
    optimizer.step()

    torch.testing.assert_close(loss, expected["train_loss"], atol=1e-4, rtol=0)
    with torch.no_grad():
        clip_features = model.clip_features(model.frame_features(clips))
        text_features = model.text_features(tokens)
    for ours, official in (
        (clip_features, expected["video_features_after_step"]),
        (text_features, expected["text_features_after_step"]),
    ):
        difference = (ours - official).norm() / official.norm()
        assert difference < 1e-4


@pytest.mark.parametrize("micro_batch_size", [2, 3])
def test_pieces_of_a_batch_give_the_gradient_of_the_whole(shared, accelerator, micro_batch_size):
    whole_loss, whole = _gradients(accelerator, _load(shared, "Transf"), 8, 8)
    loss, pieces = _gradients(accelerator, _load(shared, "Transf"), 8, micro_batch_size)
    torch.testing.assert_close(loss, whole_loss)
    assert pieces.keys() == whole.keys()
    assert "model.logit_scale" in whole
    for name in whole:
        torch.testing.assert_close(pieces[name], whole[name], atol=1e-5, rtol=1e-3)


def test_a_batch_of_pieces_is_not_the_mean_of_its_pieces(shared, accelerator):
    loss, _ = _gradients(accelerator, _load(shared, "Transf"), 8, 2)
    alone, _ = _gradients(accelerator, _load(shared, "Transf"), 2, 2)
    assert loss > alone  # more texts to be confused with


def test_both_passes_over_a_piece_drop_the_same(shared, accelerator):
    def noisy() -> ActionCLIP:
        model = _load(shared, "Transf")
        model.temporal_head = torch.nn.Sequential(torch.nn.Dropout(0.5), model.temporal_head)
        return model.train()

    _, first = _gradients(accelerator, noisy(), 4, 2)
    torch.manual_seed(99)
    _, second = _gradients(accelerator, noisy(), 4, 2)
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_one_hot_ignores_that_clips_share_a_label(tiny_clip):
    rows = [torch.eye(3), torch.eye(3)]
    same, each = torch.tensor([0, 0, 1]), torch.arange(3)
    model = ActionCLIP.load(tiny_clip)
    expected = loss.kl_contrastive(torch.eye(3), each)
    torch.testing.assert_close(OneHot(model).loss(rows, Targets(same, same)), expected)
    assert Contrastive(model).loss(rows, Targets(same, same)) != expected


def test_frozen_texts_get_no_gradient_and_the_rest_does(shared, accelerator):
    model = _load(shared, "Transf")
    optim.freeze(model, ["encoder.text"])
    _, gradients = _gradients(accelerator, model, 8, 4)
    assert not any("encoder.text" in name for name in gradients)
    assert any("encoder.vision" in name for name in gradients)


def test_towers_and_head_learn_sixteen_clips_by_heart(tiny_clip, accelerator):
    model = ActionCLIP.load(tiny_clip)
    objective = Contrastive(model, "exact")
    optimizer = optim.adamw(objective, Optim(lr=1e-3, weight_decay=0, head_lr_ratio=1))
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand(16, 4, 3, 16, 16, generator=generator)
    texts = torch.randint(1, 10, (16, 6), generator=generator)
    texts[:, -1] = 10  # the end
    labels = torch.arange(16) % 8
    texts = texts[labels]
    targets, losses = Targets(labels, labels), []
    optim.train_mode(objective)
    for _ in range(150):
        loss = objectives.backward(
            accelerator, objective, objective, clips, texts, targets, range(16), 16
        )
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    assert losses[0] > 1
    assert losses[-1] < 0.01
