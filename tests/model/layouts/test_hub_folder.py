import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPVisionConfig,
    CLIPVisionModel,
    MetaClip2Config,
    Siglip2Config,
    SiglipConfig,
)

from actionclip.model.actionclip import ActionCLIP

TOWER = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
VISION = {**TOWER, "image_size": 16, "patch_size": 8}
TEXT = {
    **TOWER,
    "vocab_size": 50,
    "max_position_embeddings": 12,
    "eos_token_id": 49,
    "bos_token_id": 1,
    "pad_token_id": 0,
}
CONFIGS = {
    "clip": CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16),
    "metaclip_2": MetaClip2Config(text_config=TEXT, vision_config=VISION, projection_dim=16),
    "siglip": SiglipConfig(text_config={**TEXT, "projection_size": 16}, vision_config=VISION),
}


def hub_model(model_type: str, folder: Path, **how: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = AutoModel.from_config(CONFIGS[model_type]).eval()
    for parameter in model.parameters():
        if parameter.ndim < 2:  # biases and norms are the same everywhere at the start
            torch.nn.init.normal_(parameter, mean=0.5, std=0.3)
    model.save_pretrained(folder, **how)
    return model


@pytest.mark.parametrize("model_type", CONFIGS)
@torch.inference_mode()
def test_features_are_those_of_transformers(
    model_type: str, tmp_path: Path, clips: Tensor, tokens: Tensor
):
    theirs = hub_model(model_type, tmp_path)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    statistics = json.dumps({"image_mean": mean, "image_std": std})
    (tmp_path / "preprocessor_config.json").write_text(statistics)
    model = ActionCLIP.load(tmp_path)
    pixels = (clips - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    expected = theirs.get_image_features(pixel_values=pixels.flatten(0, 1)).pooler_output
    torch.testing.assert_close(
        model.frame_features(clips), expected.unflatten(0, (3, 8)), rtol=1e-5, atol=1e-5
    )
    expected = theirs.get_text_features(input_ids=tokens).pooler_output
    torch.testing.assert_close(model.text_features(tokens), expected, rtol=1e-5, atol=1e-5)
    assert model.logit_scale == theirs.logit_scale.squeeze()


@pytest.mark.parametrize("model_type", CONFIGS)
@torch.inference_mode()
def test_every_relative_takes_visual_prompts_and_is_saved(
    model_type: str, tmp_path: Path, clips: Tensor
):
    hub_model(model_type, tmp_path / "hub")
    model = ActionCLIP.load(tmp_path / "hub", temporal_head="lstm", shift=True, joint=True)
    model.save(tmp_path / "ours")
    again = ActionCLIP.load(tmp_path / "ours")
    assert again.config == model.config
    assert torch.equal(again.embed_clips(clips), model.embed_clips(clips))


@torch.inference_mode()
def test_weights_in_several_files_and_in_pickles_are_read(tmp_path: Path, clips: Tensor):
    model = hub_model("clip", tmp_path / "one")
    hub_model("clip", tmp_path / "several", max_shard_size="10KB")
    assert (tmp_path / "several" / "model.safetensors.index.json").exists()
    (tmp_path / "pickle").mkdir()
    shutil.copy(tmp_path / "one" / "config.json", tmp_path / "pickle")
    torch.save(model.state_dict(), tmp_path / "pickle" / "pytorch_model.bin")
    one, *others = (ActionCLIP.load(tmp_path / kind) for kind in ("one", "several", "pickle"))
    for other in others:
        assert torch.equal(one.embed_clips(clips), other.embed_clips(clips))


def test_a_tensor_that_is_missing_is_named_as_in_the_file(tmp_path: Path):
    hub_model("clip", tmp_path)
    weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
    del weights["vision_model.post_layernorm.bias"]
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"missing: vision_model\.post_layernorm\.bias"):
        ActionCLIP.load(tmp_path)


def test_a_truncated_safetensors_file_is_named(tmp_path: Path):
    hub_model("clip", tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors: cut off or damaged"):
        ActionCLIP.load(tmp_path)


def test_an_image_only_model_is_refused(tmp_path: Path):
    CLIPVisionModel(CLIPVisionConfig(**VISION)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"image-only model \(clip_vision_model\)"):
        ActionCLIP.load(tmp_path)


def test_siglip_2_of_free_resolution_and_other_kinds_are_refused(tmp_path: Path):
    Siglip2Config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="NaFlex"):
        ActionCLIP.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="names the model type 'bert'; known: "):
        ActionCLIP.load(tmp_path)


def test_a_folder_without_weights_or_config_says_so(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"config\.json: no such file"):
        ActionCLIP.load(tmp_path)
    CONFIGS["clip"].save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no weights; expected one of"):
        ActionCLIP.load(tmp_path)


def test_siglip_texts_are_padded_to_the_place_it_reads(tmp_path: Path):
    hub_model("siglip", tmp_path)
    words = {"</s>": 0, "riding": 1, "a": 2, "bike": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="</s>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": {"content": "</s>"}}')
    ids = ActionCLIP.load(tmp_path).tokenize(["riding a bike"])
    assert ids.tolist() == [[1, 2, 3] + [0] * 9]
