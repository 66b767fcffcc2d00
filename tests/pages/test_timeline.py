import doctest
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from actionclip.pages import timeline as page
from actionclip.timeline.file import Timeline
from actionclip.timeline.moments import Moment
from actionclip.timeline.settings import Settings

HOSTILE = """</script><script>alert("1")</script> ' & {{ 7 * 7 }}"""


class Elements(HTMLParser):
    """Lists the elements of a page with their attributes, and all text that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.shown += data


def timeline(labels: list[str], num_slots: int = 20) -> Timeline:
    starts = np.arange(num_slots) / 2
    moments = [Moment(1.0, 3.0, labels[0], 0.8)] if num_slots else []
    scores = np.full((num_slots, len(labels)), 0.25)
    return Timeline(labels, Settings(), moments, np.stack([starts, starts + 0.5], 1), scores)


def render(labels: list[str], video: Path, num_slots: int = 20) -> str:
    return page.render(timeline(labels, num_slots), video, video.with_name("page.html"), "lite")


def video_of(text: str) -> dict[str, str | None]:
    [attributes] = [attributes for tag, attributes in Elements(text).found if tag == "video"]
    return attributes


def test_the_examples_hold():
    assert doctest.testmod(page).failed == 0


def test_a_label_of_any_kind_is_shown_as_it_is_and_does_nothing(moving_square):
    elements = Elements(render([HOSTILE, "other"], moving_square))
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert HOSTILE in elements.shown
    assert [a["title"] for t, a in elements.found if a.get("title")].count(HOSTILE) == 1


def test_a_small_video_lies_in_the_page(moving_square):
    [video] = [
        attributes
        for tag, attributes in Elements(render(["a"], moving_square)).found
        if tag == "video"
    ]
    assert video["src"].startswith("data:video/mp4;base64,")


def test_a_large_video_is_linked_from_where_the_page_lies(moving_square, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MAX_EMBEDDED_BYTES", 10)
    (tmp_path / "reports").mkdir()
    video = tmp_path / "50% of #1.mp4"
    video.write_bytes(moving_square.read_bytes())
    text = page.render(timeline(["a"]), video, tmp_path / "reports" / "page.html", "lite")
    assert video_of(text)["src"] == "../50%25%20of%20%231.mp4"


def test_nothing_is_loaded_from_elsewhere(moving_square):
    for tag, attributes in Elements(render(["a"], moving_square)).found:
        assert tag not in ("link", "iframe", "img")
        assert not (attributes.get("src") or "data:").startswith(("http", "//"))


def test_moments_are_placed_by_their_times(moving_square):
    buttons = [a for tag, a in Elements(render(["a", "b"], moving_square)).found if tag == "button"]
    assert {button["data-start"] for button in buttons} == {"1.0"}
    assert "left:10.000%;width:20.000%" in {button["style"] for button in buttons}


def test_of_very_many_labels_those_without_a_moment_are_only_named(moving_square):
    labels = [f"label {number}" for number in range(400)]
    text = render(labels, moving_square)
    assert text.count("<path") == 24
    assert "label 399" in text


def test_a_long_video_has_curves_of_bounded_size_that_keep_the_peaks(moving_square):
    found = timeline(["a"], num_slots=7200)
    found.scores[4321] = 0.99
    text = page.render(found, moving_square, moving_square.with_name("page.html"), "lite")
    assert len(text) < 120_000
    assert " 1.0 L" in text


@pytest.mark.parametrize("num_slots", [0, 1])
def test_a_video_with_almost_nothing_in_it_has_a_page(moving_square, num_slots):
    found = timeline(["a"], num_slots)
    empty = Timeline(found.labels, found.settings, [], found.slot_seconds, found.scores)
    text = page.render(empty, moving_square, moving_square.with_name("page.html"), "lite")
    assert "None of the labels fits" in text
