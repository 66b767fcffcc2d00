import pytest

from actionclip.data import label_similarity
from actionclip.text import label_sets


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("riding a bike", "ride bikes"),
        ("push-up", "pushups"),
        ("clapping", "clap"),
        ("applying makeup", "aplying makeup"),
        ("squatting", "sqautting"),
        ("putting on a shoe", "putting on shoes"),
    ],
)
def test_the_same_action_written_twice_is_found(one, other):
    assert label_similarity.nearly_same(["walking", one, "singing", other]) == [(one, other)]


@pytest.mark.parametrize(
    "different",
    [
        ("pulling something from left to right", "pulling something from right to left"),
        ("waving one hand", "waving both hands"),
        ("putting something onto something", "putting something into something"),
        ("clapping", "slapping"),
    ],
)
def test_different_actions_are_left_alone(different):
    assert label_similarity.nearly_same(different) == []


@pytest.mark.parametrize("name", label_sets.NAMES)
def test_no_benchmark_repeats_itself(name):
    assert label_similarity.nearly_same(label_sets.load(name)) == []
