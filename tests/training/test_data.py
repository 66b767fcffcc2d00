"""Which clips select a checkpoint, and what is said of numbers on them."""

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from actionclip.cli import main
from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import selection
from actionclip.evaluation.selection import Selection
from actionclip.training import data, fit


def clips(split: str, number: int, labels: str = "ab", groups: int = 0) -> Iterator[Example]:
    for index in range(number):
        yield Example(
            Path(f"{split}/{index}.mp4"),
            (labels[index % len(labels)],),
            split,  # pyright: ignore[reportArgumentType]
            f"a.csv:{index}",
            group=f"{split} {index % groups}" if groups else None,
        )


def divide(*examples: Example, min_train: int = 2, shots: int | None = None) -> data.Parts:
    annotations = Annotations(examples, ("a", "b"))
    return data.divide(annotations, min_train, shots, seed=0)


def test_val_selects_where_there_is_one():
    parts = divide(*clips("train", 40), *clips("val", 4), *clips("test", 4))
    assert parts.source == "val"
    assert [one.video for one in parts.held_out.examples] == [
        Path(f"val/{index}.mp4") for index in range(4)
    ]
    assert len(parts.train.examples) == 40


def test_without_val_a_part_of_train_selects_and_not_the_test_clips():
    examples = [*clips("train", 200), *clips("test", 20)]
    parts = divide(*examples)
    assert parts.source == "a held-out part of train"
    train, chosen = ({e.video for e in some.examples} for some in (parts.train, parts.held_out))
    assert len(chosen) == 20
    assert train.isdisjoint(chosen)
    assert train | chosen == {one.video for one in clips("train", 200)}
    assert {one.labels for one in parts.held_out.examples} == {("a",), ("b",)}
    assert divide(*examples[::-1]).held_out.examples != ()
    again = {one.video for one in divide(*examples[::-1]).held_out.examples}
    assert again == chosen  # whatever the order of the rows


def test_the_held_out_part_tears_neither_groups_nor_videos_apart():
    groups = list(clips("train", 200, groups=20))
    parts = divide(*groups, *clips("test", 20))
    assert {e.group for e in parts.train.examples}.isdisjoint(
        e.group for e in parts.held_out.examples
    )
    pieces = [
        Example(
            Path(f"{i // 5}.mp4"), ("ab"[i // 5 % 2],), "train", f"a:{i}", float(i % 5), i % 5 + 1.0
        )
        for i in range(200)
    ]
    parts = divide(*pieces, *clips("test", 20))
    assert {e.video for e in parts.train.examples}.isdisjoint(
        e.video for e in parts.held_out.examples
    )


@pytest.mark.parametrize("number", [8, 12])
def test_where_train_is_too_small_test_selects_and_a_warning_says_so(number, caplog):
    parts = divide(*clips("train", number), *clips("test", 20))
    assert parts.source == "test"
    assert len(parts.train.examples) == number
    with caplog.at_level(logging.WARNING):
        parts.warn("clips.csv")
    assert "clips.csv: has no val split" in caplog.text
    assert "selected on test" in caplog.text


def test_a_batch_that_needs_all_of_train_leaves_it_whole():
    parts = divide(*clips("train", 200), *clips("test", 20), min_train=190)
    assert parts.source == "test"


def test_shots_are_selected_on_clips_of_train_that_are_not_trained_on():
    parts = divide(*clips("train", 100, groups=50), *clips("test", 20), shots=8)
    assert parts.source == "a held-out part of train"
    assert len(parts.train.examples) == 16
    assert len(parts.held_out.examples) == 16
    assert {e.group for e in parts.train.examples}.isdisjoint(
        e.group for e in parts.held_out.examples
    )


def test_nothing_to_select_on_says_what_to_do():
    with pytest.raises(ValueError, match=r"val and test are empty.* put some .* into val"):
        divide(*clips("train", 20, groups=1))
    assert divide(*clips("train", 40)).source == "a held-out part of train"


def test_clips_are_known_by_their_content_wherever_they_lie(tmp_path):
    for name, content in (("a.mp4", b"one"), ("copy.mp4", b"one"), ("b.mp4", b"two")):
        (tmp_path / name).write_bytes(content)
    one, copy, other = (
        Example(tmp_path / name, ("x",), "test", "s") for name in ("a.mp4", "copy.mp4", "b.mp4")
    )
    chosen = Selection("test", weights=selection.keys([one]))
    assert chosen.describe([copy], "test") == "selected on test"
    assert chosen.describe([copy], "all") == "selected on these clips"
    assert chosen.describe([copy, other], "test") == "selected on 1 of these 2 clips"
    assert chosen.describe([other], "test") == ""
    both = Selection("test", selection.keys([one]), selection.keys([one, other]))
    told = "selected on 1 of these 2 clips, calibrated on test"
    assert both.describe([copy, other], "test") == told
    fitted = Selection("test", calibration=selection.keys([one]))
    assert fitted.describe([copy], "val") == "calibrated on val"
    selection.write(chosen | fitted, tmp_path)
    assert selection.read(tmp_path) == chosen | fitted
    assert selection.read(tmp_path / "a.mp4") == chosen | fitted
    (tmp_path / selection.FILE).write_text("{")
    with pytest.raises(ValueError, match=r"selection\.json: damaged"):
        selection.read(tmp_path)


@pytest.fixture
def on_test(squares, tmp_path) -> Path:
    """Data of 18 clips in train and 9 in test."""
    data = tmp_path / "data"
    shutil.copytree(squares / "train", data / "train")
    shutil.copytree(squares / "val", data / "test")
    return data


@pytest.fixture
def run_cli(capsys, monkeypatch):
    def run(*arguments: object) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["actionclip", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        assert not ending.value.code, capsys.readouterr().err
        return capsys.readouterr()

    return run


def test_a_checkpoint_selected_on_test_says_so_beside_each_number(
    write_recipe, on_test, tmp_path, run_cli
):
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    half = {"interpolate": [0.5]}
    text = write_recipe(data={"path": str(on_test)}, optim={"epochs": 1}, weights=half)
    recipe.write_text(text)
    out, err = run_cli("train", recipe, "--output", run, "--device", "cpu")
    assert "on test, which selected it (epoch 1)" in out
    assert "mixtures of start and best; top1 on test, which selected best:\n0% of the way" in out
    assert "selected on test" in err
    assert "epoch 1/1  loss " in err  # without a terminal, a line an epoch
    assert "clips/s" in err
    report, page, text = (tmp_path / f"report.{kind}" for kind in ("json", "html", "md"))
    moved = tmp_path / "elsewhere"
    on_test.rename(moved)
    options = ("--workers", 0, "--device", "cpu", "--output", report)
    out, _ = run_cli(
        *("evaluate", "--model", run / "best", "--data", moved, *options),
        *("--report", page, "--markdown", text),
    )
    assert "(selected on test)" in out
    document = json.loads(report.read_text())
    assert document["selection"] == "selected on test"
    assert set(document["top1"]) == {"value", "low", "high"}
    assert "selected on test" in page.read_text()
    assert "(selected on test)" in text.read_text()
    out, _ = run_cli("report", "compare", report, report)
    assert "selected on test" in out
    out, _ = run_cli("evaluate", "--model", run / "last", "--data", moved, *options)
    assert "(calibrated on test)" in out
    out, _ = run_cli(
        *("evaluate", "--model", run / "best", "--data", moved, "--split", "train", *options)
    )
    assert "selected on" not in out


def test_what_starts_from_a_checkpoint_remembers_what_selected_that(
    write_recipe, squares, on_test, tmp_path
):
    first, second = tmp_path / "first", tmp_path / "second"
    one = {"epochs": 1}
    fit.fit(write_recipe(data={"path": str(on_test)}, optim=one), first, device="cpu")
    half = {"interpolate": [0.5]}
    text = write_recipe(model={"start": str(first / "best")}, optim=one, weights=half)
    fit.fit(text, second, device="cpu")
    tested = [Example(video, ("x",), "test", "s") for video in on_test.glob("test/*/*.mp4")]
    for name in ("best", "last", "mixed-0.50"):
        found = selection.read(second / name)
        assert found is not None
        assert found.source == "val"
        assert selection.keys(tested) <= found.weights
    assert load_file(second / "mixed-0.50" / "model.safetensors")
