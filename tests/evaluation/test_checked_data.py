"""What `data check` passes can be trained on and evaluated, and nothing else."""

from pathlib import Path

import pytest

from actionclip import Recognizer
from actionclip.data import check
from actionclip.evaluation import evaluate
from actionclip.evaluation.evaluate import EvaluatedModel
from actionclip.training import data as training_data
from actionclip.training.recipe import Data

PAIRS = ("run/a.mp4", "run/b.mp4", "jump/c.mp4", "jump/d.mp4")
TABLE = "path,label,split\n"

CASES: dict[str, tuple[bool, tuple[str, ...], dict[str, str]]] = {
    "two labels, two clips each": (True, PAIRS, {}),
    "one label with two clips": (True, ("run/a.mp4", "run/b.mp4", "jump/c.mp4"), {}),
    "one clip a label": (False, ("run/a.mp4", "jump/b.mp4"), {}),
    "one label": (False, ("run/a.mp4", "run/b.mp4", "run/c.mp4"), {}),
    "one group a label": (False, tuple(path.replace("/", "/one/") for path in PAIRS), {}),
    "two groups a label": (True, ("run/i/a.mp4", "run/j/b.mp4", "jump/i/c.mp4"), {}),
    "nothing": (False, (), {}),
    "no label folders": (False, ("a.mp4", "b.mp4"), {}),
    "an empty label": (False, (*PAIRS, "sing/notes.txt"), {}),
    "split folders": (True, tuple(f"{s}/{p}" for s in ("train", "test") for p in PAIRS), {}),
    "only train": (False, tuple(f"train/{path}" for path in PAIRS), {}),
    "only test": (False, tuple(f"test/{path}" for path in PAIRS), {}),
    "one clip in train": (False, ("train/run/a.mp4", "test/run/b.mp4", "test/jump/c.mp4"), {}),
    "splits in label folders": (
        True,
        tuple(p.replace("/", f"/{s}/") for p in PAIRS for s in ("train", "val")),
        {},
    ),
    "one label in train, another in val": (
        True,
        ("train/run/a.mp4", "train/run/b.mp4", "val/jump/c.mp4"),
        {},
    ),
    "frames that are missing": (False, (*PAIRS, "run/x/img_1.jpg", "run/x/img_3.jpg"), {}),
    "a table": (
        True,
        PAIRS,
        {"annotations.csv": "path,label\nrun/a.mp4,x\nrun/b.mp4,x\njump/c.mp4,y\n"},
    ),
    "a table with one label": (
        False,
        PAIRS,
        {"annotations.csv": "path,label\nrun/a.mp4,x\nrun/b.mp4,x\n"},
    ),
    "a table without splits to test on": (
        False,
        PAIRS,
        {"annotations.csv": f"{TABLE}run/a.mp4,x,train\njump/c.mp4,y,train\n"},
    ),
    "a table with a wrong column": (
        False,
        PAIRS,
        {"annotations.csv": "path,label,mood\nrun/a.mp4,x,good\n"},
    ),
    "a list without a label file": (False, PAIRS, {"train.txt": "run/a.mp4 0\njump/c.mp4 1\n"}),
    "lists": (
        True,
        PAIRS,
        {
            "train.txt": "run/a.mp4 0\njump/c.mp4 1\n",
            "val.txt": "run/b.mp4 0\njump/d.mp4 1\n",
            "labels.txt": "run\njump\n",
        },
    ),
    "two files that contradict each other": (
        False,
        PAIRS,
        {
            "one.csv": "path,label\nrun/a.mp4,x\nrun/b.mp4,x\n",
            "two.csv": "path,label\nrun/a.mp4,y\nrun/b.mp4,y\n",
        },
    ),
    "parts of a video that it does not have": (
        False,
        PAIRS,
        {"annotations.csv": "path,label,start,end\nrun/a.mp4,x,0,9\nrun/b.mp4,x,,\n"},
    ),
    "several labels": (
        True,
        PAIRS,
        {"annotations.csv": "path,label\nrun/a.mp4,x|y\nrun/b.mp4,x\njump/c.mp4,y\njump/d.mp4,y\n"},
    ),
}


@pytest.fixture
def data(request, tmp_path: Path, moving_square: Path) -> tuple[bool, Path]:
    is_good, paths, texts = CASES[request.param]
    folder = tmp_path / "data"
    folder.mkdir()
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        end = b"\0\0\0\x0cfree" + number.to_bytes(4)  # other content, the same video
        (folder / path).write_bytes(moving_square.read_bytes() + end)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return is_good, folder


@pytest.mark.parametrize("data", CASES, indirect=True)
def test_what_the_check_passes_can_be_trained_on_and_evaluated_and_nothing_else(data, colour_model):
    is_good, folder = data
    report = check.check(folder)
    assert report.ok == is_good, report.problems
    if not is_good:
        with pytest.raises(ValueError) as mistake:  # noqa: PT011  the message is looked at
            training_data.read(training_data.suggest(Data(path=str(folder)), "lite", has_gpu=False))
        assert str(mistake.value).splitlines() == report.problems
        return
    parts = training_data.read(training_data.suggest(Data(path=str(folder)), "lite", has_gpu=False))
    assert len(parts.train.examples) > 1
    assert parts.held_out.examples
    annotations = evaluate.read(folder)
    subject = EvaluatedModel(Recognizer(colour_model), "colours", ("a video of {}",))
    assert evaluate.run(subject, annotations, folder).report.clips
