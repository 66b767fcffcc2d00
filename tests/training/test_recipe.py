from pathlib import Path

import pytest

from actionclip.training import data, recipe
from actionclip.training.recipe import Data, Optim, Recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
LEAST = '[data]\npath = "x"\n'


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_begins_with_what_it_costs_and_gives(path):
    recipe.read(path)
    head = path.read_text().split("\n\n")[0]
    assert all(f"# {word}:" in head for word in ("Command", "Cost", "Expected"))
    assert f"recipes/{path.name}" in head


def test_the_papers_numbers_are_those_that_really_ran():
    optim = recipe.read(next(p for p in RECIPES if p.stem == "kinetics400-b32-8f")).optim
    assert (optim.lr, optim.head_lr_ratio, optim.weight_decay) == (5e-6, 10, 0.2)
    assert (optim.betas, optim.epochs, optim.warmup_epochs) == ([0.9, 0.98], 50, 5)
    assert optim.batch_size == 128


def test_what_is_written_reads_as_the_same_recipe():
    chosen = Recipe(data=Data(path='a "b"'), optim=Optim(lr=3e-4, epochs=7))
    text = recipe.write(chosen)
    assert recipe.parse(text, "x") == chosen
    assert "# Of the towers.\nlr = 0.0003" in text
    assert "weight_decay" not in text  # only what was chosen


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (LEAST + "[optim]\nepoch = 3", r"optim\.epoch: unknown; did you mean 'epochs'\? known: \["),
        (LEAST + "[optm]\n", r"optm: unknown; did you mean 'optim'\?"),
        (LEAST + "[optim]\nlr = -1.0", r"optim\.lr: Input should be greater than 0, not -1\.0"),
        (LEAST + "[optim]\nlr = nan", r"optim\.lr: Input should be a finite number"),
        (LEAST + '[optim]\nepochs = "5"', r"optim\.epochs: .*integer, not '5'"),
        (LEAST + "[optim]\nepochs = 3", r"warmup_epochs: 5 is longer than the 3 epochs"),
        (LEAST + "[optim]\nmicro_batch_size = 3", "3 does not divide the batch of 128"),
        (LEAST + '[model]\ntemporal_head = "conf"', r"temporal_head: unknown 'conf'; known: \["),
        (LEAST + '[prompts]\ntemplates = "pap"', r"prompts\.templates: Input should be 'paper'"),
        ("[optim]\n", "data: missing; add it"),
        ("[data]\npath = 2020-01-01\n", "a date, which no key takes"),
        ("lr = ", "not TOML"),
    ],
)
def test_a_mistake_is_one_line_with_place_and_remedy(text, complaint):
    with pytest.raises(ValueError, match=r"^mine\.toml: .*" + complaint) as error:
        recipe.parse(text, "mine.toml")
    assert "\n" not in str(error.value)


def test_a_missing_recipe_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml: no such recipe"):
        recipe.read(Path("nowhere.toml"))


def test_without_a_gpu_a_head_is_trained_from_cached_features(squares):
    chosen = data.suggest(Data(path=str(squares)), "lite", has_gpu=False)
    assert chosen.weights.freeze == ["encoder.vision_tower", "encoder.text_tower"]
    assert chosen.data.cached_views > 0
    assert chosen.optim.batch_size <= 18
    assert recipe.parse(recipe.write(chosen), "x") == chosen


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_recipe_is_read_in_any_unicode_encoding(tmp_path, encoding):
    path = tmp_path / "café.toml"
    path.write_bytes('[data]\r\npath = "café"\r\n'.encode(encoding))
    assert recipe.read(path).data.path == "café"


def test_a_recipe_in_another_encoding_is_refused_by_file_line_and_encoding(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes('[data]\npath = "café"\n'.encode("latin-1"))
    with pytest.raises(
        ValueError, match=r"recipe\.toml:2: not UTF-8 text .*Latin-1.*save the file"
    ):
        recipe.read(path)
