"""What a model computes on a GPU is what it computes on a CPU."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actionclip import Recognizer
from actionclip.core import encode
from actionclip.model import temporal_heads
from actionclip.model.actionclip import ActionCLIP

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

LABELS = ["moving left", "moving right", "still"]


@pytest.fixture(params=["tiny", "lite"])
def name(request: pytest.FixtureRequest, tiny_clip: Path) -> str:
    return str(tiny_clip) if request.param == "tiny" else "lite"


def _on(device: str, name: str) -> Recognizer:
    return Recognizer.load(name, device=device, precision="fp32")


def test_predictions_are_those_of_a_cpu(name: str, moving_square: Path):
    with _on("cpu", name) as cpu, _on("cuda", name) as gpu:
        expected = {p.label: p.score for p in cpu.recognize(moving_square, LABELS)}
        found = {p.label: p.score for p in gpu.recognize(moving_square, LABELS)}
        [answer] = gpu.recognize_all([moving_square], LABELS)
    assert found == pytest.approx(expected, abs=1e-4)
    assert {p.label: p.score for p in answer.predictions} == pytest.approx(expected, abs=1e-4)


def test_a_timeline_is_that_of_a_cpu(name: str, moving_square: Path):
    with _on("cpu", name) as cpu, _on("cuda", name) as gpu:
        expected = cpu.timeline(moving_square, LABELS, threshold=0.01)
        found = gpu.timeline(moving_square, LABELS, threshold=0.01)
    assert expected
    assert [(m.label, m.start_seconds, m.end_seconds) for m in found] == [
        (m.label, m.start_seconds, m.end_seconds) for m in expected
    ]
    assert [m.score for m in found] == pytest.approx([m.score for m in expected], abs=1e-4)


def test_texts_are_those_of_a_cpu(name: str):
    texts = ["moving left", "a video of a person who is moving right", "still"]
    expected = ActionCLIP.load(name).embed_texts(texts)
    found = ActionCLIP.load(name, device="cuda").embed_texts(texts)
    torch.testing.assert_close(found.cpu(), expected, atol=1e-5, rtol=0)


def test_bf16_changes_embeddings_little(tiny_clip: Path):
    clips = torch.rand(3, 4, 3, 16, 16)
    exact = encode.embed_rows(
        ActionCLIP.load(tiny_clip), encode.vision_features(ActionCLIP.load(tiny_clip), clips)
    )
    auto = ActionCLIP.load(tiny_clip, device="cuda", precision="auto")
    assert auto.precision is torch.bfloat16
    cosines = (exact * encode.embed_rows(auto, encode.vision_features(auto, clips)).cpu()).sum(
        dim=-1
    )
    assert cosines.min() > 0.99


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("head", sorted(temporal_heads.HEADS))
def test_every_visual_prompt_runs_where_the_model_is(
    tiny_clip: Path, head: str, *, joint: bool, shift: bool
):
    clips = torch.rand(2, 4, 3, 16, 16)
    model = ActionCLIP.load(tiny_clip, num_frames=4)
    prompted = model.with_visual_prompts(
        temporal_head=head, joint=joint, shift=shift, head_initialisation="paper"
    )
    expected = prompted.embed_clips(clips)
    found = encode.embed_rows(
        prompted.to("cuda"), encode.vision_features(prompted.to("cuda"), clips)
    ).cpu()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    # A new head is made where the model is.
    on_gpu = model.to("cuda").with_visual_prompts(temporal_head=head, joint=joint, shift=shift)
    assert {p.device.type for p in on_gpu.parameters()} == {"cuda"}


def test_many_clips_take_no_more_memory_than_a_batch_of_frames(tiny_clip: Path):
    model = ActionCLIP.load(tiny_clip, device="cuda")
    peaks = []
    for num_clips in (64, 1024):
        clips = torch.randint(0, 256, (num_clips, 4, 3, 16, 16), dtype=torch.uint8)
        torch.cuda.reset_peak_memory_stats()
        encode.vision_features(model, clips)
        peaks.append(torch.cuda.max_memory_allocated())
    num_bytes_of_features = 4 * 1024 * 4 * 32
    assert peaks[1] - peaks[0] <= 2 * num_bytes_of_features


def test_a_checkpoint_saved_from_a_gpu_loads_without_one(tiny_clip: Path, tmp_path: Path):
    model = ActionCLIP.load(tiny_clip, device="cuda")
    model.save(tmp_path / "saved")
    again = ActionCLIP.load(tmp_path / "saved", device="cpu")
    for name, weights in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weights.cpu())


def test_the_command_line_takes_a_gpu_and_refuses_one_that_is_not_there(
    tiny_clip: Path, moving_square: Path
):
    command = [sys.executable, "-m", "actionclip.cli", "recognize", str(moving_square), *LABELS]
    command += ["--model", str(tiny_clip), "--json", "--device"]
    result = subprocess.run([*command, "cuda:0"], capture_output=True, text=True, check=True)
    assert len(json.loads(result.stdout)["results"][0]["predictions"]) == 3
    result = subprocess.run([*command, "cuda:99"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "there is no 'cuda:99'" in " ".join(result.stderr.split())


def test_frames_on_the_host_are_pinned_and_reach_the_gpu_unchanged(square_frames: np.ndarray):
    square = square_frames[:, :, :96]
    clips = torch.from_numpy(square)[None].permute(0, 1, 4, 2, 3)
    moved = encode._to_device(clips, torch.device("cuda"))
    assert torch.equal(moved.cpu(), clips / 255)
