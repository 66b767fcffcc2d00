import pytest

from actionclip.data import paths
from actionclip.data.annotations import FrameFolder


def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.mp4").touch()
    (tmp_path / "data" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    for written in ("../secret.mp4", str(tmp_path / "secret.mp4"), "link.mp4"):
        with pytest.raises(ValueError, match="leads out of the data folder"):
            paths.inside(tmp_path / "data", written)


def test_everything_lies_in_the_root_folder(tmp_path):
    root = type(tmp_path)(tmp_path.anchor)
    (tmp_path / "clip.mp4").touch()
    for written in (str(tmp_path / "clip.mp4"), str(tmp_path / "clip.mp4").removeprefix(str(root))):
        assert paths.inside(root, written) == tmp_path / "clip.mp4"


def test_a_folder_of_a_similar_name_is_another_folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "clip.mp4").touch()
    with pytest.raises(ValueError, match="leads out"):
        paths.inside(tmp_path / "data", "../data2/clip.mp4")


def test_a_relative_folder_is_that_of_the_moment(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / f"{name}.mp4").touch()
        monkeypatch.chdir(tmp_path / name)
        assert paths.inside(type(tmp_path)("data"), f"{name}.mp4").name == f"{name}.mp4"


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
    assert paths.describe_frames(folder(*names)) == described
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
        paths.describe_frames(folder(*names))
