import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from actionclip import Recognizer
from actionclip.evaluation.mteb_adapter import MtebModel
from actionclip.model.actionclip import ActionCLIP
from actionclip.video.decoder import Decoder

COLOURS = ["red", "green", "blue"]
TASK = SimpleNamespace(name="Colours")


@pytest.fixture(scope="module")
def mteb() -> Any:
    reason = "needs mteb: pip install 'actionclip[mteb]'"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return pytest.importorskip("mteb", reason=reason)


@pytest.fixture
def recognizer(colour_model: ActionCLIP) -> Iterator[Recognizer]:
    with Decoder() as decoder:
        yield Recognizer(colour_model, [decoder])


@pytest.fixture
def model(recognizer: Recognizer) -> MtebModel:
    return MtebModel(recognizer, "tests/colours")


@pytest.fixture
def videos(colours: Path) -> list[Path]:
    return sorted((colours / "test").glob("*/*.mp4"))


class Columns(Dataset):
    """A data set as far as a model looks at it, if there is no video."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]


def in_loader(videos: list[str | bytes]) -> DataLoader:
    """Videos as mteb hands them to models."""
    import datasets

    dataset = datasets.Dataset.from_dict({"video": videos, "label": [0] * len(videos)})
    return DataLoader(dataset.cast_column("video", datasets.Video()), batch_size=2)


def test_without_mteb_it_says_what_to_install(recognizer, monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb.models.model_meta", None)
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'actionclip\[mteb\]'"):
        _ = MtebModel(recognizer, "tests/colours").mteb_model_meta


def test_mteb_takes_it_for_an_encoder(mteb, model):
    from mteb.models import EncoderProtocol
    from mteb.models.model_meta import ModelMeta

    assert isinstance(model, EncoderProtocol)
    ModelMeta.model_validate(model.mteb_model_meta.model_dump())
    assert model.mteb_model_meta.embed_dim == 8


@pytest.mark.filterwarnings("ignore:.* ill-defined")  # scikit-learn, of labels nobody predicted
def test_a_task_of_mteb_gives_the_answers_of_the_recognizer(
    mteb, model, recognizer, videos, tmp_path
):
    result = mteb.evaluate(
        model, colour_task(videos), cache=None, co2_tracker=False, prediction_folder=tmp_path
    )
    [written] = tmp_path.glob("*.json")
    similarities = json.loads(written.read_text())["default"]["test"]
    answers = [recognizer.recognize(video, COLOURS, ["a video of {}"])[0].label for video in videos]
    assert [COLOURS[np.argmax(row)] for row in similarities] == answers
    right = [answer == video.parent.name for answer, video in zip(answers, videos, strict=True)]
    assert result.task_results[0].get_score() == pytest.approx(np.mean(right))


@pytest.mark.parametrize(
    "name",
    [
        "MockVideoClusteringTask",
        "MockVideoPairClassification",
        "MockVideoRetrievalT2V",
        "MockVideoRetrievalV2T",
    ],
)
def test_the_kinds_of_task_that_mteb_tries_models_on_run(mteb, model, name):
    from mteb.mocks import MOCK_MVEB_TASK_GRID

    [task] = [task for task in MOCK_MVEB_TASK_GRID if task.metadata.name == name]
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False)
    assert 0 <= result.task_results[0].get_score() <= 1


def test_its_results_are_kept_apart_from_those_of_other_weights(mteb, recognizer):
    one = MtebModel(recognizer, "tests/colours").mteb_model_meta
    again = MtebModel(recognizer, "tests/colours").mteb_model_meta
    with torch.no_grad():
        recognizer.model.logit_scale += 1
    other = MtebModel(recognizer, "tests/colours").mteb_model_meta
    assert one.revision == again.revision != other.revision


@pytest.mark.parametrize("hold", [str, Path.read_bytes], ids=["paths", "bytes"])
def test_videos_are_embedded_as_the_recognizer_does(mteb, model, recognizer, videos, hold):
    embeddings = model.encode(in_loader([hold(video) for video in videos]), task_metadata=TASK)
    expected = [recognizer.embed_frames(recognizer.read_frames(video)) for video in videos]
    np.testing.assert_allclose(embeddings, torch.stack(expected), atol=1e-6)


def test_texts_are_embedded_as_they_come_and_in_their_order(model, recognizer):
    texts = ["a video of climbing a rope", "red", "red"]
    inputs = DataLoader(Columns(text=texts, title=["", "", ""]))
    embeddings = model.encode(inputs, task_metadata=TASK)
    expected = recognizer.embed_labels(texts[:2], ["{}"])[0]
    np.testing.assert_allclose(embeddings, expected[[0, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"audio": ["a"]}, "Colours: rows of audio; the model embeds one text or one video"),
        ({"text": ["a"], "image": ["b"]}, "Colours: rows of text and image"),
        ({"label": [1]}, "Colours: rows of neither text nor video"),
    ],
)
def test_other_modalities_are_refused(model, columns, said):
    with pytest.raises(ValueError, match=said):
        model.encode(DataLoader(Columns(**columns)), task_metadata=TASK)


def test_a_damaged_video_is_named_by_task_and_place(mteb, model, videos):
    loader = in_loader([videos[0].read_bytes(), b"no video"])
    with pytest.raises(ValueError, match="Colours: video 1 of 2: "):
        model.encode(loader, task_metadata=TASK)


def test_similarities_are_cosines_of_arrays_and_of_tensors(model):
    one, two = np.array([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]])
    half = 2**-0.5
    torch.testing.assert_close(model.similarity(one, two), torch.tensor([[half, 0.0], [half, 1.0]]))
    torch.testing.assert_close(model.similarity_pairwise(one, two), torch.tensor([half, 1.0]))


def colour_task(videos: list[Path]) -> Any:
    """A task as mteb's own HMDB51ZeroShot is one, of files that lie here."""
    from datasets import ClassLabel, Dataset, DatasetDict, Video
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.abstasks.zeroshot_classification import AbsTaskZeroShotClassification

    class ColourZeroShot(AbsTaskZeroShotClassification):
        metadata = TaskMetadata(
            name="ColourZeroShot",
            description="Which colour a video has.",
            reference=None,
            dataset={"path": "none/none", "revision": "none"},
            type="VideoZeroshotClassification",
            category="v2t",
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="accuracy",
            date=None,
            domains=None,
            task_subtypes=None,
            license=None,
            annotations_creators=None,
            dialect=None,
            modalities=["video", "text"],
            sample_creation=None,
            bibtex_citation=None,
        )
        input_column_name = "video"

        def load_data(self, **_: object) -> None:
            labels = [video.parent.name for video in videos]
            test = Dataset.from_dict({"video": [*map(str, videos)], "label": labels})
            test = test.cast_column("label", ClassLabel(names=COLOURS))
            self.dataset = DatasetDict({"test": test.cast_column("video", Video())})
            self.data_loaded = True

        def get_candidate_labels(self) -> list[str]:
            return [f"a video of {colour}" for colour in COLOURS]

    return ColourZeroShot()
