import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionclip.core import scoring
from actionclip.evaluation import calibration, metrics


def _drawn(temperature: float, num_clips: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of one template, and labels drawn as likely as those say at that temperature."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(num_clips, 1, 5, generator=generator)
    scores = (logits[:, 0] / temperature).softmax(dim=-1)
    return logits, scores.multinomial(1, generator=generator)[:, 0]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature: float):
    assert calibration.fit_temperature(*_drawn(temperature)) == pytest.approx(temperature, rel=0.06)


def test_the_fitted_temperature_lowers_the_calibration_error():
    logits, labels = _drawn(2.5)
    errors = []
    for temperature in (1.0, calibration.fit_temperature(logits, labels)):
        scores = (logits[:, 0] / temperature).softmax(dim=-1)
        best, places = scores.max(dim=-1)
        errors.append(metrics.expected_calibration_error(best, places == labels))
    assert errors[0] > 0.15
    assert errors[1] < 0.03


def test_clips_that_are_all_wrong_make_it_as_unsure_as_can_be():
    logits = -50 * torch.eye(3)[:, None]
    fitted = calibration.fit_temperature(logits, torch.arange(3))
    assert fitted == max(calibration.TEMPERATURES)


def test_clips_that_are_all_right_make_it_surer_the_more_they_are():
    temperatures = []
    for num_clips in (3, 30, 300):
        labels = torch.arange(num_clips) % 3
        logits = 3 * torch.eye(3)[labels][:, None]
        temperatures.append(calibration.fit_temperature(logits, labels))
    assert temperatures == sorted(temperatures, reverse=True)
    assert min(calibration.TEMPERATURES) < temperatures[-1] < 1


@settings(max_examples=8, deadline=None)
@given(scale=st.floats(1e-6, 1e6), seed=st.integers(0, 1000))
def test_no_logits_break_the_fit(scale: float, seed: int):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(6, 2, 3, generator=generator)
    labels = torch.randint(3, (6,), generator=generator)
    temperature = calibration.fit_temperature(logits, labels)
    assert temperature in calibration.TEMPERATURES
    margin = calibration.fit_margin(logits, logits.mean(dim=-1), labels, temperature)
    assert margin in calibration.MARGINS


def test_the_margin_lies_between_what_fits_and_what_does_not():
    own, others, background = 6.0, 0.0, 1.0
    logits = torch.full((3, 2, 3), others)
    logits[range(3), :, range(3)] = own
    margin = calibration.fit_margin(logits, torch.full((3, 2), background), torch.arange(3), 0.5)
    assert others < background + margin < own
    with_own, _ = scoring.with_none(
        logits, torch.full((3, 2), background), temperature=0.5, margin=margin
    )
    assert (with_own.diagonal() > 0.9).all()
    _, none = scoring.with_none(
        torch.full((3, 2, 2), others),
        torch.full((3, 2), background),
        temperature=0.5,
        margin=margin,
    )
    assert (none > 0.9).all()


def test_a_threshold_is_the_lowest_score_that_is_right_often_enough():
    scores = torch.tensor([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    is_it = torch.tensor([1, 1, 1, 1, 0, 1, 0, 0])
    fit = calibration.fit_thresholds
    both = torch.stack([scores, 1 - scores], dim=1)
    assert fit(both, 1 - is_it, ["a", "b"], precision=0.95) == {"a": pytest.approx(0.7)}
    assert fit(both, 1 - is_it, ["a", "b"], precision=0.8) == {"a": pytest.approx(0.5)}


def test_labels_with_few_clips_or_never_right_have_no_threshold():
    few = torch.tensor([[0.9, 0.1]] * 4 + [[0.2, 0.8]] * 4)
    labels = torch.tensor([0] * 4 + [2] * 4)  # 2: none of both
    assert calibration.fit_thresholds(few, labels, ["few", "absent"]) == {}
    wrong = torch.tensor([[0.1]] * 5 + [[0.9]] * 5)
    labels = torch.tensor([0] * 5 + [1] * 5)
    assert calibration.fit_thresholds(wrong, labels, ["wrong"]) == {}
