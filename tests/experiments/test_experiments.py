import json

import pytest

from actionclip.cli import main
from actionclip.data import reading
from actionclip.data.formats import table
from actionclip.experiments import experiment, few_shot, results, trial
from actionclip.experiments.few_shot import Point
from actionclip.experiments.results import Row
from actionclip.experiments.tables import TABLES
from actionclip.training import fit
from actionclip.training import recipe as recipes
from actionclip.training.recipe import Recipe

PROVENANCE = {"command": "`actionclip`", "date": "2026-01-01", "data": "squares"}


def _ignore(done: int, total: int) -> None:
    pass


@pytest.fixture
def recipe(tiny_clip, squares) -> Recipe:
    return recipes.parse(
        f'[model]\nstart = "{tiny_clip}"\n'
        f'[data]\npath = "{squares}"\nnum_workers = 0\naugmentation = "none"\ncached_views = 1\n'
        '[prompts]\ntemplates = "bare"\n'
        "[optim]\nepochs = 1\nwarmup_epochs = 0\nbatch_size = 6\nlr = 1e-4\n"
        '[weights]\nfreeze = ["encoder.vision_tower", "encoder.text_tower"]\n'
        '[computing]\nprecision = "fp32"\ntrackers = []\n',
        "the test",
    )


@pytest.mark.parametrize("name", TABLES)
def test_variants_differ_from_each_other_and_only_where_the_table_says(recipe, name):
    variants = TABLES[name].variants
    chosen = [trial.change(recipe, **variant.changes) for variant in variants]
    assert len({variant.name for variant in variants}) == len(variants)
    assert all(one != other for i, one in enumerate(chosen) for other in chosen[:i])
    assert all((one.data, one.optim) == (recipe.data, recipe.optim) for one in chosen)


def test_two_visual_prompts_need_a_tower_with_patches():
    variants = TABLES["visual-prompts"].variants
    assert [variant.name for variant in variants if variant.needs_patches] == ["joint", "shift"]


def test_a_trial_is_measured_once_and_its_weights_go(recipe, tmp_path, monkeypatch):
    report = trial.run(recipe, tmp_path / "run", device="cpu")
    assert set(report.metrics) >= {"top1"}
    assert not (tmp_path / "run" / "last").exists()
    monkeypatch.setattr(trial.fit, "fit", None)  # it would fail
    assert trial.run(recipe, tmp_path / "run", device="cpu") == report


def test_a_trial_of_another_recipe_does_not_take_its_place(recipe, tmp_path):
    trial.run(recipe, tmp_path / "run", device="cpu")
    other = trial.change(recipe, computing={"seed": 7})
    with pytest.raises(ValueError, match="seed"):
        trial.run(other, tmp_path / "run", device="cpu")


def test_labels_are_halved_and_no_clip_is_in_both(squares):
    annotations = reading.read(squares)
    base, novel = few_shot.halves(annotations)
    assert set(base.labels) | set(novel.labels) == set(annotations.labels)
    assert not {e.video for e in base.examples} & {e.video for e in novel.examples}
    assert len(base.examples) + len(novel.examples) == len(annotations.examples)


def test_too_few_labels_for_few_shot_curves_are_refused(recipe, tmp_path):
    with pytest.raises(ValueError, match="four or more"):
        few_shot.new_labels(recipe, 1, tmp_path, device="cpu", on_trial=_ignore)


def test_a_table_may_lie_elsewhere_than_its_videos(squares, tmp_path):
    annotations = reading.read(squares)
    table.write(annotations, tmp_path / "all.csv", squares)
    again = reading.read(tmp_path / "all.csv", squares)
    assert {e.video.resolve() for e in again.examples} == {
        e.video.resolve() for e in annotations.examples
    }


def test_a_table_says_mean_and_spread_and_what_is_not_possible():
    rows = [Row("mean", "78.36", [0.5, 0.7]), Row("joint", "lower", [], "needs patches")]
    text = results.table("Heads", "table 9", rows, PROVENANCE)
    assert "| mean | 78.36 | 60.0 ± 14.1 | 50.0, 70.0 |  |" in text
    assert "| joint | lower | not possible |  | needs patches |" in text
    assert "- command: `actionclip`" in text


def test_a_figure_has_a_row_for_each_number_of_shots_and_is_a_picture():
    points = [Point("multimodal", k, seed, 0.1 * k) for k in (0, 4) for seed in (0, 1)]
    points += [Point("unimodal", k, seed, 0.05 * k) for k in (0, 4) for seed in (0, 1)]
    text = results.figure("Curves", points, "curves.png", PROVENANCE)
    assert "| 4 | 40.0 ± 0.0 | 20.0 ± 0.0 |" in text
    assert results.draw(points).startswith(b"\x89PNG")


def test_a_start_that_the_tested_clips_selected_says_so_without_shots(
    recipe, tmp_path, monkeypatch
):
    fit.fit(recipes.write(recipe), tmp_path / "run", device="cpu")
    started = trial.change(recipe, model={"start": str(tmp_path / "run" / "best")})
    monkeypatch.setattr(few_shot.protocols, "possible_shots", lambda annotations: ())
    (point,) = few_shot.every_label(started, 1, tmp_path, device="cpu", on_trial=_ignore)
    assert (point.shots, point.selection) == (0, "selected on val")


@pytest.mark.slow
def test_the_few_shot_protocol_runs_from_the_command_line(
    squares, tiny_clip, tmp_path, monkeypatch, capsys
):
    options = f"--data {squares} --model {tiny_clip} --output {tmp_path}"
    command = f"actionclip experiment few-shot {options} --epochs 1 --seeds 1 --device cpu"
    monkeypatch.setattr("sys.argv", command.split())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    document = json.loads((tmp_path / "few-shot.json").read_text())
    assert [point["shots"] for point in document["results"]] == [0, 1, 2, 4]
    assert all(0 <= point["top1"] <= 1 for point in document["results"])
    assert "clips of each label" in capsys.readouterr().out


def test_an_experiment_that_does_not_exist_is_one_line(squares, tiny_clip, tmp_path):
    with pytest.raises(ValueError, match="no experiment is called 'tables'; there are objective"):
        experiment.run("tables", squares, str(tiny_clip), tmp_path, epochs=1)
