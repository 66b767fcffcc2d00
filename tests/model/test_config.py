import dataclasses
import json

import pytest

from actionclip.model.config import ModelConfig

CONFIG = ModelConfig(
    encoder="clip",
    encoder_config={"pixel_mean": [0.1, 0.2, 0.3]},
    temporal_head="transformer",
    num_frames=16,
    shift=True,
)


def test_a_config_comes_back_from_its_json():
    assert ModelConfig.from_json(json.loads(json.dumps(CONFIG.to_json()))) == CONFIG


def test_unknown_fields_are_named_beside_the_known_ones():
    with pytest.raises(ValueError, match=r"there: unknown \['num_frame'\]; known: .*'num_frames'"):
        ModelConfig.from_json({"encoder": "lite", "num_frame": 8}, where="there")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "'encoder' is missing"),
        ({"encoder": "lite", "num_frames": "8"}, "num_frames is '8'; write a value of type int"),
        ({"encoder": "lite", "shift": 1}, "shift is 1; write a value of type bool"),
        ({"encoder": "lite", "temporal_head": "max"}, "unknown 'max'; known: .*'mean'"),
        ({"encoder": "lite", "num_frames": 0}, "num_frames: 0 is too few"),
        (
            {"encoder": "lite", "temporal_head": "transformer", "num_frames": 78},
            "78 is too many; the temporal head 'transformer' has positions for 77",
        ),
    ],
)
def test_a_wrong_field_is_refused_in_a_sentence(fields: dict, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        ModelConfig.from_json(fields)


def test_a_new_head_gets_as_many_positions_as_it_needs():
    lite = ModelConfig(encoder="lite")
    assert lite.prompted("transformer", 100, None, None).num_positions == 100
    assert lite.prompted("transformer_cls", 16, None, None).num_positions == 16


def test_a_kept_head_refuses_more_frames_than_it_has_positions_for():
    with pytest.raises(ValueError, match="100 is too many"):
        CONFIG.prompted(None, 100, None, None)


def test_joint_refuses_another_number_of_frames():
    joint = dataclasses.replace(CONFIG, joint=True)
    with pytest.raises(ValueError, match="'joint' was trained with 16, and 8 are asked for"):
        joint.prompted(None, 8, None, None)
    assert joint.prompted(None, 8, None, False).num_frames == 8
