import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.temporal_heads import HEADS


@pytest.mark.parametrize("head", list(HEADS))
@torch.inference_mode()
def test_a_saved_model_answers_as_before(
    tiny_model: ActionCLIP, clips: Tensor, tmp_path: Path, head: str
):
    model = tiny_model.with_visual_prompts(temporal_head=head, head_initialisation="paper")
    model.save(tmp_path / "saved")
    saved = ActionCLIP.load(tmp_path / "saved")
    assert saved.config == model.config
    assert torch.equal(saved.eval().embed_clips(clips), model.eval().embed_clips(clips))
    assert saved.logit_scale == model.logit_scale


def test_a_saved_model_loads_in_a_fresh_process_with_the_network_off(
    tiny_model: ActionCLIP, clips: Tensor, tmp_path: Path
):
    tiny_model.save(tmp_path / "saved")
    torch.save(clips, tmp_path / "clips.pt")
    program = """
import socket, sys, torch
def refuse(*args, **kwargs): raise AssertionError("asked for the network")
socket.socket.connect = socket.getaddrinfo = refuse
from actionclip.model.actionclip import ActionCLIP
model = ActionCLIP.load("saved")
with torch.inference_mode():
    torch.save(model.embed_clips(torch.load("clips.pt", weights_only=True)), "answer.pt")
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "empty")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    with torch.inference_mode():
        assert torch.equal(
            torch.load(tmp_path / "answer.pt", weights_only=True), tiny_model.embed_clips(clips)
        )


def test_saving_again_replaces_the_checkpoint_and_keeps_other_files(
    tiny_model: ActionCLIP, tmp_path: Path
):
    folder = tmp_path / "saved"
    tiny_model.save(folder)
    (folder / "recipe.toml").write_text("")
    tiny_model.with_visual_prompts(temporal_head="lstm").save(folder)
    assert ActionCLIP.load(folder).config.temporal_head == "lstm"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["official.pt", "saved"]
    assert (folder / "recipe.toml").exists()


def test_a_save_that_fails_leaves_the_old_checkpoint(tiny_model: ActionCLIP, tmp_path: Path):
    folder = tmp_path / "saved"
    tiny_model.save(folder)
    shared = tiny_model.encoder.vision_tower.post_layernorm.weight
    tiny_model.encoder.vision_tower.post_layernorm.bias = shared  # safetensors refuses to share
    with pytest.raises(RuntimeError):
        tiny_model.save(folder)
    assert ActionCLIP.load(folder).config == tiny_model.config
    assert sorted(p.name for p in tmp_path.iterdir()) == ["official.pt", "saved"]


def test_a_reader_during_a_switch_gets_the_old_or_the_new_checkpoint_whole(
    tiny_model: ActionCLIP, tmp_path: Path
):
    """Each version has as many frames as its logit scale says."""

    def version(number: int) -> ActionCLIP:
        model = tiny_model.with_visual_prompts(num_frames=number)
        with torch.no_grad():
            model.logit_scale.fill_(number)
        return model

    one, other = version(1), version(2)
    one.save(tmp_path / "saved")
    (tmp_path / "saved" / "state.pt").write_bytes(b"of the run")
    stopped = threading.Event()

    def write() -> None:
        while not stopped.is_set():
            other.save(tmp_path / "saved")
            one.save(tmp_path / "saved")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            found = ActionCLIP.load(tmp_path / "saved")
            assert found.config.num_frames == int(found.logit_scale)
    finally:
        stopped.set()
        writer.join()
    assert (tmp_path / "saved" / "state.pt").read_bytes() == b"of the run"


def test_the_files_of_a_checkpoint_have_the_permissions_of_any_other(
    tiny_model: ActionCLIP, tmp_path: Path
):
    (tmp_path / "usual").write_text("")
    tiny_model.save(tmp_path / "saved")
    modes = {path.stat().st_mode for path in (tmp_path / "saved").iterdir()}
    assert modes == {(tmp_path / "usual").stat().st_mode}


def test_a_checkpoint_is_saved_where_a_link_points_to(tiny_model: ActionCLIP, tmp_path: Path):
    tiny_model.save(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    tiny_model.with_visual_prompts(temporal_head="lstm").save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert ActionCLIP.load(tmp_path / "real").config.temporal_head == "lstm"


def test_wrong_tensors_of_a_checkpoint_are_named(tiny_model: ActionCLIP, tmp_path: Path):
    tiny_model.save(tmp_path / "saved")
    path = tmp_path / "saved" / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    del weights["logit_scale"]
    weights["more"] = torch.ones(1)
    safetensors.torch.save_file(weights, path)
    with pytest.raises(ValueError, match="missing: logit_scale; not known to the model: more"):
        ActionCLIP.load(tmp_path / "saved")


def test_an_unknown_field_in_config_json_is_named(tiny_model: ActionCLIP, tmp_path: Path):
    tiny_model.save(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "heads": 3}))
    with pytest.raises(ValueError, match=r"config\.json: heads: unknown; known"):
        ActionCLIP.load(tmp_path / "saved")


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(
        ValueError, match=r"lit: no such model; known: 'lite', 'mini', a hub name such as"
    ):
        ActionCLIP.load("lit")


def test_a_published_file_that_is_not_here_says_where_it_comes_from():
    with pytest.raises(FileNotFoundError, match=r"ViT-B/16 of 16 frames, fetch it from https://"):
        ActionCLIP.load("weights/vit-b-16-16f.pth")
    with pytest.raises(FileNotFoundError, match=r"mine\.pt: no such file; check the path"):
        ActionCLIP.load("mine.pt")


def test_a_new_head_starts_as_the_mean_unless_the_papers_start_is_asked_for(
    official_file: Callable[[dict[str, Tensor]], Path],
    clips: Tensor,
    caplog: pytest.LogCaptureFixture,
):
    path = official_file({})
    mean = ActionCLIP.load(path)
    quiet = ActionCLIP.load(path, temporal_head="transformer")
    with torch.inference_mode():
        torch.testing.assert_close(quiet.embed_clips(clips), mean.embed_clips(clips))
    assert not caplog.records

    random = ActionCLIP.load(path, temporal_head="transformer", head_initialisation="paper")
    random.train().embed_clips(clips)
    assert not caplog.records
    random.eval().embed_clips(clips)
    random.embed_clips(clips)
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "the temporal head 'transformer' is not trained, its results mean nothing: train it, or "
        "load it with head_initialisation='identity'"
    ]


def test_a_head_that_was_trained_does_not_warn(
    tiny_model: ActionCLIP, clips: Tensor, caplog: pytest.LogCaptureFixture
):
    model = tiny_model.with_visual_prompts(temporal_head="conv", head_initialisation="paper")
    optimizer = torch.optim.SGD(model.temporal_head.parameters(), lr=0.1)
    model.train().embed_clips(clips).sum().backward()
    optimizer.step()
    model.eval().embed_clips(clips)
    assert not caplog.records


def test_importing_the_model_does_not_import_transformers():
    program = "import sys, actionclip.model.checkpoint; sys.exit('transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_checkpoint_of_lite_with_its_counters_of_batches_is_loaded(tmp_path: Path):
    model = ActionCLIP.load("lite")
    model.save(tmp_path / "lite")
    found = ActionCLIP.load(tmp_path / "lite").state_dict()
    assert any(tensor.dtype == torch.int64 for tensor in found.values())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(found[name], tensor)
