import pytest

from actionclip.cameras import settings
from actionclip.cameras.settings import Camera

FILE = """
[door]
address = "rtsp://192.168.1.20/stream"
labels = ["delivering a parcel", "falling down"]
threshold = 0.6

["back yard"]
address = "udp://0.0.0.0:1234"
"""


def test_a_file_of_cameras_gives_each_its_name_labels_and_threshold(tmp_path):
    path = tmp_path / "cameras.toml"
    path.write_text(FILE)
    assert settings.read(path) == {
        "door": Camera("rtsp://192.168.1.20/stream", ("delivering a parcel", "falling down"), 0.6),
        "back yard": Camera("udp://0.0.0.0:1234"),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"cameras\.toml: no camera; add a table: \[door\]"),
        ("[door", r"cameras\.toml: not TOML"),
        ('address = "-"', r"address: no camera; give each a table of its own: \[address\]"),
        ("[door]", "door: address: missing"),
        ('[door]\nadress = "-"', "door: .*adress: unknown; did you mean 'address'"),
        ("[door]\naddress = 0", "door: address: .*valid string, not 0"),
        ('[door]\naddress = "ftp://host"', "ftp://: such addresses are not opened"),
        ('[door]\naddress = "nowhere.mp4"', "nowhere.mp4: no such file"),
        ('[door]\naddress = "-"\nlabels = []', "door: labels: there is no label"),
        ('[door]\naddress = "-"\nthreshold = 7.0', r"door: threshold: 7\.0 is no score"),
        ('["a/b"]\naddress = "-"', "'a/b' is no name"),
    ],
)
def test_a_mistake_in_the_file_names_the_camera_and_the_key(tmp_path, text, complaint):
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=complaint):
        settings.read(path)


def test_a_named_source_may_hold_equals_signs():
    name, camera = settings.parse("door=rtsp://host/stream?a=b")
    assert (name, camera.address) == ("door", "rtsp://host/stream?a=b")


@pytest.mark.parametrize("text", ["rtsp://host/stream", "=rtsp://host", "door=", "a/b=-"])
def test_a_source_without_a_name_or_an_address_is_refused(text):
    with pytest.raises(ValueError, match="is not NAME=ADDRESS"):
        settings.parse(text)


def test_the_name_of_an_address_holds_no_password():
    name, camera = settings.unnamed("rtsp://user:secret@host:554/stream?token=secret")
    assert name == "rtsp://host:554/stream"
    assert "secret" in camera.address


def test_two_sources_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'door': two sources have this name"):
        settings.merge([("door", Camera("-"))], [("door", Camera("0"))])
