import pytest
import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel
from transformers.activations import QuickGELUActivation

from actionclip.model.encoders import clip_blocks


@pytest.fixture
def vision_tower() -> nn.Module:
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_attention_heads=4,
        num_hidden_layers=2,
        image_size=32,
        patch_size=16,
        hidden_act="quick_gelu",
    )
    return CLIPVisionModel(config)


def test_the_last_block_makes_of_the_first_token_what_the_whole_block_does(
    vision_tower: CLIPVisionModel,
):
    block = vision_tower.encoder.layers[-1]
    tokens = torch.randn(3, 5, 64, requires_grad=True)
    whole = block(tokens, attention_mask=None)[:, :1]
    first = clip_blocks.last_block(block, tokens)
    torch.testing.assert_close(first, whole)
    gradients = [
        torch.autograd.grad(made.square().sum(), [tokens, *block.parameters()])
        for made in (first, whole)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_block_activates_without_memory_of_its_own(vision_tower: nn.Module):
    clip_blocks.use_quick_gelu(vision_tower)
    assert not any(isinstance(module, QuickGELUActivation) for module in vision_tower.modules())
    activations = [m for m in vision_tower.modules() if isinstance(m, clip_blocks.QuickGelu)]
    assert len(activations) == 2
    widened = torch.randn(3, 5, 128)
    expected = QuickGELUActivation()(widened)
    assert torch.equal(activations[0](widened), expected)
    with torch.no_grad():
        activated = activations[0](widened)
    torch.testing.assert_close(activated, expected)
    assert activated.data_ptr() == widened.data_ptr()


def test_another_activation_is_left_as_it_is():
    tower = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=64, num_attention_heads=4, num_hidden_layers=1, hidden_act="gelu"
        )
    )
    clip_blocks.use_quick_gelu(tower)
    assert not any(isinstance(module, clip_blocks.QuickGelu) for module in tower.modules())
