import copy
import threading

import pytest
import torch

from actionclip.model.encoders.lite import LiteEncoder


@pytest.fixture(scope="module")
def encoder() -> LiteEncoder:
    return LiteEncoder.pretrained()


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    return torch.rand(1, 3, 3, 260, 260, generator=torch.Generator().manual_seed(0))


def test_answers_are_those_of_the_network_that_learns(encoder: LiteEncoder, clips: torch.Tensor):
    trained = encoder.vision_features(clips)
    assert trained.requires_grad
    with torch.no_grad():
        answers = encoder.vision_features(clips)
    torch.testing.assert_close(answers, trained.detach(), rtol=1e-4, atol=1e-4)
    assert not torch.equal(answers, trained)  # computed another way
    assert not any("onnx" in name or "answers" in name for name in encoder.state_dict())


@torch.no_grad()
def test_weights_that_change_change_the_answers(encoder: LiteEncoder, clips: torch.Tensor):
    encoder = copy.deepcopy(encoder)  # also of one that has answered
    before = encoder.vision_features(clips)
    encoder.vision_tower._bn1.bias.add_(0.5)  # as training does
    moved = encoder.vision_features(clips)
    assert not torch.allclose(moved, before, atol=1e-2)
    torch.testing.assert_close(moved, encoder._pool(_pixels(clips))[None], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_several_threads_may_ask_at_a_time(encoder: LiteEncoder, clips: torch.Tensor):
    alone = encoder.vision_features(clips)
    together: list[torch.Tensor] = []
    asking = [
        threading.Thread(target=lambda: together.append(_without_gradients(encoder, clips)))
        for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(together) == 4
    assert all(torch.equal(alone, each) for each in together)


@torch.no_grad()
def test_other_precisions_are_left_to_torch(encoder: LiteEncoder, clips: torch.Tensor):
    exact = encoder.vision_features(clips)
    rough = copy.deepcopy(encoder)
    rough.vision_tower.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        answers = rough.vision_features(clips)
    assert answers.dtype == torch.bfloat16
    assert torch.cosine_similarity(answers.float(), exact, dim=-1).min() > 0.98


def _without_gradients(encoder: LiteEncoder, clips: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return encoder.vision_features(clips).clone()


def _pixels(clips: torch.Tensor) -> torch.Tensor:
    return (clips.flatten(0, 1) * 255 - 127) / 128
