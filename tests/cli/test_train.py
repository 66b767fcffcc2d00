import sys
from pathlib import Path

import pytest

from actionclip.cli import main
from actionclip.training import data, recipe


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the program in an empty folder; give its exit status, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["actionclip", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        return (ending.value.code or 0, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give a recipe, or --data"),
        (["a.toml", "--data", "b"], "one of the two"),
        (["nowhere.toml"], "nowhere.toml: no such recipe"),
        (["--data", "nowhere"], "nowhere"),
        (["typo.toml"], "typo.toml: optim.epoch: unknown; did you mean 'epochs'?"),
        (["nodata.toml"], "videos"),
    ],
)
def test_a_mistake_is_one_line_and_status_2_and_leaves_nothing(run, tmp_path, arguments, complaint):
    (tmp_path / "typo.toml").write_text('[data]\npath = "x"\n[optim]\nepoch = 3\n')
    (tmp_path / "nodata.toml").write_text('[data]\npath = "videos"\n')
    before = sorted(Path(tmp_path).iterdir())
    status, out, err = run(*arguments)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (status, out) == (2, "")
    assert len(errors) == 1
    assert complaint in errors[0]
    assert sorted(Path(tmp_path).iterdir()) == before


def test_the_label_file_and_the_videos_of_a_list_go_into_the_recipe(run, tmp_path, moving_square):
    (tmp_path / "videos").mkdir()
    for number in range(8):
        (tmp_path / "videos" / f"{number}.mp4").write_bytes(moving_square.read_bytes())
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("0.mp4 0\n1.mp4 1\n2.mp4 0\n3.mp4 1\n")
    (tmp_path / "lists" / "val.txt").write_text("4.mp4 0\n5.mp4 1\n")
    (tmp_path / "names.csv").write_text("id;name\n1;jumping\n0;running\n", encoding="utf-8-sig")
    status, out, err = run(
        *("--data", "lists/train.txt", "--videos", "videos", "--labels", "names.csv"),
        *("--model", "nowhere.pt", "--device", "cpu"),
    )
    assert status == 2
    assert "nowhere.pt" in err
    assert "note: names.csv: a table with the columns id, name" in err
    chosen = recipe.parse(out, "the recipe").data
    assert (chosen.videos, chosen.labels) == ("videos", "names.csv")
    parts = data.read(recipe.parse(out, "the recipe"))
    assert parts.train.labels == ("running", "jumping")
    assert [example.labels for example in parts.held_out.examples] == [("running",), ("jumping",)]


@pytest.mark.parametrize("option", ["--labels", "--videos", "--model"])
def test_what_goes_with_data_is_a_key_of_a_recipe(run, option):
    status, _, err = run("a.toml", option, "x")
    assert status == 2
    assert f"{option} goes with --data; in a recipe it is " in err


def test_any_recipe_is_trained_like_the_official_code_and_says_so(
    run, tmp_path, squares, tiny_clip
):
    (tmp_path / "mine.toml").write_text(
        f'[model]\nstart = "{tiny_clip}"\n[data]\npath = "{squares}"\nnum_workers = 0\n'
        "[optim]\nepochs = 1\nwarmup_epochs = 0\nbatch_size = 9\n[computing]\ntrackers = []\n"
    )
    status, _, err = run("mine.toml", "--like", "official", "--output", "run", "--device", "cpu")
    assert status == 0, err
    assert (tmp_path / "run" / "recipe.toml").read_text().startswith('like = "official"\n')


def test_without_a_recipe_all_is_trained_like_the_official_code(run, tmp_path, squares):
    status, out, _ = run(
        *("--data", squares, "--like", "official", "--output", "run", "--model", "nowhere")
    )
    assert status == 2  # there is no such model; the recipe was printed before
    assert out.startswith('like = "official"\n')
    assert "freeze" not in out


def test_a_recipe_that_says_otherwise_is_not_overruled(run, tmp_path):
    (tmp_path / "mine.toml").write_text('like = "default"\n[data]\npath = "x"\n')
    status, _, err = run("mine.toml", "--like", "official")
    assert status == 2
    assert 'mine.toml: has like = "default"; change it there to "official"' in err
