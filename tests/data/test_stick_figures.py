import csv
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from actionclip.data import reading, stick_figures
from actionclip.data.stick_figures import dataset, figure, film, motions
from actionclip.data.stick_figures.dataset import Clip


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "annotations.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stick figures"
    stick_figures.make(folder, clips_per_action=3, num_workers=2)
    return folder


def test_every_action_has_a_folder_in_every_split_and_a_row_for_every_video(small_set: Path):
    annotations = rows(small_set)
    assert {row["label"] for row in annotations} == set(motions.ACTIONS)
    for row in annotations:
        split, name, _ = Path(row["path"]).parts
        assert (split, name.replace("_", " ")) == (row["split"], row["label"])
    on_disk = {str(path.relative_to(small_set)) for path in small_set.rglob("*.mp4")}
    assert {row["path"] for row in annotations} == on_disk
    assert len(on_disk) == 16 * 3


def test_a_video_decodes_to_the_frames_that_were_drawn(small_set: Path):
    with av.open(str(small_set / "train" / "kicking" / "000.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == film.FRAMES_PER_SECOND
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    drawn = Clip(("kicking",), 0).frames(seed=0)
    assert len(decoded) == len(drawn) == film.NUM_FRAMES
    assert np.abs(np.stack(decoded).astype(int) - drawn).mean() < 6


def test_a_clip_is_the_same_to_the_byte_whatever_is_made_with_it_and_by_how_many(
    small_set: Path, tmp_path: Path
):
    clips = [Clip((label,), index) for label in ("punching", "getting up") for index in (2, 0, 30)]
    for _ in dataset.write_clips(clips, seed=0, folder=tmp_path, num_workers=1):
        pass
    again, before = contents(tmp_path), contents(small_set)
    assert len(again) == 6
    in_both = again.keys() & before.keys()
    assert len(in_both) == 4
    assert all(again[path] == before[path] for path in in_both)


def test_another_seed_gives_other_people():
    clip = Clip(("standing still",), 0)
    assert not np.array_equal(clip.frames(seed=0), clip.frames(seed=1))


@pytest.mark.parametrize(("backwards", "forwards"), motions.REVERSED.items())
def test_an_action_and_its_reversal_hold_the_same_frames_in_opposite_order(
    backwards: str, forwards: str
):
    for index in range(2):
        clip, twin = Clip((forwards,), index), Clip((backwards,), index)
        np.testing.assert_array_equal(clip.frames(seed=0), twin.frames(seed=0)[::-1])
        assert clip.group == twin.group
        assert clip.split == twin.split


def test_clips_of_one_group_lie_in_one_split_and_share_nothing_but_the_direction_of_time():
    groups = defaultdict(list)
    for clip in dataset.plan(20, multi_label=False) + dataset.plan(20, multi_label=True):
        groups[clip.group].append(clip)
    for clips in groups.values():
        assert len({clip.split for clip in clips}) == 1
        played = {tuple(motions.REVERSED.get(label, label) for label in c.labels) for c in clips}
        assert len(played) == 1


def test_several_labels_are_one_for_the_legs_and_one_for_the_arms(tmp_path: Path):
    clips = dataset.plan(3, multi_label=True)
    dataset.write_annotations(clips, tmp_path / "annotations.csv")
    annotations = rows(tmp_path)
    assert len({row["path"] for row in annotations}) == 3 * 5 * 4
    assert {row["split"] for row in annotations} == {"train", "test", "val"}
    for row in annotations:
        legs, arms = row["label"].split("|")
        assert legs in motions.LEG_ACTIONS
        assert arms in motions.ARM_ACTIONS
        assert Path(row["path"]).parent == Path("videos")


def test_somebody_who_does_two_things_is_drawn_too():
    clip = Clip(("walking to the right", "waving one hand"), 0)
    twin = Clip(("walking to the left", "waving one hand"), 0)
    np.testing.assert_array_equal(clip.frames(seed=0), twin.frames(seed=0)[::-1])


def test_arms_come_from_one_action_and_legs_from_the_other():
    rng = np.random.default_rng(0)
    squatting, clapping = motions.start("squatting", rng), motions.start("clapping", rng)
    both = motions.with_arms_of(squatting, clapping)(0.4)
    for limb, source in ((motions.THIGHS, squatting), (motions.FOREARMS, clapping)):
        np.testing.assert_array_equal(both.angles[limb], source(0.4).angles[limb])


@pytest.mark.parametrize("action", sorted(set(motions.ACTIONS) - set(motions.REVERSED)))
def test_limbs_keep_their_length_and_nobody_sinks_into_the_floor(action: str):
    rng = np.random.default_rng(3)
    person = figure.grow(rng)
    motion = motions.with_bearing(motions.start(action, rng), rng)
    for moment in np.linspace(0, 1, 9):
        joints = figure.stand(person, motion(float(moment)))
        for start, end, length in (
            (joints.hips, joints.knees, person.thigh),
            (joints.knees, joints.ankles, person.shin),
            (joints.shoulders, joints.elbows, person.upper_arm),
            (joints.elbows, joints.hands, person.forearm),
        ):
            np.testing.assert_allclose(np.linalg.norm(end - start, axis=1), length)
        assert joints.points()[:-6, 1].min() > 0  # all but the ends of the head
        assert joints.head[0, 1] > 0.99 * person.head


def test_the_walker_moves_to_the_left():
    walk = motions.start("walking to the left", np.random.default_rng(0))
    travel = [walk(moment).travel for moment in (0.0, 0.5, 1.0)]
    assert travel[0] > travel[1] == 0 > travel[2]


def test_who_sits_ends_on_the_chair():
    person = figure.grow(np.random.default_rng(0))
    seat = figure.chair(person, turn=0.0)[0]
    hips = figure.stand(person, motions.SEATED).hips
    assert seat[:, 2].min() < hips[:, 2].mean() < seat[:, 2].max()
    assert 0 < hips[:, 1].mean() - seat[:, 1].mean() < 0.08


def test_the_figure_stays_in_the_picture():
    for action in ("walking to the left", "falling down", "jumping jacks"):
        rng = np.random.default_rng(0)
        person, motion = figure.grow(rng), motions.start(action, rng)
        joints = [figure.stand(person, motion(moment)) for moment in (0.0, 0.25, 0.5, 0.75, 1.0)]
        seen = np.concatenate([each.points() for each in joints])
        pixels = np.array(film.aim(rng, seen).see(seen)) / figure.FINENESS - figure.MARGIN
        assert pixels.min() > 0
        assert (pixels < (figure.WIDTH, figure.HEIGHT)).all()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        stick_figures.make(tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_impossible_numbers_are_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(ValueError, match="3 or more"):
        stick_figures.make(tmp_path / "set", clips_per_action=2)
    with pytest.raises(ValueError, match="0 or more"):
        stick_figures.make(tmp_path / "set", seed=-1)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_interrupted_set_leaves_nothing_behind(tmp_path: Path):
    program = (
        "import signal; from pathlib import Path; from actionclip.data import stick_figures\n"
        "if __name__ == '__main__':\n"
        # a shell starts what it runs in the background deaf to interrupts
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"    stick_figures.make(Path({str(tmp_path / 'set')!r}), clips_per_action=4000,"
        " on_clip=lambda done, total: print(done, flush=True))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all processes
        _, errors = process.communicate(timeout=60)  # the whole set would take minutes
    assert process.returncode != 0
    assert errors.count(b"Traceback") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]


def test_what_was_made_is_read_as_its_table_says(tmp_path: Path):
    folder = tmp_path / "two at a time"
    stick_figures.make(folder, clips_per_action=3, num_workers=2, multi_label=True)
    found = reading.read(folder)
    assert set(found.labels) <= set(motions.ACTIONS)
    assert {len(example.labels) for example in found.examples} == {2}
    assert not found.split_drawn
