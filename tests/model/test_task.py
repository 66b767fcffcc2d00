import json

import pytest

from actionclip.model.task import Task

TRAINED = Task(("running", "jumping"), ("a video of {}",), "dense", "sports")


def test_what_goes_through_json_comes_back():
    assert Task.from_json(json.loads(json.dumps(TRAINED.to_json()))) == TRAINED
    assert Task.from_json({}) == Task()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"label": []}, r"there: unknown \['label'\]; known: .*'labels'"),
        ({"labels": "running"}, "there: labels is 'running'; write a list of texts"),
        ({"labels": ["a", "a"]}, "there: labels: one of them is listed twice"),
        ({"templates": ["a video"]}, "there: templates: 'a video' needs exactly one {}"),
        ({"sampling": "random"}, "there: sampling: unknown 'random'; known: "),
        ([], r"there: is \[\]; write an object"),
    ],
)
def test_a_wrong_field_is_refused_in_a_sentence(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        Task.from_json(fields, where="there")
