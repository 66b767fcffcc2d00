import pytest
import torch

from actionclip.evaluation import prompt_lab

TEMPLATES = ["{}", "a video of {}", "{}, an action"]
TRUTH = torch.tensor([0, 1, 0, 1])
GROUPS = ["a", "b", "c", "d"]


def test_a_template_that_is_always_wrong_hurts_and_one_that_is_right_helps():
    right = torch.tensor([[0.9, 0.1], [0.1, 0.9]] * 20)
    unsure = torch.tensor([[0.45, 0.55]] * 40)  # says the second label
    scores = torch.stack([right, unsure, 1 - right], dim=1)
    truth, groups = torch.tensor([0, 1] * 20), [str(clip) for clip in range(40)]
    lab = prompt_lab.compare(scores, truth, groups, TEMPLATES)
    by_template = {finding.template: finding for finding in lab.findings}
    assert [finding.alone.value for finding in lab.findings] == [1, 0.5, 0]
    # All: .9+.45+.1 against .1+.55+.9: the second label for all clips, half of them right.
    assert lab.ensembles["all 3"].value == 0.5
    # Without the right one: wrong with .1+.45 against .9+.55 for clips of label 0, right for none.
    assert by_template["{}"].worth == pytest.approx(0.5 - 0.0)
    # Without the wrong one all are right.
    assert by_template["{}, an action"].worth == pytest.approx(0.5 - 1.0)
    assert by_template["{}, an action"].worth_high <= 0
    assert lab.ensembles["bare only (1)"].value == 1


def test_kinds_are_told_apart_and_the_best_is_named_as_chosen_here():
    scores = torch.rand(4, 3, 2).softmax(dim=-1)
    lab = prompt_lab.compare(scores, TRUTH, GROUPS, TEMPLATES)
    assert {finding.kind for finding in lab.findings} == {"bare", "prefix", "suffix"}
    assert "the best alone, chosen on these clips" in lab.ensembles
    assert (lab.num_clips, lab.num_labels) == (4, 2)


def test_a_single_template_is_nothing_to_compare():
    with pytest.raises(ValueError, match="two or more"):
        prompt_lab.compare(torch.rand(4, 1, 2), TRUTH, GROUPS, ["{}"])


def test_the_best_template_is_also_tested_on_clips_that_did_not_choose_it():
    # Forty templates that guess: the best of them on these clips looks better than it is.
    scores = torch.rand(60, 40, 2, generator=torch.Generator().manual_seed(0))
    truth = torch.arange(60) % 2
    templates = [f"a video {number} of {{}}" for number in range(40)]
    lab = prompt_lab.compare(scores, truth, [str(clip // 2) for clip in range(60)], templates)
    here = lab.ensembles["the best alone, chosen on these clips"]
    elsewhere = lab.ensembles["the best alone, chosen on other clips"]
    assert here.value >= 0.6
    assert elsewhere.value < here.value
    assert elsewhere.low < 0.5 < elsewhere.high
