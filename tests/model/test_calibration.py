import dataclasses
import json

import pytest

from actionclip.model import calibration
from actionclip.model.calibration import Calibration

FITTED = Calibration(
    temperature=1.25,
    margin=2.5,
    background=("sleeping", "shaving"),
    threshold=0.6,
    thresholds={"clapping": 0.9},
    fitted_on="the test clips",
)


def test_what_goes_through_json_comes_back():
    assert Calibration.from_json(json.loads(json.dumps(FITTED.to_json()))) == FITTED


def test_json_names_every_field():
    names = {field.name for field in dataclasses.fields(Calibration)}
    assert FITTED.to_json().keys() == names


def test_what_is_left_out_has_its_default():
    assert Calibration.from_json({}) == Calibration()
    assert Calibration.from_json({"temperature": 2}) == Calibration(temperature=2.0)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"temprature": 1}, r"there: unknown \['temprature'\]; known: .*'temperature'"),
        ({"temperature": "1"}, "there: temperature is '1'; write a number"),
        ({"temperature": True}, "there: temperature is True; write a number"),
        ({"temperature": 0}, "there: temperature: 0.0 is not above 0"),
        ({"temperature": float("nan")}, "there: temperature: nan is not above 0"),
        ({"margin": None}, "there: margin is None; write a number"),
        ({"margin": float("inf")}, "there: margin: inf is no number of logits"),
        ({"threshold": 1.5}, "there: threshold: the threshold 1.5 is no score; write 0 to 1"),
        ({"thresholds": {"jumping": -1}}, "there: jumping: the threshold -1.0 is no score"),
        ({"thresholds": {"jumping": "a"}}, r"there: thresholds\['jumping'\] is 'a'; write a num"),
        ({"thresholds": [0.5]}, r"there: thresholds is \[0.5\]; write an object"),
        ({"background": "sleeping"}, "there: background is 'sleeping'; write a list of texts"),
        ({"background": [1]}, "there: background is 1; write a text in quotes"),
        ({"background": []}, "there: background: there is no action in it"),
        ({"fitted_on": 5}, "there: fitted_on is 5; write a text in quotes"),
    ],
)
def test_a_wrong_field_is_refused_in_a_sentence(fields: dict, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        Calibration.from_json(fields, where="there")


def test_a_label_without_a_threshold_of_its_own_has_the_general_one():
    assert FITTED.threshold_of("clapping") == 0.9
    assert FITTED.threshold_of("jumping") == 0.6


def test_only_what_was_fitted_says_on_what():
    assert calibration.default("lite").temperature > 1
    assert calibration.default("lite").fitted_on
    for encoder in ("clip", "siglip"):
        assert calibration.default(encoder).temperature == 1
        assert not calibration.default(encoder).fitted_on


def test_the_background_names_no_action_twice():
    assert len(set(calibration.BACKGROUND)) == len(calibration.BACKGROUND)
