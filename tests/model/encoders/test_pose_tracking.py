import numpy as np
import pytest

tracking = pytest.importorskip(
    "actionclip.model.encoders.pose_tracking", reason="the extra 'lite' is not installed"
)
from actionclip.model.encoders import blazepose  # noqa: E402

HEIGHT, WIDTH = 90, 160


class Scene:
    """People where functions put them; a frame's first pixel is its number."""

    def __init__(
        self, *people, seen_by_detector=lambda number, view: True, visibility=1.0, presence=1.0
    ):
        self.people = people
        self.seen_by_detector = seen_by_detector
        self.visibility = visibility
        self.presence = presence

    def frames(self, number):
        frames = np.zeros((number, HEIGHT, WIDTH, 3), np.uint8)
        frames[:, 0, 0, 0] = range(number)
        return frames

    def regions(self, frame):
        number = int(frame[0, 0, 0])
        places = [place for person in self.people if (place := person(number)) is not None]
        return np.array(places, np.float32).reshape(-1, 4)

    def detect(self, frame, view):
        regions = self.regions(frame)
        if not self.seen_by_detector(int(frame[0, 0, 0]), view):
            regions = regions[:0]
        return regions, np.ones(len(regions), np.float32)

    def read(self, frames, regions):
        poses = [self._read(*each) for each in zip(frames, regions, strict=True)]
        return blazepose.Poses(*map(np.stack, zip(*poses, strict=True)))

    def _read(self, frame, region):
        near = [p for p in self.regions(frame) if np.hypot(*(p[:2] - region[:2])) < p[2] / 2]
        near.sort(key=lambda p: np.hypot(*(p[:2] - region[:2])))
        person = near[0] if near else region
        points = np.tile(np.append(person[:2], 0), (33, 1))
        return (
            points,
            np.full(33, self.visibility),
            points,
            np.float32(self.presence * (len(near) > 0)),
            person,
        )


@pytest.fixture
def follow(monkeypatch):
    def run(scene, number=20, max_people=1):
        monkeypatch.setattr(blazepose, "detect", scene.detect)
        monkeypatch.setattr(blazepose, "read", scene.read)
        return tracking.landmarks(scene.frames(number), np.arange(number) / 10, max_people)

    return run


def test_a_person_is_followed_though_seen_by_the_detector_only_once(follow):
    scene = Scene(
        lambda number: (40 + number, 50, 60, 0), seen_by_detector=lambda number, view: number == 9
    )
    found = follow(scene)
    assert (found.presence == 1).all()
    np.testing.assert_allclose(found.points[:, 0, 0, 0], (40 + np.arange(20)) / HEIGHT, rtol=1e-5)


def test_people_who_pass_each_other_keep_their_places(follow):
    scene = Scene(
        lambda number: (20 + 6 * number, 30, 50, 0), lambda number: (140 - 6 * number, 70, 40, 0)
    )
    found = follow(scene, max_people=2)
    np.testing.assert_allclose(found.points[:, 0, 0, 1], 30 / HEIGHT, rtol=1e-5)
    np.testing.assert_allclose(found.points[:, 1, 0, 1], 70 / HEIGHT, rtol=1e-5)


def test_the_larger_person_comes_first(follow):
    scene = Scene(lambda number: (40, 45, 20, 0), lambda number: (120, 45, 60, 0))
    assert follow(scene, max_people=3).points[0, 0, 0, 0] == pytest.approx(120 / HEIGHT)


def test_who_is_lost_for_a_moment_stays_the_same_person(follow):
    hidden = Scene(lambda number: None if 8 <= number < 12 else (40, 45, 50, 0))
    found = follow(hidden, max_people=2)
    assert (found.presence[:, 0] == 1).sum() == 16
    assert not found.presence[:, 1].any()


@pytest.mark.parametrize(
    "seen", [lambda view: view[3] > 1, lambda view: view[3] < -1, lambda view: view[2] > WIDTH]
)
def test_a_person_is_found_who_lies_or_is_cut_off(follow, seen):
    scene = Scene(lambda number: (80, 45, 60, 0), seen_by_detector=lambda number, view: seen(view))
    assert (follow(scene).presence == 1).all()


def test_a_thing_without_a_visible_torso_is_no_person(follow):
    assert not follow(Scene(lambda number: (80, 45, 60, 0), visibility=0.2)).presence.any()


def test_a_thing_that_is_never_clearly_a_person_is_none(follow):
    assert not follow(Scene(lambda number: (80, 45, 60, 0), presence=0.8)).presence.any()


def test_how_surely_a_track_is_a_person_has_no_jump():
    def sureness(presence):
        track = tracking.Track(np.zeros(4))
        scene = Scene(lambda number: (80, 45, 60, 0), presence=presence)
        for number, frame in enumerate(scene.frames(3)):
            track.poses[number / 10] = scene.read([frame], np.array([[80, 45, 60, 0]], np.float32))
        return track.sureness()

    values = np.array([sureness(presence) for presence in np.linspace(0.5, 1.0, 101)])
    assert values[0] == 0
    assert values[-1] == 1
    assert 0 <= np.diff(values).min() <= np.diff(values).max() < 0.05


def test_a_thing_that_looks_like_a_person_for_a_moment_is_none(follow):
    scene = Scene(lambda number: (80, 45, 60, 0) if number < 2 else None)
    assert not follow(scene).presence.any()


def test_a_clip_read_frame_by_frame_finds_the_same(monkeypatch):
    scene = Scene(lambda number: (40 + number, 50, 60, 0))
    monkeypatch.setattr(blazepose, "detect", scene.detect)
    monkeypatch.setattr(blazepose, "read", scene.read)
    tracker = tracking.PoseTracker()
    for number, frame in enumerate(scene.frames(20)):
        tracker.update(frame, number / 10)
    (track,) = tracker.tracks
    assert list(track.poses) == [number / 10 for number in range(20)]


def test_nobody_leaves_zeros(follow):
    found = follow(Scene(), number=3)
    assert found.points.shape == (3, 1, 33, 3)
    assert not found.points.any()
    assert not found.presence.any()
