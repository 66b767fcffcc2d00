import pytest

from actionclip.data import paths


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
