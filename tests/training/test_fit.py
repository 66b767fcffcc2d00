import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import fit
from actionclip.training.loop import Stopped

_BIASES_OF_KEYS = ("k_proj.bias", "in_proj_bias")
"""Attention does not see them, so that their gradients are rounding, which Adam makes large."""


def _rows(run: Path, name: str = "metrics.csv") -> list[dict[str, float]]:
    with (run / name).open() as file:
        return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def _bytes(run: Path) -> list[bytes]:
    weights = [(run / name / "model.safetensors").read_bytes() for name in ("best", "last")]
    return [*weights, (run / "metrics.csv").read_bytes()]


def test_a_run_leaves_checkpoints_metrics_and_a_picture(write_recipe, tmp_path):
    steps = []
    text = write_recipe(computing={"trackers": ["tensorboard"]})
    fit.fit(text, tmp_path / "run", device="cpu", on_step=steps.append)
    run = tmp_path / "run"
    assert [(p.epoch, p.step) for p in steps] == [(e, s) for e in (1, 2) for s in (1, 2, 3)]
    assert (run / "recipe.toml").read_text() == text
    assert "torch" in json.loads((run / "environment.json").read_text())["packages"]
    rows = _rows(run)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "loss", "top1"}
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((run / "log").glob("events.out.tfevents.*"))
    for name in ("best", "last"):
        model = ActionCLIP.load(run / name)
        assert model.embed_texts(["moving left"]).shape == (1, 32)
        assert model.task.labels == ("moving left", "moving right", "moving still")
        assert model.task.sampling == "segments"
        assert len(model.task.templates) >= 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(write_recipe, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit.fit(write_recipe(computing={"seed": seed}), tmp_path / name, device="cpu")
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert _bytes(tmp_path / "a")[1] != _bytes(tmp_path / "c")[1]


@pytest.mark.parametrize("after", [2, 3, 4])
def test_a_run_that_was_interrupted_goes_on_to_the_same_bytes(write_recipe, tmp_path, after):
    text = write_recipe(weights={"ema_decay": 0.9})
    fit.fit(text, tmp_path / "whole", device="cpu")
    seen = []

    def interrupt(progress) -> None:
        seen.append(progress)
        if len(seen) == after:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        fit.fit(text, tmp_path / "run", device="cpu", on_step=interrupt)
    assert len(seen) == after
    fit.fit(text, tmp_path / "run", device="cpu", resume=True, on_step=seen.append)
    assert len(seen) == 6
    assert _bytes(tmp_path / "run") == _bytes(tmp_path / "whole")


@pytest.mark.slow
def test_killed_five_times_it_still_ends_with_the_same_bytes(write_recipe, tmp_path):
    text = write_recipe(optim={"epochs": 8}, computing={"seconds_between_saves": 0})
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        ["actionclip.training.fit", "transformers.models.clip.modeling_clip"]
    )
    options = {"device": "cpu", "resume": True}

    def start(run: Path) -> multiprocessing.process.BaseProcess:
        process = processes.Process(target=fit.fit, args=(text, run), kwargs=options)
        process.start()
        return process

    started = time.monotonic()
    start(tmp_path / "whole").join()
    seconds = time.monotonic() - started
    chance = random.Random(0)
    for _ in range(5):
        process = start(tmp_path / "run")
        process.join(chance.uniform(0.5, 1) * seconds)
        process.kill()
        process.join()
    process = start(tmp_path / "run")
    process.join()
    assert process.exitcode == 0
    assert _bytes(tmp_path / "run") == _bytes(tmp_path / "whole")


def test_pieces_of_a_batch_lead_to_the_weights_of_the_whole(write_recipe, tmp_path):
    for name, size in (("whole", 6), ("pieces", 2)):
        text = write_recipe(optim={"lr": 2e-5, "micro_batch_size": size})
        fit.fit(text, tmp_path / name, device="cpu")
    whole, pieces = (
        load_file(tmp_path / name / "last" / "model.safetensors") for name in ("whole", "pieces")
    )
    for name in whole:
        if not name.endswith(_BIASES_OF_KEYS):
            torch.testing.assert_close(pieces[name], whole[name], atol=1e-5, rtol=0)
    assert _rows(tmp_path / "pieces")[-1]["loss"] == pytest.approx(
        _rows(tmp_path / "whole")[-1]["loss"], abs=1e-5
    )


def test_recomputed_activations_lead_to_the_same_weights(write_recipe, tmp_path):
    for name, computing in (("kept", {}), ("anew", {"gradient_checkpointing": True})):
        text = write_recipe(computing={"precision": "fp32", **computing})
        fit.fit(text, tmp_path / name, device="cpu")
    kept, anew = (
        load_file(tmp_path / name / "last/model.safetensors") for name in ("kept", "anew")
    )
    for name, weights in kept.items():
        torch.testing.assert_close(anew[name], weights, rtol=1e-5, atol=1e-6)


def test_half_precision_stays_near_full_precision(write_recipe, tmp_path):
    losses = {}
    for precision in ("fp32", "bf16"):
        steps = []
        text = write_recipe(computing={"precision": precision})
        fit.fit(text, tmp_path / precision, device="cpu", on_step=steps.append)
        losses[precision] = torch.tensor([step.loss for step in steps])
        saved = load_file(tmp_path / precision / "last/model.safetensors")
        assert {weights.dtype for weights in saved.values()} == {torch.float32}
    assert not torch.equal(losses["bf16"], losses["fp32"])
    torch.testing.assert_close(losses["bf16"], losses["fp32"], rtol=0.02, atol=0.02)


def test_what_is_frozen_stays_and_the_rest_moves(write_recipe, tiny_clip, tmp_path):
    fit.fit(write_recipe(weights={"freeze": ["encoder"]}), tmp_path / "run", device="cpu")
    before = load_file(tiny_clip / "model.safetensors")
    after = load_file(tmp_path / "run" / "last" / "model.safetensors")
    for name, weights in before.items():
        assert weights.equal(after[name]) == name.startswith("encoder."), name


def test_features_computed_once_lead_where_pixels_lead(write_recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    frozen = {"freeze": ["encoder"]}
    counts = []
    for name in ("first", "second"):
        told = []
        text = write_recipe(weights=frozen, data={"cached_views": 2})
        fit.fit(
            text, tmp_path / name, device="cpu", on_features=lambda done, _, t=told: t.append(done)
        )
        counts.append(told)
    assert counts[0][0] == 0
    assert counts[1] == [36, 9]  # nothing was missing the second time
    assert _bytes(tmp_path / "first") == _bytes(tmp_path / "second")


def test_lora_moves_the_encoder_and_its_checkpoint_is_an_ordinary_one(
    write_recipe, tiny_clip, tmp_path
):
    pytest.importorskip("peft")
    text = write_recipe(weights={"lora_rank": 2}, optim={"lr": 1e-2})
    fit.fit(text, tmp_path / "run", device="cpu")
    before = load_file(tiny_clip / "model.safetensors")
    after = load_file(tmp_path / "run" / "best" / "model.safetensors")
    assert before.keys() == after.keys()
    name = "encoder.vision_tower.encoder.layers.0.self_attn.q_proj.weight"
    change = after[name] - before[name]
    assert torch.linalg.matrix_rank(change) == 2
    ActionCLIP.load(tmp_path / "run" / "best")


def test_the_unimodal_baseline_learns_and_leaves_its_classifier(write_recipe, tmp_path):
    text = write_recipe(
        loss={"kind": "classifier"}, optim={"epochs": 10, "lr": 1e-3, "batch_size": 9}
    )
    fit.fit(text, tmp_path / "run", device="cpu")
    rows = _rows(tmp_path / "run")
    assert rows[-1]["loss"] < rows[0]["loss"]
    classifier = load_file(tmp_path / "run" / "best" / "classifier.safetensors")
    assert classifier["weight"].shape == (3, 32)
    model = ActionCLIP.load(tmp_path / "run" / "best")
    assert model.classifier is not None
    assert torch.equal(model.classifier.weight, classifier["weight"])
    assert len(model.task.labels) == 3


def test_mixtures_with_the_start_are_tested_and_saved(write_recipe, squares, tiny_clip, tmp_path):
    text = write_recipe(weights={"interpolate": [0.2, 0.5], "zero_shot_data": str(squares)})
    fit.fit(text, tmp_path / "run", device="cpu")
    rows = _rows(tmp_path / "run", "interpolation.csv")
    assert [row["share"] for row in rows] == [0, 0.2, 0.5, 1]
    assert all(row["zero_shot_top1"] == row["top1"] for row in rows)  # here the same data
    assert rows[-1]["top1"] == max(row["top1"] for row in _rows(tmp_path / "run"))
    start, mixed, best = (
        load_file(folder / "model.safetensors")["temporal_head.frame_position_embeddings.weight"]
        for folder in (tiny_clip, tmp_path / "run" / "mixed-0.50", tmp_path / "run" / "best")
    )
    torch.testing.assert_close(mixed, (start + best) / 2)


def test_zero_shot_data_that_cannot_be_used_is_refused_before_training(
    write_recipe, squares, tmp_path
):
    text = write_recipe(weights={"zero_shot_data": str(tmp_path / "nowhere")})
    with pytest.raises(FileNotFoundError, match="nowhere: no such"):
        fit.fit(text, tmp_path / "run", device="cpu")
    shutil.copytree(squares / "train", tmp_path / "only" / "train")
    text = write_recipe(weights={"zero_shot_data": str(tmp_path / "only")})
    with pytest.raises(ValueError, match=r"only: .* none of its clips is in test or val"):
        fit.fit(text, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_clips_of_several_labels_are_trained_on_and_measured_by_map(
    write_recipe, squares, tmp_path
):
    rows = [
        f"{split}/moving_{way}/{index}.mp4,{way}|moving,{split}"
        for split, count in (("train", 6), ("val", 3))
        for way in ("left", "right")
        for index in range(count)
    ]
    rows += [f"{s}/moving_still/{i}.mp4,still,{s}" for s in ("train", "val") for i in range(3)]
    table = shutil.copytree(squares, tmp_path / "squares") / "several.csv"
    table.write_text("path,label,split\n" + "\n".join(rows) + "\n")
    text = write_recipe(
        data={"path": str(table)},
        prompts={"templates": ["{}"]},
        optim={"epochs": 12, "batch_size": 15, "lr": 1e-3},
    )
    fit.fit(text, tmp_path / "run", device="cpu")
    metrics = _rows(tmp_path / "run")
    assert set(metrics[0]) == {"epoch", "loss", "map"}
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    assert metrics[-1]["map"] > 0.6


def test_numbers_that_are_none_stop_the_run_with_step_and_batch(write_recipe, tmp_path):
    text = write_recipe(optim={"lr": 1e30, "clip_norm": 1e9})
    with pytest.raises(ValueError, match=r"epoch 1, step 2: .*nan.*moving_\w+/\d\.mp4"):
        fit.fit(text, tmp_path / "run", device="cpu")


def test_a_folder_that_holds_another_run_is_refused_and_left_alone(write_recipe, tmp_path):
    run = tmp_path / "run"
    fit.fit(write_recipe(), run, device="cpu")
    before = _bytes(run)
    with pytest.raises(ValueError, match=r"run: already holds a run; continue it by --resume"):
        fit.fit(write_recipe(), run, device="cpu")
    with pytest.raises(ValueError, match=r"has optim\.lr = 0\.0001, not 0\.1"):
        fit.fit(write_recipe(optim={"lr": 0.1}), run, device="cpu", resume=True)
    fit.fit(write_recipe(), run, device="cpu", resume=True)  # finished: nothing to do
    assert _bytes(run) == before


def test_a_folder_with_other_files_is_refused(write_recipe, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="already holds other files; name another --output"):
        fit.fit(write_recipe(), tmp_path, device="cpu")


def test_a_batch_larger_than_the_data_is_refused_before_anything_is_written(write_recipe, tmp_path):
    with pytest.raises(ValueError, match=r"batch_size: 64 is larger than the 18 clips .* lower it"):
        fit.fit(write_recipe(optim={"batch_size": 64}), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_data_of_one_label_is_refused(write_recipe, squares, tmp_path):
    data = tmp_path / "data"
    for split in ("train", "val"):
        (data / split).mkdir(parents=True)
        (data / split / "moving_left").symlink_to(squares / split / "moving_left")
    with pytest.raises(ValueError, match="the only label is 'moving left'"):
        fit.fit(write_recipe(data={"path": str(data)}), tmp_path / "run", device="cpu")


def test_a_full_disk_is_one_line_and_what_was_saved_stays(write_recipe, tmp_path):
    import resource

    run, text = (
        tmp_path / "run",
        write_recipe(optim={"epochs": 3}, computing={"seconds_between_saves": 0}),
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress) -> None:
        if progress.epoch == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    try:
        with pytest.raises(OSError, match=r"could not be written .* continue by --resume"):
            fit.fit(text, run, device="cpu", on_step=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    ActionCLIP.load(run / "last")
    fit.fit(text, run, device="cpu", resume=True)
    fit.fit(text, tmp_path / "whole", device="cpu")
    assert _bytes(run) == _bytes(tmp_path / "whole")
