import dataclasses
import json

import pytest

from actionclip import validation
from actionclip.model import config
from actionclip.model.config import Calibration, ModelConfig, Task
from actionclip.model.encoders import ENCODERS

CONFIG = ModelConfig(
    encoder="clip",
    encoder_config={"pixel_mean": [0.1, 0.2, 0.3]},
    temporal_head="transformer",
    num_frames=16,
    shift=True,
)
FITTED = Calibration(
    temperature=1.25,
    margin=2.5,
    background=("sleeping", "shaving"),
    threshold=0.6,
    thresholds={"clapping": 0.9},
    fitted_on="the test clips",
)
TRAINED = Task(("running", "jumping"), ("a video of {}",), "dense", "sports")


@pytest.mark.parametrize("section", [CONFIG, FITTED, TRAINED])
def test_what_goes_through_json_comes_back(section):
    document = json.loads(json.dumps(dataclasses.asdict(section)))
    assert validation.read(type(section), document, "there") == section


def test_what_is_left_out_has_its_default():
    assert validation.read(ModelConfig, {"encoder": "lite"}, "") == ModelConfig("lite")
    assert validation.read(Task, {}, "") == Task()
    assert validation.read(Calibration, {}, "") == Calibration()
    assert validation.read(Calibration, {"temperature": 2}, "").temperature == 2.0


@pytest.mark.parametrize(
    ("section", "fields", "complaint"),
    [
        (ModelConfig, {}, "there: encoder: missing"),
        (
            ModelConfig,
            {"encoder": "lite", "num_frame": 8},
            r"there: num_frame: unknown; did you mean 'num_frames'\? known: .*'num_frames'",
        ),
        (ModelConfig, {"encoder": "lite", "num_frames": "8"}, "num_frames: .* integer, not '8'"),
        (ModelConfig, {"encoder": "lite", "shift": 1}, "shift: .* boolean, not 1"),
        (
            ModelConfig,
            {"encoder": "lite", "temporal_head": "max"},
            "unknown 'max'; known: .*'mean'",
        ),
        (ModelConfig, {"encoder": "lite", "num_frames": 0}, "num_frames: 0 is too few"),
        (
            ModelConfig,
            {"encoder": "lite", "temporal_head": "transformer", "num_frames": 78},
            "78 is too many; the temporal head 'transformer' has positions for 77",
        ),
        (Task, {"label": []}, "there: label: unknown; .*known: .*'labels'"),
        (Task, {"labels": "running"}, "there: labels: .* array, not 'running'"),
        (Task, {"labels": ["a", "a"]}, "there: labels: one of them is listed twice"),
        (Task, {"templates": ["a video"]}, "there: templates: 'a video' needs exactly one {}"),
        (Task, {"sampling": "random"}, "there: sampling: unknown 'random'; known: "),
        (Task, {"like": "else"}, "there: like: .* 'default' or 'official', not 'else'"),
        (Task, [], r"there: .* object, not \[\]"),
        (Calibration, {"temprature": 1}, "there: temprature: unknown; .*known: .*'temperature'"),
        (Calibration, {"temperature": "1"}, "there: temperature: .* number, not '1'"),
        (Calibration, {"temperature": True}, "there: temperature: .* number, not True"),
        (Calibration, {"temperature": 0}, "there: temperature: 0.0 is not above 0"),
        (Calibration, {"temperature": float("nan")}, "there: temperature: nan is not above 0"),
        (Calibration, {"margin": None}, "there: margin: .* number, not None"),
        (Calibration, {"margin": float("inf")}, "there: margin: inf is no number of logits"),
        (Calibration, {"threshold": 1.5}, "threshold: the threshold 1.5 is no score; write 0 to"),
        (Calibration, {"thresholds": {"jumping": -1}}, "jumping: the threshold -1.0 is no score"),
        (Calibration, {"thresholds": {"jumping": "a"}}, r"thresholds\.jumping: .* number, not 'a'"),
        (Calibration, {"thresholds": [0.5]}, r"there: thresholds: .* object, not \[0.5\]"),
        (Calibration, {"background": "sleeping"}, "there: background: .* array, not 'sleeping'"),
        (Calibration, {"background": [1]}, r"there: background\.0: .* string, not 1"),
        (Calibration, {"background": []}, "there: background: holds no action"),
        (Calibration, {"fitted_on": 5}, "there: fitted_on: .* string, not 5"),
    ],
)
def test_a_wrong_field_is_refused_in_one_line(section, fields, complaint: str):
    with pytest.raises(ValueError, match=complaint) as error:
        validation.read(section, fields, "there")
    assert "\n" not in str(error.value)


def test_a_new_head_gets_as_many_positions_as_it_needs():
    lite = ModelConfig(encoder="lite")
    assert lite.prompted("transformer", 100, None, None).num_positions == 100
    assert lite.prompted("transformer_cls", 16, None, None).num_positions == 16


def test_a_head_that_stays_refuses_more_frames_than_it_has_positions_for():
    with pytest.raises(ValueError, match="100 is too many"):
        CONFIG.prompted(None, 100, None, None)


def test_joint_refuses_another_number_of_frames():
    joint = dataclasses.replace(CONFIG, joint=True)
    with pytest.raises(ValueError, match="'joint' was trained with 16, not with 8"):
        joint.prompted(None, 8, None, None)
    assert joint.prompted(None, 8, None, False).num_frames == 8


def test_a_label_without_a_threshold_of_its_own_has_the_general_one():
    assert FITTED.threshold_of("clapping") == 0.9
    assert FITTED.threshold_of("jumping") == 0.6


def test_only_what_was_fitted_says_on_what():
    assert ENCODERS["lite"].calibration.temperature > 1
    assert ENCODERS["lite"].calibration.fitted_on
    for encoder in ("clip", "siglip"):
        assert ENCODERS[encoder].calibration.temperature == 1
        assert not ENCODERS[encoder].calibration.fitted_on


def test_the_background_names_no_action_twice():
    assert len(set(config.BACKGROUND)) == len(config.BACKGROUND)
