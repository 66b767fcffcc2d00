"""`train` and `evaluate` give the same numbers with and without a cache that can be written."""

import json
import sys
from pathlib import Path

import pytest

from actionclip.cli import main
from actionclip.core import store

RECIPE = """
[data]
path = "{data}"
cached_views = 1
num_workers = 0
[model]
start = "{model}"
[weights]
freeze = ["encoder"]
[optim]
epochs = 1
warmup_epochs = 0
batch_size = 6
"""


def test_training_and_evaluation_need_no_cache_and_warn_once(
    squares, tiny_clip, tmp_path, monkeypatch, capsys
):
    (tmp_path / "recipe.toml").write_text(RECIPE.format(data=squares, model=tiny_clip))
    evaluated = ["--data", str(squares), "--workers", "0", "--output", "numbers.json"]
    numbers, warnings = [], []
    (tmp_path / "file").touch()
    for name, cache in (("with", tmp_path / "cache"), ("without", tmp_path / "file" / "cache")):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        for command in (
            ["train", "../recipe.toml", "--output", "run"],
            ["evaluate", "--model", "run/best", *evaluated],
        ):
            monkeypatch.setattr(store, "_warned_of", set())  # as in a process of its own
            run(monkeypatch, command)
            warnings.append(capsys.readouterr().err.count("the cache cannot be written"))
        numbers.append(json.loads(Path("numbers.json").read_text())["metrics"])
    assert warnings == [0, 0, 1, 1]
    assert numbers[0] == numbers[1]


def run(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["actionclip", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    assert not ending.value.code
