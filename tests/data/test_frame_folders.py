import pytest

from actionclip.data import frame_folders
from actionclip.data.annotations import FrameFolder


@pytest.fixture
def folder(tmp_path):
    def folder(*names: str):
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return folder


@pytest.mark.parametrize(
    ("names", "described"),
    [
        (["img_00001.jpg", "img_00002.jpg"], FrameFolder("img_{:05d}.jpg", 1, 2)),
        (["frame0.png", "frame1.png"], FrameFolder("frame{:d}.png", 0, 2)),
        (["9.jpg", "10.jpg", "11.jpg"], FrameFolder("{:d}.jpg", 9, 3)),
        (["a{2}_007.JPG"], FrameFolder("a{{2}}_{:03d}.JPG", 7, 1)),
        (["img_00001.jpg", "flow_x_00001.jpg", "x_00001.jpg"], FrameFolder("img_{:05d}.jpg", 1, 1)),
    ],
)
def test_the_naming_is_seen_in_the_folder(folder, names, described):
    assert frame_folders.describe(folder(*names)) == described
    names = [name for name in names if "flow" not in name and not name.startswith("x_")]
    assert described.template.format(described.first) == min(names, key=lambda n: (len(n), n))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["notes.txt"], "no numbered pictures"),
        (["img_1.jpg", "img_3.jpg"], "frame 2 is missing"),
        (["img_1.jpg", "mask_1.png"], r"several kinds \(img_….jpg, mask_….png\)"),
    ],
)
def test_a_folder_that_is_no_video_is_refused(folder, names, message):
    with pytest.raises(ValueError, match=message):
        frame_folders.describe(folder(*names))
