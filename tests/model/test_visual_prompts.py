import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import clip_blocks
from actionclip.model.encoders.clip import ClipEncoder
from actionclip.model.encoders.encoder import Encoder


@given(num_frames=st.integers(1, 6), width=st.sampled_from([8, 16, 24]))
@settings(max_examples=15, deadline=None)
def test_shift_of_a_video_that_stands_still_changes_nothing_inside(num_frames: int, width: int):
    frame = torch.randn(2, 1, 5, width)
    still = frame.expand(-1, num_frames, -1, -1)
    shifted = clip_blocks.shift(still)
    assert torch.equal(shifted[:, 1:-1], still[:, 1:-1])
    assert torch.equal(shifted[..., width // 4 :], still[..., width // 4 :])


def test_shift_brings_an_eighth_from_the_next_frame_and_an_eighth_from_the_last():
    number_of_frame = torch.arange(1.0, 4).view(1, 3, 1, 1).expand(1, 3, 1, 8)
    shifted = clip_blocks.shift(number_of_frame)[0, :, 0]  # (T, W)
    assert shifted[:, 0].tolist() == [2, 3, 0]
    assert shifted[:, 1].tolist() == [0, 1, 2]
    assert shifted[:, 2].tolist() == [1, 2, 3]


@torch.inference_mode()
def test_shift_leaves_class_tokens_alone():
    tokens = torch.randn(6, 5, 16)  # two clips of three frames
    shifted = clip_blocks.shift_tokens(tokens, num_clips=2, num_frames=3, num_class=1)
    assert torch.equal(shifted[:, 0], tokens[:, 0])
    assert not torch.equal(shifted[:, 1:], tokens[:, 1:])


@torch.inference_mode()
def test_with_shift_a_frame_knows_its_neighbour_and_without_it_does_not(
    tiny_model: ActionCLIP, clips: torch.Tensor
):
    changed = clips.clone()
    changed[:, 4] = 0
    without = tiny_model.frame_features(changed) - tiny_model.frame_features(clips)
    assert without[:, 3].abs().max() < 1e-6

    shifted = tiny_model.with_visual_prompts(shift=True)
    difference = shifted.frame_features(changed) - shifted.frame_features(clips)
    assert difference[:, 3].abs().max() > 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"shift": True},
        {"joint": True},
        {"num_frames": 3},
        {"temporal_head": "lstm"},
        {"shift": True, "temporal_head": "transformer"},
        {},
    ],
)
def test_the_model_that_a_changed_one_is_made_of_stays_as_it_was(
    tiny_model: ActionCLIP, clips: torch.Tensor, change: dict
):
    config = tiny_model.config
    with torch.inference_mode():
        before = tiny_model.embed_clips(clips)
    changed = tiny_model.with_visual_prompts(**change)
    assert changed is not tiny_model
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.zero_()
    changed.in_precision("bf16")
    assert tiny_model.config == config
    with torch.inference_mode():
        assert torch.equal(tiny_model.embed_clips(clips), before)


def test_positions_in_time_that_were_learnt_stay_when_something_else_changes(
    tiny_model: ActionCLIP,
):
    joint = tiny_model.with_visual_prompts(joint=True)
    assert isinstance(joint.encoder, ClipEncoder)
    assert joint.encoder.time_positions is not None
    torch.nn.init.normal_(joint.encoder.time_positions)
    both = joint.with_visual_prompts(shift=True)
    assert isinstance(both.encoder, ClipEncoder)
    assert both.encoder.time_positions is not None
    assert torch.equal(both.encoder.time_positions, joint.encoder.time_positions)


def test_new_heads_and_positions_are_made_on_the_device_of_the_model(tiny_model: ActionCLIP):
    model = tiny_model.to("meta")  # stands for a GPU
    model._set_visual_prompts("transformer", None, None, joint=True, head_initialisation="identity")
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_a_new_head_is_in_the_mode_of_the_model(tiny_model: ActionCLIP):
    for model in (tiny_model.eval(), copy.deepcopy(tiny_model).train()):
        prompted = model.with_visual_prompts(temporal_head="transformer_cls")
        assert {module.training for module in prompted.modules()} == {model.training}


@pytest.mark.parametrize("prompt", ["shift", "joint"])
@torch.inference_mode()
def test_frames_of_one_clip_never_leak_into_another(
    tiny_model: ActionCLIP, clips: torch.Tensor, prompt: str
):
    model = tiny_model.with_visual_prompts(**{prompt: True})
    alone = torch.cat([model.frame_features(clip[None]) for clip in clips])
    torch.testing.assert_close(model.frame_features(clips), alone, rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_joint_with_one_frame_is_the_plain_tower(tiny_model: ActionCLIP, clips: torch.Tensor):
    plain = tiny_model.frame_features(clips[:, :1])
    joint = tiny_model.with_visual_prompts(joint=True)
    torch.testing.assert_close(joint.frame_features(clips[:, :1]), plain)


@torch.inference_mode()
def test_joint_notices_the_order_of_the_frames_once_it_has_learned_positions(
    tiny_model: ActionCLIP, clips: torch.Tensor
):
    model = tiny_model.with_visual_prompts(joint=True)
    torch.testing.assert_close(model.embed_clips(clips.flip(1)), model.embed_clips(clips))
    assert isinstance(model.encoder, ClipEncoder)
    assert model.encoder.time_positions is not None
    torch.nn.init.normal_(model.encoder.time_positions)
    assert (model.embed_clips(clips.flip(1)) - model.embed_clips(clips)).abs().max() > 1e-4


def test_joint_says_how_many_frames_it_knows(tiny_model: ActionCLIP, clips: torch.Tensor):
    model = tiny_model.with_visual_prompts(joint=True, num_frames=4)
    with pytest.raises(ValueError, match=r"clips of 8 frames, but .* 4 positions in time"):
        model.frame_features(clips)


@torch.inference_mode()
def test_joint_and_shift_work_together_and_are_saved(
    tiny_model: ActionCLIP, clips: torch.Tensor, tmp_path: Path
):
    model = tiny_model.with_visual_prompts(joint=True, shift=True)
    model.save(tmp_path / "saved")
    saved = ActionCLIP.load(tmp_path / "saved")
    assert saved.config.joint
    assert saved.config.shift
    assert torch.equal(saved.embed_clips(clips), model.embed_clips(clips))


def test_an_encoder_without_patches_refuses_to_be_prompted(
    official_file: Callable[[dict[str, torch.Tensor]], Path],
):
    class Patchless(Encoder):
        width = image_size = 8
        vision_features = project = tokenize = text_features = None  # type: ignore[assignment]

    with pytest.raises(ValueError, match="vision transformer, which Patchless does not have"):
        Patchless.prompt(Patchless.__new__(Patchless), shift=True, joint_frames=None)
