import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actionclip.data import reading
from actionclip.data.stick_figures import pictures


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stick pictures"
    pictures.make(folder, num_pictures=40, num_workers=1)
    return folder


def test_every_picture_has_a_pose_and_four_captions_of_its_split(small_set: Path):
    poses = {row["path"]: row for row in rows(small_set / "annotations.csv")}
    captions = rows(small_set / "captions.csv")
    on_disk = {str(path.relative_to(small_set)) for path in small_set.rglob("*.png")}
    assert poses.keys() == on_disk
    assert len(on_disk) == 40
    for path, row in poses.items():
        of_picture = [caption for caption in captions if caption["path"] == path]
        assert len({caption["caption"] for caption in of_picture}) == 4
        assert {caption["split"] for caption in of_picture} == {row["split"]}
    assert {row["split"] for row in poses.values()} == {"train", "val", "test"}


def test_a_picture_on_disk_is_the_one_that_is_drawn(small_set: Path):
    drawn = pictures.draw(7, seed=0)
    on_disk = np.asarray(Image.open(small_set / "pictures" / "000007.png"))
    np.testing.assert_array_equal(on_disk, drawn.pixels)
    captions = rows(small_set / "captions.csv")[7 * 4 : 8 * 4]
    assert tuple(row["caption"] for row in captions) == drawn.captions


def test_a_set_is_the_same_to_the_byte_whatever_its_size_and_processes(
    small_set: Path, tmp_path: Path
):
    pictures.make(tmp_path / "some", num_pictures=10, num_workers=2)
    larger = contents(small_set)
    for path, content in contents(tmp_path / "some").items():
        assert larger[path].startswith(content)


def test_another_seed_draws_other_pictures():
    assert not np.array_equal(pictures.draw(0, seed=0).pixels, pictures.draw(0, seed=1).pixels)


def test_a_shirt_has_the_colour_that_its_caption_says():
    hues = {"red": 0, "yellow": 43, "green": 89, "blue": 153}
    seen = set()
    for index in range(60):
        picture = pictures.draw(index, seed=0)
        names = {name for name in hues if any(f"{name} shirt" in c for c in picture.captions)}
        if not names:
            continue
        (name,) = names
        hue, saturation, value = Image.fromarray(picture.pixels).convert("HSV").split()
        vivid = (np.asarray(saturation) > 180) & (np.asarray(value) > 190)
        distance = np.abs((np.asarray(hue).astype(int) - hues[name] + 128) % 256 - 128)
        assert (vivid & (distance < 12)).sum() > 200, (index, name)
        seen.add(name)
    assert seen == hues.keys()


def test_captions_tell_nothing_of_what_only_time_shows():
    said = " ".join(c for index in range(60) for c in pictures.draw(index, seed=0).captions)
    words = set(said.replace(",", " ").replace(";", " ").split())
    assert not words & {"walking", "falling", "getting", "turning", "clapping", "waving", "then"}
    assert " a orange" not in said


def test_each_label_is_drawn_and_one_clip_of_one_frame_for_the_project(small_set: Path):
    assert {pictures.draw(index, seed=0).label for index in range(120)} == set(pictures.LABELS)
    annotations = reading.read(small_set / "annotations.csv")
    assert len(annotations.examples) == 40
    captions = reading.read(small_set / "captions.csv")
    assert len(captions.examples) == 160


def test_too_few_pictures_and_a_folder_that_holds_something_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="needs 3 or more"):
        pictures.make(tmp_path / "new", num_pictures=2)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not an empty folder"):
        pictures.make(tmp_path)
    with pytest.raises(ValueError, match="needs 0 or more"):
        pictures.make(tmp_path / "new", seed=-1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
