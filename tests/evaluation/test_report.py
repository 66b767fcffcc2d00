import json
from pathlib import Path

import pytest
import torch

from actionclip.data.annotations import Annotations, Example
from actionclip.evaluation import metrics, report, wording
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.report import Report, Setting
from actionclip.evaluation.scoring import ScoredClips

LABELS = ("running", "walking", "waving", "jumping", "bending", "skipping")
ROOT = Path("/data")
SETTING = Setting(
    protocol="closed-set",
    data="people",
    split="test",
    model="lite",
    fingerprint="ab" * 32,
    templates=("a video of {}", "{} | outside"),
    num_windows=4,
    num_crops=3,
    seed=0,
    machine={"cpu": "a good one", "precision": "bf16"},
    command="actionclip evaluate --model lite",
)


def scored(truth: list[int], best: list[int], *, group: str | None = None) -> ScoredClips:
    """The best label of a clip scores 0.5, the others 0.1 each."""
    examples = (
        Example(ROOT / f"{place}.mp4", (LABELS[label],), "test", f"a.csv:{place}", group=group)
        for place, label in enumerate(truth)
    )
    scores = torch.full((len(truth), len(LABELS)), 0.1)
    scores[torch.arange(len(truth)), best] = 0.5
    return ScoredClips(Annotations(tuple(examples), LABELS), scores, {"a.csv:9": "damaged"})


def multi_label() -> ScoredClips:
    owned = (("running", "waving"), (), ("walking",), ("running",))
    examples = (
        Example(ROOT / f"{place}.mp4", own, "test", f"a.csv:{place}")
        for place, own in enumerate(owned)
    )
    scores = torch.tensor([[9.0, 1, 8], [1, 2, 3], [-5, -6, -7], [4, 3, 5]])
    return ScoredClips(Annotations(tuple(examples), LABELS[:3]), scores)


@pytest.fixture
def made() -> Report:
    return report.make(scored([0, 0, 1, 1, 2], [0, 1, 1, 1, 0]), SETTING, ROOT)


def test_numbers_by_hand(made):
    assert made.metrics["top1"].value == pytest.approx(3 / 5)
    assert made.metrics["mean_per_label"].value == pytest.approx((1 / 2 + 1 + 0) / 3)
    # 0.5 for each best label, 3 of 5 right, all in one bin.
    assert made.metrics["calibration_error"].value == pytest.approx(0.1)
    assert [(one.num_clips, one.score) for one in made.calibration] == [(5, 0.5)]
    assert made.calibration[0].accuracy == pytest.approx(0.6)
    assert made.confusion == ((0, 0, 1), (0, 1, 1), (1, 1, 2), (2, 0, 1))
    assert made.confused == [("running", "walking", 1), ("waving", "running", 1)]
    by_label = {one.label: one for one in made.label_results}
    assert by_label["walking"].estimate.value == 1
    assert by_label["walking"].num_clips == 2
    assert by_label["jumping"].estimate is None


def test_clips_tell_what_became_of_them(made):
    second = made.clips[1]
    assert (second.clip, second.labels, second.best) == ("1.mp4", ("running",), "walking")
    assert not second.is_right
    assert second.rank == 6  # its equals go first
    assert second.score == pytest.approx(0.1)
    assert made.clips[0].rank == 1


def test_the_worst_clips_are_wrong_ones_with_what_was_said_of_them(made):
    assert [one.index for one in made.worst] == [1, 4]
    label, score = made.worst[0].predictions[0]
    assert (label, score) == ("walking", pytest.approx(0.5))
    assert len(made.worst[0].predictions) == 5


def test_json_has_the_headlines_on_top_and_reads_as_the_same_report(made):
    text = made.to_json()
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(document)[:2] == ["top1", "top5"]
    assert document["top1"] == {"value": pytest.approx(0.6), **_ends(made.metrics["top1"])}
    assert report.from_json(text, "a.json") == made


def _ends(interval: Interval) -> dict[str, float]:
    return {"low": interval.low, "high": interval.high}


def test_multi_label_reports_have_map_and_read_as_the_same(made):
    found = report.make(multi_label(), SETTING, ROOT)
    # running comes 1st and 2nd: 1. walking comes last: 1/4. waving comes first: 1.
    assert found.metrics["map"].value == pytest.approx(2.25 / 3)
    assert found.is_multi_label
    assert not made.is_multi_label
    assert next(iter(json.loads(found.to_json()))) == "map"
    assert report.from_json(found.to_json(), "a.json") == found
    assert [clip.rank for clip in found.clips] == [2, None, 2, 2]
    assert [clip.is_right for clip in found.clips] == [True, False, False, False]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.pop("split_hash"), "split_hash: Field required"),
        (lambda d: d.update(surprise=1), "surprise: Extra inputs"),
        (lambda d: d["setting"].update(surprise=1), "setting.surprise"),
        (lambda d: d["setting"].update(seed="0"), "setting.seed: Input should be a valid integer"),
        (lambda d: d["metrics"]["top1"].pop("low"), "metrics.top1.low"),
    ],
)
def test_what_is_not_exactly_a_report_is_refused(made, change, complaint):
    document = json.loads(made.to_json())
    change(document)
    with pytest.raises(ValueError, match=rf"a\.json: not a report.*{complaint}"):
        report.from_json(json.dumps(document), "a.json")


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "{"])
def test_other_files_are_refused(text):
    with pytest.raises(ValueError, match=r"a\.json: not a report"):
        report.from_json(text, "a.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such report"):
        report.read(tmp_path / "a.json")


def test_the_hash_depends_on_clips_and_labels_and_not_on_their_order_or_scores():
    def digest(examples: list[Example]) -> str:
        annotations = Annotations(tuple(examples), LABELS)
        scores = torch.rand(len(examples), len(LABELS))
        return report.make(ScoredClips(annotations, scores), SETTING, ROOT).split_hash

    first, second, other = (
        Example(ROOT / name, (label,), "test", "a.csv:1")
        for name, label in [("1.mp4", "running"), ("2.mp4", "walking"), ("2.mp4", "waving")]
    )
    assert digest([first, second]) == digest([second, first])
    assert digest([first, second]) != digest([first, other])
    assert digest([first, second]) != digest([first])


def test_parts_of_a_video_are_told_apart_by_their_seconds():
    parts = [(1.5, 4.0), (None, 2.0), (3.0, None)]
    examples = tuple(
        Example(ROOT / "a/1.mp4", ("running",), "test", "a.csv:1", start, end)
        for start, end in parts
    )
    found = report.make(
        ScoredClips(Annotations(examples, LABELS), torch.rand(3, len(LABELS))), SETTING, ROOT
    )
    assert [clip.clip for clip in found.clips] == [
        "a/1.mp4 (1.5–4 s)",
        "a/1.mp4 (0–2 s)",
        "a/1.mp4 (3– s)",
    ]
    assert {clip.group for clip in found.clips} == {"a/1.mp4"}


def test_groups_make_intervals_wider():
    truth, best = [0, 1, 2, 3] * 5, [0, 1, 2, 0] * 5
    alone = report.make(scored(truth, best), SETTING, ROOT).metrics["top1"]
    together = report.make(scored(truth, best, group="one room"), SETTING, ROOT)
    assert together.metrics["top1"] == Interval(alone.value, None, None)
    document = json.loads(together.to_json())
    assert document["top1"] == {"value": 0.75, "low": None, "high": None}
    assert "recordings or videos; 1 in all" in wording.to_markdown(together)
    assert report.from_json(together.to_json(), "there") == together


def test_labels_seen_in_training_are_told_apart():
    seen = ["running", "waving", "something else"]
    found = report.make(scored([0, 0, 1, 2], [0, 1, 1, 0]), SETTING, ROOT, seen_labels=seen)
    assert found.seen_labels == ("running", "waving")
    assert found.metrics["top1_seen"].value == pytest.approx(1 / 3)
    assert found.metrics["top1_unseen"].value == 1
    assert found.metrics["harmonic_mean"].value == pytest.approx(2 / (3 + 1))


def test_with_five_labels_top5_is_1_by_definition_and_not_shown():
    clips = scored([0, 1], [0, 0])
    few = Annotations(clips.annotations.examples, LABELS[:5])
    found = report.make(ScoredClips(few, clips.scores[:, :5]), SETTING, ROOT)
    assert found.metrics["top5"] == Interval(1.0, 1.0, 1.0)
    assert "top5" not in found.telling_metrics
    assert json.loads(found.to_json())["top5"] == {"value": 1, "low": 1, "high": 1}


def test_draws_have_mean_and_spread(made):
    several = [scored([0, 1], best) for best in ([0, 1], [0, 0], [1, 1])]
    draws = [metrics.headline(one.scores, one.label_indices, exclusive=True) for one in several]
    assert draws[0]["top1"] == 1
    found = report.make(scored([0, 1], [0, 1]), SETTING, ROOT, draws=draws)
    assert found.spread["top1"] == (pytest.approx(2 / 3), pytest.approx(12**-0.5))
    assert made.spread == {}


def test_a_single_clip_has_an_honest_interval():
    found = report.make(scored([0], [0]), SETTING, ROOT)
    assert found.metrics["top1"].low < 0.25
    assert found.metrics["mean_per_label"].low is None


def test_nan_is_refused():
    clips = scored([0, 1], [0, 1])
    clips.scores[1, 2] = torch.nan
    with pytest.raises(ValueError, match=r"1\.mp4.*not a number"):
        report.make(clips, SETTING, ROOT)


def test_markdown_has_the_numbers_and_where_they_come_from(made):
    text = wording.to_markdown(made)
    assert "| top-1 accuracy | 60.0 % |" in text
    assert "| waving | running | 1 |" in text
    assert "| a.csv:9 | damaged |" in text
    assert made.split_hash in text
    assert "{} \\| outside" in text  # else a cell would end there
    assert "jumping" not in text  # no clips, nothing to say


def test_markdown_of_draws_tells_their_spread():
    draws = ({"top1": 0.5}, {"top1": 0.7})
    found = report.make(scored([0, 1], [0, 1]), SETTING, ROOT, draws=draws)
    assert "| top-1 accuracy | 60.0 % | 14.1 % |" in wording.to_markdown(found)
