"""Described actions, by a model that knows three colours and their names."""

import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actionclip import Action, Example, Recognizer
from actionclip.core.examples import ExampleEmbedder
from actionclip.core.reading import ClipReader
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Encoder, ExamplePart
from actionclip.video.decoder import Decoder

COLOURS = {"red": (180, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 180)}


class Colours(Encoder):
    """Embeds the mean colour of a frame; counts the frames."""

    width, image_size, short_side = 3, 16, 16
    example_parts = (ExamplePart(slice(None), 0.9, 0.3, 0.5),)

    def __init__(self) -> None:
        super().__init__()
        self.vision_tower = nn.Linear(1, 1)
        self.text_tower = nn.Identity()
        self.num_seen = 0

    def vision_features(self, clips: Tensor) -> Tensor:
        self.num_seen += clips.shape[0] * clips.shape[1]
        return clips.mean(dim=(-2, -1))

    def project(self, vision_features: Tensor) -> Tensor:
        return vision_features + 0.01

    def tokenize(self, texts: list[str]) -> Tensor:
        return torch.tensor([[colour in text for colour in COLOURS] for text in texts]).long()

    def text_features(self, token_ids: Tensor) -> Tensor:
        return token_ids + 0.05


@pytest.fixture
def recognizer(decoder) -> Recognizer:
    torch.manual_seed(0)
    model = ActionCLIP(ModelConfig("colours", num_frames=4), Colours())
    model.logit_scale.data.fill_(3.0)
    model.calibration = dataclasses.replace(model.calibration, margin=0.0, temperature=1.5)
    return Recognizer(model, [decoder])


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """A film of each colour, and one that is red for two seconds and then blue."""
    folder = tmp_path_factory.mktemp("films")
    scenes = {name: [name] for name in COLOURS} | {"both": ["red", "blue"]}
    for film, names in scenes.items():
        with av.open(str(folder / f"{film}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=8)
            stream.height = stream.width = 64
            stream.pix_fmt = "yuv420p"
            for name in names:
                for _ in range(16):
                    frame = np.full((64, 64, 3), COLOURS[name], np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return folder


def scores(recognizer: Recognizer, video: Path, labels: list) -> dict[str, float]:
    return {each.label: each.score for each in recognizer.recognize(video, labels)}


def test_an_action_without_more_is_scored_as_its_name(recognizer, films):
    for video in films.glob("*.mp4"):
        plain = scores(recognizer, video, ["red", "green"])
        assert scores(recognizer, video, [Action("red"), "green"]) == plain
        assert (
            scores(recognizer, video, [Action("x", words=("red",)), "green"])["x"] == plain["red"]
        )


def test_examples_teach_a_word_that_the_model_does_not_know(recognizer, films):
    taught = Action("glowing", examples=(Example(films / "green.mp4"),))
    green, both = films / "green.mp4", films / "both.mp4"
    plain = scores(recognizer, green, ["glowing", "green"])["glowing"]
    assert scores(recognizer, green, [taught, "green"])["glowing"] > plain
    plain = scores(recognizer, both, ["glowing", "green"])["glowing"]
    assert scores(recognizer, both, [taught, "green"])["glowing"] < plain
    alone = Action("glowing", words=(), examples=taught.examples)
    assert recognizer.recognize(films / "green.mp4", [alone, "blue"])[0].label == "glowing"
    assert recognizer.recognize(films / "blue.mp4", [alone, "blue"])[0].label == "blue"


def test_a_part_of_a_video_is_an_example(recognizer, films):
    late = Action("it", words=(), examples=(Example(films / "both.mp4", 2.5, 4.0),))
    whole = Action("it", words=(), examples=(Example(films / "both.mp4"),))
    assert recognizer.recognize(films / "blue.mp4", [late, "red"])[0].label == "it"
    blue = films / "blue.mp4"
    of_blue = [scores(recognizer, blue, [each, "red"])["it"] for each in (late, whole)]
    assert of_blue[0] > of_blue[1]


def test_what_an_action_is_not_lowers_its_own_score_only(recognizer, films):
    plain = scores(recognizer, films / "both.mp4", ["red", "green"])
    rival = scores(recognizer, films / "both.mp4", [Action("red", rivals=("blue",)), "green"])
    assert rival["red"] < plain["red"]
    pure = scores(recognizer, films / "red.mp4", [Action("red", rivals=("blue",)), "green"])
    assert pure["red"] == pytest.approx(
        scores(recognizer, films / "red.mp4", ["red", "green"])["red"], abs=0.01
    )
    alone = [
        recognizer.scorer(labels, beside_none=True, exclusive=False)(
            recognizer.embed(films / "both.mp4")[None]
        )[0]
        for labels in (["red", "green"], [Action("red", rivals=("blue",)), "green"])
    ]
    assert alone[1][0] < alone[0][0]
    assert alone[1][1] == alone[0][1]


def test_an_example_is_decoded_and_encoded_once(recognizer, films, tmp_path):
    copy = tmp_path / "another name.mp4"
    copy.write_bytes((films / "green.mp4").read_bytes())
    recognizer.scorer([Action("a", examples=(Example(films / "green.mp4"),))], beside_none=False)
    seen = recognizer.model.encoder.num_seen
    action = Action("b", words=("something else",), examples=(Example(copy),))
    recognizer.scorer([action, "red"], beside_none=True)
    Recognizer(recognizer.model).scorer([action], beside_none=True)
    assert recognizer.model.encoder.num_seen == seen


def test_an_action_has_a_threshold_of_its_own(recognizer, films):
    labels = [Action("red", threshold=1.0), "green", "blue"]
    found = recognizer.recognize(films / "red.mp4", labels, threshold="auto")
    assert "red" not in {each.label for each in found}
    assert recognizer.recognize(films / "red.mp4", labels, threshold=0.3)[0].label == "red"
    easy = [Action("red", threshold=0.05)]
    assert recognizer.timeline(films / "both.mp4", easy)[0].label == "red"
    assert not recognizer.timeline(films / "both.mp4", [Action("red", threshold=1.0)])


def test_an_example_that_cannot_be_read_is_named_with_its_action(recognizer, tmp_path, films):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"action 'jumping': example .*broken\.mp4: "):
        recognizer.recognize(films / "red.mp4", [Action("jumping", examples=(Example(broken),))])
    gone = Action("jumping", examples=(Example(tmp_path / "gone.mp4"),))
    with pytest.raises(FileNotFoundError, match=r"action 'jumping': .*gone\.mp4"):
        recognizer.recognize(films / "red.mp4", [gone])


def test_an_example_is_embedded_as_a_video_is(recognizer, films):
    action = Action("it", words=[], examples=[Example(films / "both.mp4")])
    reader = ClipReader(recognizer.model, [Decoder()])
    [row] = ExampleEmbedder(recognizer.model, reader).embed(action)
    reader.close()
    assert torch.equal(row, recognizer.embed(films / "both.mp4"))
