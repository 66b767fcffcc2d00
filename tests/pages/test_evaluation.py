import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import report, wording
from actionclip.evaluation.report import Report, Setting
from actionclip.evaluation.scoring import ScoredClips
from actionclip.pages import evaluation as page

ROOT = Path("/data")
SETTING = Setting(
    "zero-shot", "people", "test", "lite", "ab" * 32, ("{}",), 1, 1, 0, {"cpu": "x"}, "actionclip"
)


def invent(num_labels: int, *, first: str = "label 0", multi_label: bool = False) -> Report:
    generator = torch.Generator().manual_seed(0)
    labels = (first, *(f"label {number}" for number in range(1, num_labels)))
    examples = []
    for place in range(3 * num_labels):
        own = (labels[place % num_labels],) if not multi_label else labels[: place % 3]
        examples.append(Example(ROOT / f"{place}.mp4", own, "test", f"a.csv:{place}"))
    scores = torch.randn(len(examples), num_labels, generator=generator)
    annotations = Annotations(tuple(examples), labels)
    return report.make(
        ScoredClips(annotations, scores if multi_label else scores.softmax(1)), SETTING, ROOT
    )


class Reader(HTMLParser):
    """Notes every address, and that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "hr"):
            self.open.append(tag)
        assert tag not in ("script", "link", "iframe")

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("num_labels", [2, 4, 35, 120])
def test_a_page_is_whole_and_loads_nothing(num_labels):
    made = invent(num_labels)
    strips = {one.index: ["data:image/jpeg;base64,AAAA"] * 8 for one in made.worst}
    text = page.render(made, strips)
    reader = Reader(text)
    assert reader.open == []
    assert len(reader.addresses) == 8 * len(made.worst)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert not re.search(r"url\(|@import|nan\b", text)
    assert made.split_hash in text


def test_several_labels_a_clip_have_no_confusion_and_no_calibration():
    text = page.render(invent(6, multi_label=True))
    assert Reader(text).open == []
    assert "mean average precision" in text
    assert "<svg" not in text


def test_labels_are_text_and_not_html():
    text = page.render(invent(6, first="<script>alert(1)</script>"))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_every_number_of_the_matrix_is_a_share_of_its_row():
    made = invent(6)
    matrix = page.confusion_matrix(made)
    for row in range(6):
        cells = [cell for cell in matrix.cells if cell.row == row]
        assert sum(cell.num_clips for cell in cells) == 3
        assert sum(cell.share for cell in cells) == pytest.approx(1)


def test_of_many_labels_the_matrix_shows_those_that_are_confused_most():
    made = invent(120)
    matrix = page.confusion_matrix(made)
    label, other, num_clips = made.confused[0]
    assert len(matrix.labels) == page.MAX_MATRIX
    cell = next(
        cell
        for cell in matrix.cells
        if (matrix.labels[cell.row], matrix.labels[cell.column]) == (label, other)
    )
    assert cell.num_clips == num_clips
    assert cell.share == pytest.approx(num_clips / 3)


def test_of_many_labels_the_bars_show_both_ends():
    results = invent(120).label_results
    bars = page.bars(results)
    values = [one.estimate.value for one in bars]
    assert len(bars) == page.MAX_BARS
    assert values == sorted(values)
    everything = [one.estimate.value for one in results]
    assert (values[0], values[-1]) == (min(everything), max(everything))


def test_draws_are_shown_with_their_spread():
    made = invent(4).model_copy(update={"draws": ({"top1": 0.5}, {"top1": 0.7})})
    assert "60.0 ± 14.1 %" in page.render(made)


def test_clips_that_chose_the_model_are_named_beside_the_mean_of_draws_and_the_labels():
    draws = ({"top1": 0.5}, {"top1": 0.7})
    made = invent(4).model_copy(update={"draws": draws, "selection": "selected on test"})
    text = page.render(made)
    assert "60.0 ± 14.1 % (selected on test)" in text
    assert "The clips chose something of the model: selected on test." in text
    assert "| 60.0 % (selected on test) | 14.1 % |" in wording.to_markdown(made)
