from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionclip.text import labels, prompts


def test_the_paper_has_sixteen_templates_of_every_kind():
    assert len(prompts.PAPER) == len(set(prompts.PAPER)) == 16
    kinds = Counter(prompts.kind(template) for template in prompts.PAPER)
    assert kinds == {"prefix": 11, "suffix": 3, "cloze": 1, "bare": 1}


def test_every_named_template_has_one_hole():
    for templates in prompts.SETS.values():
        for template in templates:
            assert template.count("{}") == 1


def test_prompts_come_template_by_template():
    assert prompts.fill(["a video of {}", "{}, an action"], ["BrushHair", "golf"]) == [
        "a video of brush hair",
        "a video of golf",
        "brush hair, an action",
        "golf, an action",
    ]


@pytest.mark.parametrize("template", ["a video", "", "{} and {}", "{label}"])
def test_a_template_without_exactly_one_hole_is_refused(template: str):
    with pytest.raises(ValueError, match=r"write one \{\} where the label goes"):
        prompts.fill([template], ["golf"])


@given(st.text(min_size=1).filter(lambda label: " " in labels.normalize(label)))
def test_braces_and_backslashes_in_a_label_do_no_harm(label: str):
    assert prompts.fill(["<{}>"], [label]) == [f"<{labels.normalize(label)}>"]


def test_a_template_file_without_a_hole_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "templates.txt"
    path.write_text("a video of {}\na video\n")
    with pytest.raises(ValueError, match=r"templates\.txt: template 'a video' has 0 holes"):
        prompts.read(path)


def test_an_empty_template_file_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "templates.txt"
    path.write_text("# none yet\n")
    with pytest.raises(ValueError, match=r"templates\.txt: there is no template"):
        prompts.read(path)
