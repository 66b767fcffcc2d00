"""Checkpoints of other projects, made from small random towers by those projects' names."""

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.layouts import openai

State = dict[str, Tensor]


def config(**model: object) -> dict[str, Any]:
    """Write what open_clip writes beside weights of the reference."""
    vision = {"width": 64, "layers": 2, "patch_size": 8, "image_size": 16}
    text = {"width": 64, "layers": 2, "context_length": 12, "vocab_size": 50, "heads": 1}
    return {
        "model_cfg": {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text, **model},
        "preprocess_cfg": {"mean": list(openai.PIXEL_MEAN), "std": list(openai.PIXEL_STD)},
    }


def put_config(folder: Path, document: object) -> None:
    (folder / "open_clip_config.json").write_text(json.dumps(document))


@torch.inference_mode()
def check_same(model: ActionCLIP, reference: nn.Module, clips: Tensor, tokens: Tensor) -> None:
    """Compare frames and texts with the reference."""
    mean, std = (torch.tensor(s).view(3, 1, 1) for s in (openai.PIXEL_MEAN, openai.PIXEL_STD))
    frames = reference.visual(((clips - mean) / std).flatten(0, 1))
    torch.testing.assert_close(model.frame_features(clips).flatten(0, 1), frames)
    torch.testing.assert_close(model.text_features(tokens), reference.encode_text(tokens))


@pytest.fixture
def state(reference_clip: nn.Module) -> State:
    return {name: tensor.clone() for name, tensor in reference_clip.state_dict().items()}


def renamed(state: State, **starts: str) -> State:
    """Put other beginnings to names: `renamed(state, visual="image_encoder")`."""
    changed = {}
    for name, tensor in state.items():
        first, _, rest = name.partition(".")
        changed[".".join(filter(None, (starts.get(first, first), rest)))] = tensor
    return changed


def with_prefix(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("is_custom", [True, False])
def test_an_open_clip_folder_is_read_with_its_heads_activation_and_pixels(
    make_reference: Callable[..., nn.Module],
    clips: Tensor,
    tokens: Tensor,
    tmp_path: Path,
    suffix: str,
    is_custom: bool,
):
    reference = make_reference(vision_heads=2, text_heads=4, gelu=True)
    state = dict(reference.state_dict())
    if is_custom:
        own = ("visual", "logit_scale")
        state = {n if n.startswith(own) else f"text.{n}": t for n, t in state.items()}
    document = config(custom_text=is_custom)
    document["model_cfg"]["vision_cfg"]["head_width"] = 32
    document["model_cfg"]["text_cfg"]["heads"] = 4
    document["preprocess_cfg"]["mean"] = [0.5, 0.4, 0.3]
    put_config(tmp_path, document)
    if suffix == ".safetensors":
        safetensors.torch.save_file(state, tmp_path / "open_clip_model.safetensors")
    else:
        torch.save(state, tmp_path / "open_clip_pytorch_model.bin")
    model = ActionCLIP.load(tmp_path)
    shift = torch.tensor([0.5, 0.4, 0.3]) - torch.tensor(openai.PIXEL_MEAN)
    moved = model.frame_features(clips + shift.view(3, 1, 1))
    with torch.inference_mode():
        mean, std = (torch.tensor(s).view(3, 1, 1) for s in (openai.PIXEL_MEAN, openai.PIXEL_STD))
        frames = reference.visual(((clips - mean) / std).flatten(0, 1))
    torch.testing.assert_close(moved.flatten(0, 1), frames, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.text_features(tokens), reference.encode_text(tokens))


def test_a_text_tower_described_without_its_heads_has_eight(
    make_reference: Callable[..., nn.Module], clips: Tensor, tokens: Tensor, tmp_path: Path
):
    reference = make_reference(text_heads=8, gelu=True)
    torch.save(reference.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    document = config()
    del document["model_cfg"]["text_cfg"]["heads"]
    put_config(tmp_path, document)
    check_same(ActionCLIP.load(tmp_path), reference, clips, tokens)


def test_open_clip_weights_beside_a_configuration_of_transformers_are_read(
    make_reference: Callable[..., nn.Module], clips: Tensor, tokens: Tensor, tmp_path: Path
):
    reference = make_reference(gelu=True)
    torch.save(reference.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    put_config(tmp_path, config())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    check_same(ActionCLIP.load(tmp_path), reference, clips, tokens)


def test_weights_that_do_not_tell_their_arithmetic_ask_for_what_does(
    reference_clip: nn.Module, state: State, clips: Tensor, tokens: Tensor, tmp_path: Path
):
    torch.save(state, tmp_path / "clip.pt")
    with pytest.raises(
        ValueError, match=r"clip\.pt: does not specify its activation.*beside"
    ) as error:
        ActionCLIP.load(tmp_path / "clip.pt")
    assert "\n" not in str(error.value)
    put_config(tmp_path, {"model_cfg": {"quick_gelu": True}})  # what the message says
    check_same(ActionCLIP.load(tmp_path / "clip.pt"), reference_clip, clips, tokens)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"epoch": 1, "name": "x", "state_dict": with_prefix("module.", s)},
        lambda s: {"state_dict": with_prefix("model.", s), "pytorch-lightning_version": "2"},
        lambda s: {"state_dict": with_prefix("model.clip.", s), "callbacks": argparse.Namespace()},
        lambda s: {"model": with_prefix("_orig_mod.module.", s), "scaler": {}},
        lambda s: renamed(s, visual="visual._orig_mod"),
        lambda s: {"model": {"state_dict": with_prefix("net.", s)}, "step": torch.tensor(1)},
        lambda s: {**with_prefix("module.", s), "n_averaged": torch.tensor(3)},
        lambda s: {
            "state_dict": {
                **with_prefix("student.", s),
                **{f"teacher.{n}": torch.zeros_like(t) for n, t in s.items()},
            }
        },
    ],
)
def test_wrappers_around_the_towers_are_taken_off(
    reference_clip: nn.Module,
    state: State,
    clips: Tensor,
    tokens: Tensor,
    tmp_path: Path,
    wrap: Callable[[State], object],
):
    torch.save(wrap(state), tmp_path / "epoch_1.pt")
    put_config(tmp_path, config(quick_gelu=True))
    check_same(ActionCLIP.load(tmp_path / "epoch_1.pt"), reference_clip, clips, tokens)


def test_openai_s_own_files_are_known_by_the_numbers_beside_the_weights(
    reference_clip: nn.Module, state: State, clips: Tensor, tokens: Tensor, tmp_path: Path
):
    marks = {"input_resolution": 16, "context_length": 12, "vocab_size": 50}
    torch.save({**state, **{n: torch.tensor(v) for n, v in marks.items()}}, tmp_path / "a.pt")
    check_same(ActionCLIP.load(tmp_path / "a.pt"), reference_clip, clips, tokens)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"multimodal_cfg": {"layers": 1}}, "is a CoCa"),
        ({"vision_cfg": {"timm_model_name": "vit"}}, r"vision_cfg\.timm_model_name is 'vit'"),
        ({"vision_cfg": {"attentional_pool": True}}, "attentional_pool is True"),
        ({"vision_cfg": {"layers": [3, 4, 6, 3]}}, "its vision tower is a ResNet"),
        ({"vision_cfg": {"pool_type": "avg"}}, "pool_type is 'avg'"),
        ({"vision_cfg": {"norm_kwargs": {"eps": 1e-6}}}, "norm_kwargs"),
        ({"text_cfg": {"hf_model_name": "xlm-roberta"}}, r"text_cfg\.hf_model_name"),
        ({"text_cfg": {"no_causal_mask": True}}, "no_causal_mask"),
        ({"vision_cfg": {"width": 128}}, r"vision_cfg\.width is 128, but the weights have 64"),
        ({"text_cfg": {"context_length": 77}}, "context_length is 77, but the weights have 12"),
        ({"vision_cfg": {"head_width": 0}}, "head_width is 0; write"),
        ({"vision_cfg": {"head_width": 100}}, "cannot have 0 attention heads"),
        ({"text_cfg": {"heads": 5}}, "cannot have 5 attention heads"),
    ],
)
def test_a_configuration_that_cannot_be_computed_or_does_not_fit_is_refused_by_name(
    state: State, tmp_path: Path, change: dict[str, Any], complaint: str
):
    torch.save(state, tmp_path / "open_clip_pytorch_model.bin")
    put_config(tmp_path, config(**change))
    with pytest.raises(ValueError, match=complaint):
        ActionCLIP.load(tmp_path)


def vificlip(state: State) -> State:
    towers = {name: t for name, t in state.items() if name != "token_embedding.weight"}
    names = ("transformer", "positional_embedding", "ln_final", "text_projection")
    moved = renamed(towers, visual="image_encoder", **{n: f"text_encoder.{n}" for n in names})
    texts = torch.tensor([[48, 1, 2, 49], [48, 5, 49, 0]])
    embedded = F.embedding(texts, state["token_embedding.weight"])
    moved["prompt_learner.complete_text_embeddings"] = embedded
    return with_prefix("module.", moved)


def test_vificlip_takes_its_token_embedding_from_openai_s_file_beside_it(
    reference_clip: nn.Module,
    state: State,
    clips: Tensor,
    tokens: Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(
        {"model": vificlip(state), "epoch": 3, "config": argparse.Namespace()}, tmp_path / "a.pth"
    )
    with pytest.raises(ValueError, match=r"leaves out the token embedding.*ViT-B-8\.pt"):
        ActionCLIP.load(tmp_path / "a.pth")
    other = {name: torch.randn_like(tensor) for name, tensor in state.items()}
    torch.save(other, tmp_path / "ViT-B-32.pt")  # not the one it was trained from
    with pytest.raises(ValueError, match="leaves out the token embedding"):
        ActionCLIP.load(tmp_path / "a.pth")
    before = {**other, "token_embedding.weight": state["token_embedding.weight"]}
    torch.save(before, tmp_path / "ViT-B-8.pt")
    check_same(ActionCLIP.load(tmp_path / "a.pth"), reference_clip, clips, tokens)


@pytest.mark.parametrize("place", ["text_encoder", "prompt_learner"])
def test_vificlip_with_a_token_embedding_needs_nothing_beside_it(
    reference_clip: nn.Module,
    state: State,
    clips: Tensor,
    tokens: Tensor,
    tmp_path: Path,
    place: str,
):
    embedding = {f"module.{place}.token_embedding.weight": state["token_embedding.weight"]}
    torch.save({"model": {**vificlip(state), **embedding}}, tmp_path / "a.pth")
    check_same(ActionCLIP.load(tmp_path / "a.pth"), reference_clip, clips, tokens)


def openvclip(state: State) -> State:
    raw = {f"raw_model.{name}": torch.zeros_like(tensor) for name, tensor in state.items()}
    return {**with_prefix("model.", state), **raw}


def test_openvclip_gives_its_trained_towers(
    reference_clip: nn.Module,
    state: State,
    clips: Tensor,
    tokens: Tensor,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    settings = "DATA:\n  NUM_FRAMES: 16\nMODEL:\n  TEMPORAL_MODELING_TYPE: null\n"
    torch.save(
        {"epoch": 1, "model_state": openvclip(state), "cfg": settings, "optimizer_state": {}},
        tmp_path / "a.pyth",
    )
    model = ActionCLIP.load(tmp_path / "a.pyth")
    check_same(model, reference_clip, clips, tokens)
    assert model.config.num_frames == 16
    assert not caplog.records


def test_openvclip_whose_frames_see_each_other_is_refused_and_one_that_does_not_say_is_noted(
    state: State, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "a.pyth"
    settings = "MODEL:\n  TEMPORAL_MODELING_TYPE: expand_temporal_view\n"
    torch.save({"model_state": openvclip(state), "cfg": settings}, path)
    with pytest.raises(ValueError, match=r"whose frames see each other \(expand_temp"):
        ActionCLIP.load(path)
    torch.save({"model_state": with_prefix("model.", state)}, path)  # as an average of weights is
    ActionCLIP.load(path)
    assert [r.levelno for r in caplog.records if "encoded alone" in r.message] == [logging.WARNING]


def test_longclip_is_read_with_its_two_kinds_of_positions(
    make_reference: Callable[..., nn.Module], clips: Tensor, tmp_path: Path
):
    reference = make_reference(num_tokens=30)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    exact = state["positional_embedding"]
    state["positional_embedding"] = torch.cat([exact[:20], torch.randn(10, 64)])
    state["positional_embedding_res"] = torch.cat([torch.randn(20, 64), exact[20:]])
    torch.save(state, tmp_path / "longclip-B.pt")
    ids = torch.randint(1, 48, (3, 30))
    ids[0, 4] = ids[1, 25] = ids[2, 29] = 49
    check_same(ActionCLIP.load(tmp_path / "longclip-B.pt"), reference, clips, ids)


BLOCK = "visual.transformer.resblocks.0"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        (f"{BLOCK}.message_fc.weight", "X-CLIP"),
        ("mit.resblocks.0.attn.in_proj_weight", "X-CLIP"),
        ("prompts_generator.alpha", "X-CLIP"),
        (f"{BLOCK}.T_Adapter.D_fc1.weight", "EZ-CLIP"),
        (f"{BLOCK}.Adapter.D_fc1.weight", "EZ-CLIP"),
        ("visual.temporal_embedding", "EZ-CLIP"),
        (f"{BLOCK}.S_Adapter.D_fc1.weight", "AIM"),
        (f"{BLOCK}.adapter_pre_attn.fc1.weight", "ST-Adapter"),
        ("visual.VPT", "learnt prompts"),
        ("prompt_learner.ctx", "learnt prompts"),
        (f"{BLOCK}.experts_head.0.c_fc.weight", "Open-VCLIP with adapters or experts"),
        (f"{BLOCK}.attn.lora_A", r"an adapter \(LoRA\)"),
        ("text_decoder.ln_final.weight", "CoCa"),
        ("visual.trunk.blocks.0.norm1.weight", "vision tower is of timm"),
        ("visual.blocks.0.attn.q_bias", "EVA-CLIP"),
        ("text.transformer.embeddings.word_embeddings.weight", "text tower is of transformers"),
        (f"{BLOCK}.ls_1.gamma", "layer scale"),
        ("classifier.weight", "not known to the model: classifier.weight"),
        ("visual.something_new", "visual.something_new"),
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"model": with_prefix("module.", s)},
        lambda s: {"model_state": with_prefix("model.", s)},
        lambda s: {"model_state_dict": s, "fusion_model_state_dict": {}},
    ],
)
def test_what_changes_the_computation_is_refused_by_the_name_of_its_project(
    state: State, tmp_path: Path, name: str, family: str, wrap: Callable[[State], object]
):
    put_config(tmp_path, config(quick_gelu=True))
    torch.save(wrap({**state, name: torch.ones(2)}), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=family) as error:
        ActionCLIP.load(tmp_path / "a.pth")
    assert "no text tower" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("visual.layer1.0.conv1.weight", "transformer.x"), "its vision tower is a ResNet"),
        (("vision_model.embeddings.class_embedding", "logit_bias"), "put the config.json"),
        (("blocks.0.attn.qkv.weight", "cls_token", "patch_embed.proj.weight"), "without a text"),
        (("a.b", "c"), r"the layout is not known, it begins with \['a.b', 'c'\]"),
    ],
)
def test_a_file_that_holds_no_clip_says_what_it_holds(
    tmp_path: Path, names: tuple[str, ...], complaint: str
):
    torch.save(dict.fromkeys(names, torch.ones(1)), tmp_path / "a.pt")
    with pytest.raises(ValueError, match=complaint):
        ActionCLIP.load(tmp_path / "a.pt")


def test_two_clips_in_one_file_are_not_guessed_between(state: State, tmp_path: Path):
    both = {**with_prefix("first.", state), **with_prefix("second.", state)}
    torch.save({"state_dict": both}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"holds several CLIPs, 'first.visual', 'second.visual'"):
        ActionCLIP.load(tmp_path / "a.pt")


def test_a_training_checkpoint_of_mmengine_gives_towers_head_and_pixels(
    official_file: Callable[[State], Path], state: State, clips: Tensor, tmp_path: Path
):
    head = ModelConfig("clip", {}, "transformer", num_attention_heads=1).build_head(32)
    plain = ActionCLIP.load(official_file(head.state_dict()))
    pixels = {
        "data_preprocessor.mean": torch.tensor(openai.PIXEL_MEAN).view(3, 1, 1) * 255,
        "data_preprocessor.std": torch.tensor(openai.PIXEL_STD).view(3, 1, 1) * 255,
    }
    adapter = {f"adapter.{name}": tensor for name, tensor in head.state_dict().items()}
    torch.save(
        {
            "meta": {"epoch": 1, "seed": argparse.Namespace()},
            "state_dict": {**with_prefix("clip.", state), **adapter, **pixels},
            "message_hub": {"log_scalars": {"loss": argparse.Namespace()}},
            "optimizer": {"state": {0: {"step": torch.ones(1)}}},
        },
        tmp_path / "epoch_1.pth",
    )
    with torch.inference_mode():
        torch.testing.assert_close(
            ActionCLIP.load(tmp_path / "epoch_1.pth").embed_clips(clips), plain.embed_clips(clips)
        )
