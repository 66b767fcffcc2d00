"""Whatever of a model's folder is named, the model is loaded, or one sentence says what to name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP


@pytest.fixture
def same(tiny_model: ActionCLIP, clips: Tensor) -> Callable[[Path], None]:
    """Check that a path loads as the tiny model."""

    @torch.inference_mode()
    def check(path: Path) -> None:
        found = ActionCLIP.load(path).embed_clips(clips)
        torch.testing.assert_close(found, tiny_model.embed_clips(clips))

    return check


@pytest.fixture
def theirs(tiny_model: ActionCLIP, tmp_path: Path) -> Path:
    """The tiny model in the layout of transformers."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    settings = tiny_model.config.encoder_config["transformers"]
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", **settings}))
    weights = {
        name.replace("_tower.", "_model."): tensor.contiguous()
        for name, tensor in tiny_model.encoder.state_dict().items()
    }
    weights["logit_scale"] = tiny_model.logit_scale.detach()
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    return folder


def split(folder: Path, *, names: tuple[str, str] | None = None) -> Path:
    """Make two shards and an index of the weights; `names` are what the index says."""
    path = folder / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    path.unlink()
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    places = {name: number % 2 for number, name in enumerate(weights)}
    for number, shard in enumerate(shards):
        part = {name: t for name, t in weights.items() if places[name] == number}
        safetensors.torch.save_file(part, folder / shard)
    written = names or shards
    index = {"weight_map": {name: written[place] for name, place in places.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_a_file_of_a_folder_is_read_with_what_lies_beside_it(
    theirs: Path, tiny_model: ActionCLIP, tmp_path: Path, same: Callable[[Path], None]
):
    same(theirs)
    same(theirs / "model.safetensors")
    same(theirs / "config.json")
    tiny_model.save(tmp_path / "ours")
    same(tmp_path / "ours" / "model.safetensors")
    same(tmp_path / "ours" / "config.json")
    shutil.copy(theirs / "model.safetensors", theirs / "renamed.safetensors")
    same(theirs / "renamed.safetensors")


def test_a_shard_or_the_index_stands_for_all_shards(theirs: Path, same: Callable[[Path], None]):
    split(theirs)
    same(theirs)
    same(theirs / "model-00002-of-00002.safetensors")
    same(theirs / "model.safetensors.index.json")


@pytest.mark.parametrize(
    "name",
    ["../model.safetensors", "/etc/passwd", "..", "a/b.safetensors", "..\\x.bin", "", "C:\\x", 5],
)
def test_an_index_that_names_files_elsewhere_is_refused(theirs: Path, name: str):
    shutil.copy(theirs / "model.safetensors", theirs.parent / "model.safetensors")
    split(theirs, names=("model-00001-of-00002.safetensors", name))
    with pytest.raises(ValueError, match=r"index\.json: refused, it names .*beside its index"):
        ActionCLIP.load(theirs)


@pytest.mark.parametrize("text", ["[]", "{}", '{"weight_map": []}', "not JSON"])
def test_an_index_that_is_none_is_refused(theirs: Path, text: str):
    split(theirs)
    (theirs / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"index\.json: "):
        ActionCLIP.load(theirs)


def test_the_folder_of_a_run_is_its_best(
    tiny_model: ActionCLIP, tmp_path: Path, same: Callable[[Path], None]
):
    tiny_model.save(tmp_path / "run" / "best")
    (tmp_path / "run" / "recipe.toml").write_text("")
    same(tmp_path / "run")


def test_a_folder_with_one_weight_file_is_that_file(
    official_file: Callable[[dict[str, Tensor]], Path], same: Callable[[Path], None], tmp_path: Path
):
    folder = tmp_path / "alone"
    folder.mkdir()
    official_file({}).rename(folder / "pytorch_model.bin")
    same(folder)


def test_a_timm_folder_beside_open_clip_s_configuration_is_read_by_the_latter(
    reference_clip: nn.Module, same: Callable[[Path], None], tmp_path: Path
):
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "config.json").write_text('{"architecture": "vit_base_patch16_clip_224"}')
    (folder / "open_clip_config.json").write_text('{"model_cfg": {"quick_gelu": true}}')
    torch.save(reference_clip.state_dict(), folder / "open_clip_pytorch_model.bin")
    safetensors.torch.save_file({"cls_token": torch.ones(1)}, folder / "model.safetensors")
    same(folder)


def write(folder: Path, **files: object) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_a_folder_that_is_no_model_says_so_and_what_to_do(theirs: Path, tmp_path: Path):
    base = "openai/clip-vit-base-patch16"
    adapter = write(
        tmp_path / "adapter",
        adapter_config={"peft_type": "LORA", "base_model_name_or_path": base},
    )
    torch.save({}, adapter / "adapter_model.bin")
    for path in (adapter, adapter / "adapter_model.bin", adapter / "adapter_config.json"):
        with pytest.raises(ValueError, match=rf"an adapter \(LORA\) of {base}.*merge_and_unload"):
            ActionCLIP.load(path)
    timm = write(tmp_path / "timm", config={"architecture": "vit_base_patch16_224"})
    with pytest.raises(ValueError, match=r"a model of images for timm \(vit_base_patch16_224\)"):
        ActionCLIP.load(timm)
    with pytest.raises(FileNotFoundError, match=r"config\.json: no such file, and no weights"):
        ActionCLIP.load(write(tmp_path / "empty"))
    several = write(tmp_path / "several")
    for name in ("a.pt", "b.pt"):
        torch.save({}, several / name)
    with pytest.raises(ValueError, match=r"2 weight files and no config\.json; name one.*a\.pt"):
        ActionCLIP.load(several)
    alone = tmp_path / "alone.safetensors"
    shutil.copy(theirs / "model.safetensors", alone)
    with pytest.raises(ValueError, match=r"names of the transformers lib.*put the config\.json"):
        ActionCLIP.load(alone)
    torch.save({"optimizer": {}}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"state\.pt: is what a run goes on from; load its folder"):
        ActionCLIP.load(tmp_path / "state.pt")
    document = json.loads((theirs / "config.json").read_text())
    (theirs / "config.json").write_text(json.dumps({**document, "model_type": "xclip"}))
    with pytest.raises(ValueError, match="an X-CLIP, whose frames exchange messages"):
        ActionCLIP.load(theirs)


@pytest.mark.parametrize(
    ("settings", "mean", "std"),
    [
        ({"image_mean": 0.5, "image_std": 0.25}, 0.5, 0.25),
        ({"do_normalize": False, "image_mean": [0.5] * 3}, 0.0, 1.0),
        (
            {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3},
            0.5,
            0.5,
        ),
        ({"do_rescale": False, "image_mean": [51.0] * 3, "image_std": [51.0] * 3}, 0.2, 0.2),
    ],
)
def test_pixels_are_scaled_as_the_configuration_of_the_weights_says(
    theirs: Path, settings: dict[str, object], mean: float, std: float
):
    (theirs / "preprocessor_config.json").write_text(json.dumps(settings))
    encoder = ActionCLIP.load(theirs).encoder
    torch.testing.assert_close(encoder.pixel_mean.flatten(), torch.full((3,), mean))
    torch.testing.assert_close(encoder.pixel_std.flatten(), torch.full((3,), std))


@pytest.mark.parametrize(
    "settings", [{"image_mean": ["a", 1, 2]}, {"image_std": [0, 0, 0]}, {"rescale_factor": "1/255"}]
)
def test_a_scale_of_pixels_that_is_none_is_refused(theirs: Path, settings: dict[str, object]):
    (theirs / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"preprocessor_config\.json: .* are no numbers"):
        ActionCLIP.load(theirs)


@pytest.mark.parametrize(
    "change", [{"hidden_act": "unknown"}, {"num_attention_heads": 0}, {"hidden_size": "64"}]
)
def test_settings_that_describe_no_model_are_one_sentence(theirs: Path, change: dict[str, object]):
    document = json.loads((theirs / "config.json").read_text())
    document["vision_config"].update(change)
    (theirs / "config.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"config\.json: .* no model that can be built") as error:
        ActionCLIP.load(theirs)
    assert "\n" not in str(error.value)


def test_a_configuration_with_a_byte_order_mark_is_read(theirs: Path, same: Callable[[Path], None]):
    path = theirs / "config.json"
    path.write_text("\ufeff" + path.read_text(), encoding="utf-8")
    same(theirs)


def test_the_only_weights_of_a_folder_are_read_whatever_their_name(
    theirs: Path, same: Callable[[Path], None]
):
    (theirs / "model.safetensors").rename(theirs / "model.fp16.safetensors")
    same(theirs)


def test_a_missing_shard_is_named(theirs: Path):
    split(theirs)
    (theirs / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model-00002-of-00002.*fetch the model again"):
        ActionCLIP.load(theirs)
