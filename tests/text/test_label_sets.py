import pytest

from actionclip.text import label_sets, labels

SIZES = {
    "charades": 157,
    "hmdb51": 51,
    "kinetics400": 400,
    "kinetics600": 600,
    "something_v2": 174,
    "ucf101": 101,
}


def test_there_is_a_size_for_every_set():
    assert set(label_sets.NAMES) == set(SIZES)


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_set_has_all_labels_once_in_words(name, size):
    names = label_sets.load(name)
    assert len(names) == size
    assert len({label.casefold() for label in names}) == size
    assert all(labels.clean(label) == label for label in names)
    assert not any(mark in label for label in names for mark in "_/[]")


@pytest.mark.parametrize(
    ("name", "index", "label"),
    [
        ("charades", 92, "watching or looking outside of a window"),
        ("charades", 156, "someone is eating something"),
        ("hmdb51", 0, "brush hair"),
        ("kinetics400", 0, "abseiling"),
        ("kinetics400", 399, "zumba"),
        ("kinetics600", 599, "zumba"),
        ("something_v2", 173, "wiping something off of something"),
        ("ucf101", 0, "apply eye makeup"),
        ("ucf101", 35, "hammer throw"),  # classInd.txt does not sort by letters alone
        ("ucf101", 100, "yo yo"),
    ],
)
def test_the_order_is_that_of_the_benchmark(name, index, label):
    assert label_sets.load(name)[index] == label


def test_kinetics_is_in_alphabetical_order():
    for name in ("kinetics400", "kinetics600"):
        assert label_sets.load(name) == sorted(label_sets.load(name), key=str.lower)


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'imagenet'; there are charades, hmdb51"):
        label_sets.load("imagenet")
