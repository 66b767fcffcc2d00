"""With `like = "official"` a recipe trains as the official code does."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from actionclip import conventions
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import fit, optim, recipe
from actionclip.training.objectives import Contrastive
from actionclip.training.recipe import Data, Optim, Recipe

LEAST = '[data]\npath = "x"\n'
OFFICIAL = recipe.parse('like = "official"\n' + LEAST, "x")


@pytest.fixture
def golden(shared: Path):
    return np.load(shared / "golden" / "official_recipe.npz")


@pytest.fixture
def objective(tiny_clip: Path) -> Contrastive:
    return Contrastive(ActionCLIP.load(tiny_clip), "official")


def test_every_learning_rate_is_the_official_one(golden, objective):
    optimizer = optim.adamw(objective, OFFICIAL.optim)
    schedule = optim.Schedule(optimizer, OFFICIAL.optim, num_steps=23)
    rates = []
    for step in range(len(golden["lr"])):
        towers = schedule.set_rate(step)
        rates.append([towers, max(group["lr"] for group in optimizer.param_groups)])
    np.testing.assert_allclose(rates, golden["lr"], rtol=1e-12, atol=0)


def test_the_rate_ends_near_zero_and_a_warm_up_of_no_epochs_begins_at_the_peak(objective):
    chosen = Optim(schedule="official", epochs=2, warmup_epochs=0)
    optimizer = optim.adamw(objective, chosen)
    schedule = optim.Schedule(optimizer, chosen, num_steps=5)
    rates = [schedule.set_rate(step) for step in range(10)]
    assert rates[:5] == [chosen.lr] * 5
    assert rates[5:] == pytest.approx([chosen.lr / 2] * 5)


def test_by_default_the_rate_changes_at_every_step(objective):
    chosen = Optim(epochs=2, warmup_epochs=1)
    optimizer = optim.adamw(objective, chosen)
    schedule = optim.Schedule(optimizer, chosen, num_steps=4)
    rates = [schedule.set_rate(step) / chosen.lr for step in range(8)]
    cosine = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, *cosine])


def test_everything_decays_the_logit_scale_included(objective):
    optimizer = optim.adamw(objective, OFFICIAL.optim)
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    names = dict(objective.named_parameters())
    assert {decays[id(parameter)] for parameter in names.values()} == {0.2}
    assert "model.logit_scale" in names
    ours = optim.adamw(objective, Optim())
    spared = [p for g in ours.param_groups for p in g["params"] if g["weight_decay"] == 0]
    assert all(parameter.ndim < 2 for parameter in spared)
    assert any(parameter is names["model.logit_scale"] for parameter in spared)


def test_the_head_alone_learns_ten_times_faster(objective):
    optimizer = optim.adamw(objective, OFFICIAL.optim)
    rates = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    for name, parameter in objective.named_parameters():
        is_head = name.startswith("model.temporal_head.")
        assert rates[id(parameter)] == pytest.approx(5e-5 if is_head else 5e-6)


def test_a_recipe_means_the_official_values_by_the_keys_that_it_leaves_out():
    assert OFFICIAL.optim.clip_norm is None
    assert OFFICIAL.optim.schedule == "official"
    assert OFFICIAL.optim.decay_norms_and_biases
    assert OFFICIAL.loss.target == "official"
    assert OFFICIAL.model.head_initialisation == "paper"
    assert OFFICIAL.data.augmentation == "official"
    assert OFFICIAL.data.one_sided == []
    assert OFFICIAL.conventions is conventions.OFFICIAL
    default = recipe.parse(LEAST, "x")
    assert default.conventions is conventions.DEFAULT
    assert (default.optim.clip_norm, default.loss.target) == (20, "exact")


def test_a_key_that_is_set_is_kept():
    text = 'like = "official"\n' + LEAST + '[loss]\ntarget = "exact"\n[optim]\nclip_norm = 1.0\n'
    chosen = recipe.parse(text, "x")
    assert (chosen.loss.target, chosen.optim.clip_norm) == ("exact", 1)
    assert chosen.optim.schedule == "official"


@pytest.mark.parametrize("chosen", [OFFICIAL, Recipe(like="official", data=Data(path="x"))])
def test_what_is_written_reads_as_the_same_recipe(chosen):
    text = recipe.write(chosen)
    assert text.startswith('like = "official"\n\n[')
    assert recipe.parse(text, "x") == chosen


def test_a_recipe_is_made_official_once_and_never_turned_around():
    text = recipe.with_like(LEAST, "official", "x")
    assert recipe.parse(text, "x") == OFFICIAL
    assert recipe.with_like(text, "official", "x") == text
    with pytest.raises(ValueError, match=r'^x: has like = "default"; change it there'):
        recipe.with_like('like = "default"\n' + LEAST, "official", "x")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('like = "offical"\n' + LEAST, "like: Input should be 'default' or 'official'"),
        ('like = "official"\ndata = 3\n', "data: Input should be"),
        ('like = "official"\n[optim]\nepoch = 3\n' + LEAST, "did you mean 'epochs'"),
        ('like = "official"\n', "data.path: missing; add it"),
    ],
)
def test_a_mistake_in_an_official_recipe_is_still_one_line(text, complaint):
    with pytest.raises(ValueError, match=r"^x: ") as error:
        recipe.parse(text, "x")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_every_recipe_of_the_paper_is_official():
    folder = Path(__file__).parents[2] / "recipes"
    of_the_paper = [
        recipe.read(path)
        for path in folder.glob("*.toml")
        if path.stem.startswith(("kinetics", "ucf", "hmdb", "charades"))
    ]
    assert len(of_the_paper) == 7
    for chosen in of_the_paper:
        assert chosen.conventions is conventions.OFFICIAL
        assert chosen.data.augmentation.startswith("official")
        assert chosen.optim.clip_norm is None
        assert chosen.prompts.templates == "paper"


def test_a_model_is_tested_at_the_scale_of_100_whatever_it_learned(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    assert not math.isclose(float(model.logit_scale.detach().exp()), 100)
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand(2, 4, 3, 16, 16, generator=generator)
    labels = nn.functional.normalize(torch.randn(3, 5, 32, generator=generator), dim=-1)
    objective = Contrastive(model, "official", test_scale=OFFICIAL.conventions.logit_scale)
    with torch.inference_mode():
        scores = objective.scores(clips, labels, exclusive=True)
        cosines = model.embed_clips(clips) @ labels.transpose(1, 2)
    torch.testing.assert_close(scores, (100 * cosines).softmax(dim=-1).mean(dim=0))


def test_an_official_run_never_shortens_a_gradient_and_leaves_its_recipe(
    write_recipe, tmp_path, monkeypatch
):
    lengths = []
    real = torch.nn.utils.clip_grad_norm_

    def clip(parameters, max_norm, **options):
        parameters = list(parameters)
        before = [p.grad.clone() for p in parameters if p.grad is not None]
        length = real(parameters, max_norm, **options)
        after = [p.grad for p in parameters if p.grad is not None]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        lengths.append(float(length))
        return length

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    text = 'like = "official"\n' + write_recipe(
        optim={"epochs": 1}, data={"augmentation": "official"}
    )
    fit.fit(text, tmp_path / "run", device="cpu")
    assert recipe.read(tmp_path / "run" / "recipe.toml").like == "official"
    assert len(lengths) == 3
    assert min(lengths) > 0


def test_a_run_is_not_gone_on_with_by_other_conventions(write_recipe, tmp_path):
    text = write_recipe(optim={"epochs": 1})
    fit.fit(text, tmp_path / "run", device="cpu")
    fit.fit(text, tmp_path / "run", device="cpu", resume=True)
    with pytest.raises(ValueError, match="has like = 'default', not 'official'"):
        fit.fit('like = "official"\n' + text, tmp_path / "run", device="cpu", resume=True)
