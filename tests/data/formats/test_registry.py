"""A format that is written outside of the package."""

import dataclasses

import pytest

from actionclip.data import formats, reading
from actionclip.data.formats import Content, Format, Row


def parse(line: str) -> list[Row]:
    """Parse a line such as `a.mp4: run @0.5-1.5`."""
    video, _, action = line.partition(": ")
    label, _, times = action.partition(" @")
    start, _, end = times.partition("-")
    return [Row(video, [label], start=start, end=end)]


NOTES = Format(
    name="notes",
    title="notes",
    suffixes=(".notes", ".txt"),
    detects=lambda file: " @" in file.text,
    read=lambda file, _: Content(file.lines, parse),
)


@pytest.fixture
def register():
    before = dict(formats.FORMATS)
    yield formats.register
    formats.FORMATS.clear()
    formats.FORMATS.update(before)


@pytest.mark.parametrize("name", ["mine.notes", "mine.txt"])
def test_a_registered_format_is_detected_and_read_alone_and_in_a_folder(
    tmp_path, place_videos, write, register, name
):
    register(NOTES)
    place_videos("clips/a.mp4", "clips/b.mp4")
    path = write(name, "clips/a.mp4: run @0.5-1.5\nclips/b.mp4: jump @\n")
    data = reading.read(path)
    assert [(e.video.name, e.labels, e.start_seconds, e.end_seconds) for e in data.examples] == [
        ("a.mp4", ("run",), 0.5, 1.5),
        ("b.mp4", ("jump",), None, None),
    ]
    assert data.layout == f"read as notes {path}"
    assert reading.read(tmp_path).examples == data.examples


def test_mistakes_in_a_registered_format_are_reported_with_file_and_line(
    place_videos, write, register
):
    register(NOTES)
    place_videos("a.mp4")
    path = write("mine.notes", "a.mp4: run @soon-\nb.mp4: run @\n../c.mp4: run @\na.mp4:  @\n")
    with pytest.raises(ValueError, match="is not a time") as mistake:
        reading.read(path)
    lines = str(mistake.value).splitlines()
    assert [line.partition(f"{path}:")[2].partition(":")[0] for line in lines] == list("1234")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suffixes": ()}, "are no extensions"),
        ({"suffixes": ("txt",)}, "are no extensions"),
        ({"detects": None}, "None is no function"),
        ({"read": "read"}, "'read' is no function"),
        ({"name": "table"}, "there is one of this name"),
        ({"name": "folder"}, "there is one of this name"),
    ],
)
def test_a_format_that_lacks_a_part_is_refused_when_it_is_registered(register, change, message):
    broken = dataclasses.replace(NOTES)
    for part, value in change.items():
        object.__setattr__(broken, part, value)  # the type checks of these tests are not at work
    with pytest.raises(ValueError, match=message):
        register(broken)
    assert formats.FORMATS.get("notes") is None


def test_a_format_without_a_reader_cannot_be_made():
    with pytest.raises(TypeError, match="read"):
        Format("notes", "notes", (".txt",), NOTES.detects)


def test_a_structure_that_does_not_fit_is_a_mistake_with_its_source(place_videos, write):
    place_videos("a.mp4")
    path = write("fo.json", '{"classes": null, "labels": {"a": [{"name": "run"}]}}')
    with pytest.raises(ValueError, match=r"fo\.json:a: not written as in a FiftyOne export"):
        reading.read(path)
