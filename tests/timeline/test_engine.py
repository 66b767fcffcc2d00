import doctest
import itertools

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from actionclip.timeline import engine
from actionclip.timeline.engine import CutDetector, Engine, Window
from actionclip.timeline.moments import Began, Ended, Slot
from actionclip.timeline.settings import Settings

LABELS = ["red", "green", "blue"]
SLOW = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def plain(events: list) -> list:
    """Make events that can be compared."""
    return [
        (event.start_seconds, event.end_seconds, event.scores.tolist())
        if isinstance(event, Slot)
        else event
        for event in events
    ]


def moments(events: list) -> list[tuple[float, float, str]]:
    found = [event.moment for event in events if isinstance(event, Ended)]
    return [(moment.start_seconds, moment.end_seconds, moment.label) for moment in found]


def colours(*names_and_steps: tuple[str, int]) -> Tensor:
    """Make vision features, so many steps of each colour."""
    rows = {"red": [1, 0, 0], "green": [0, 1, 0], "blue": [0, 0, 1], "dark": [-1, -1, -1]}
    return torch.tensor(
        [rows[name] for name, num_steps in names_and_steps for _ in range(num_steps)],
        dtype=torch.float32,
    )


def noise(num_steps: int) -> Tensor:
    """Make vision features that wander from colour to colour."""
    generator = torch.Generator().manual_seed(num_steps)
    return torch.randn(num_steps, 3, generator=generator).cumsum(0) / 3


def run(model, score, features: Tensor, chosen: Settings, groups: list[int]) -> list:
    """Push the features in groups of these sizes, over and over."""
    finder = Engine(model, LABELS, score, chosen)
    events, step = [], 0
    sizes = itertools.cycle(groups)
    while step < len(features):
        size = next(sizes)
        events += finder.push(step, features[step : step + size])
        step += size
    return events + finder.finish()


@SLOW
@given(
    num_steps=st.integers(1, 70),
    groups=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    lengths=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=3),
    stride=st.sampled_from([None, 0.5]),
    smoothing=st.sampled_from([0.0, 1.0, 2.5]),
)
@pytest.mark.parametrize("head", ["mean", "lstm"])
def test_answers_do_not_depend_on_how_steps_are_handed_over(
    make_model, score, head, num_steps, groups, lengths, stride, smoothing
):
    chosen = Settings(
        window_seconds=tuple(lengths), stride_seconds=stride, smoothing_seconds=smoothing
    )
    model, features = make_model(head), noise(num_steps)
    at_once = run(model, score, features, chosen, [num_steps])
    in_groups = run(model, score, features, chosen, groups)
    assert plain(in_groups) == plain(at_once)


@SLOW
@given(num_steps=st.integers(1, 60), smoothing=st.sampled_from([0.0, 1.0, 3.0]))
def test_slots_follow_each_other_from_the_beginning_to_the_end(model, score, num_steps, smoothing):
    chosen = Settings(smoothing_seconds=smoothing)
    events = run(model, score, noise(num_steps), chosen, [7])
    slots = [event for event in events if isinstance(event, Slot)]
    assert slots[0].start_seconds == 0
    assert slots[-1].end_seconds == num_steps / 4
    for before, after in itertools.pairwise(slots):
        assert before.end_seconds == after.start_seconds


@SLOW
@given(num_steps=st.integers(1, 60))
def test_every_moment_that_began_ends_once(model, score, num_steps):
    events = run(model, score, 2 * noise(num_steps), Settings(min_seconds=0.0), [5])
    told = [event for event in events if not isinstance(event, Slot)]
    began = [(event.start_seconds, event.label) for event in told if isinstance(event, Began)]
    ended = [(start, label) for start, _, label in moments(told)]
    assert sorted(began) == sorted(ended)


def test_moments_are_where_the_colours_are(model, score):
    features = colours(("dark", 8), ("red", 12), ("dark", 12), ("blue", 16))
    events = run(model, score, features, Settings(), [3])
    assert moments(events) == [(2, 5, "red"), (8, 12, "blue")]


def test_without_cuts_boundaries_blur_by_less_than_a_window(model, score):
    features = colours(("dark", 8), ("red", 12), ("dark", 12))
    [(start, end, label)] = moments(run(model, score, features, Settings(cuts=False), [32]))
    assert label == "red"
    assert abs(start - 2) <= 1
    assert abs(end - 5) <= 1


@pytest.mark.parametrize("num_steps", [1, 2, 3, 5])
def test_a_video_shorter_than_a_window_gets_an_answer(model, score, num_steps):
    chosen = Settings(window_seconds=(4.0,), min_seconds=0.0)
    events = run(model, score, colours(("red", num_steps)), chosen, [1])
    assert moments(events) == [(0, num_steps / 4, "red")]


def test_a_gap_ends_what_is_open_and_no_window_reaches_over_it(model, score):
    finder = Engine(model, LABELS, score, Settings())
    events = finder.push(0, colours(("red", 8)))
    after_gap = finder.push(20, colours(("red", 8)))
    assert moments(events) == []
    assert moments(after_gap) == [(0, 2, "red")]
    assert moments(finder.finish()) == [(5, 7, "red")]
    both = Engine(model, LABELS, score, Settings())
    alone = both.push(20, colours(("red", 8))) + both.finish()
    slots = [event for event in alone if isinstance(event, Slot)]
    assert [slot.start_seconds for slot in slots] == [5 + slot / 4 for slot in range(8)]


def test_a_moment_goes_on_over_a_cut_but_windows_do_not(model, score):
    pale = torch.tensor([[1.0, 0.3, 0.3]]).expand(8, -1)
    features = torch.cat([colours(("red", 8)), -pale, colours(("red", 8))])
    slots = [
        slot.scores[0]
        for slot in run(model, score, features, Settings(), [24])
        if isinstance(slot, Slot)
    ]
    assert np.ptp(slots[:8]) == 0
    assert np.ptp(slots[8:16]) == 0
    assert slots[:8] == slots[16:]


def test_every_frame_is_projected_once_however_many_windows_see_it(model, score):
    chosen = Settings(window_seconds=(1.0, 2.0, 4.0))
    run(model, score, noise(50), chosen, [6])
    assert model.encoder.num_projected == 50


def test_memory_does_not_grow_with_the_video(model, score):
    chosen = Settings(cuts=False, smoothing_seconds=1.0, stride_seconds=0.5)
    finder = Engine(model, LABELS, score, chosen)
    for step in range(0, 400, 20):
        finder.push(step, noise(20))
    scene = finder._scene
    assert scene is not None
    assert len(scene._frames) == 8
    assert len(scene._scores) <= 4
    assert len(scene._means) <= 3


def test_slots_and_moments_come_as_soon_as_they_are_certain(model, score):
    chosen = Settings(window_seconds=(1.0,), stride_seconds=0.5)
    finder = Engine(model, LABELS, score, chosen)
    told = [[type(event) for event in finder.push(step, colours(("red", 1)))] for step in range(8)]
    # A slot of two steps is certain when the last window that covers it is complete.
    assert told[:3] == [[], [], []]
    assert told[3] == [Slot, Began]
    assert told[5] == [Slot]


def test_scores_are_the_mean_over_the_windows_that_cover_a_slot(model, score):
    features = noise(12)
    chosen = Settings(window_seconds=(1.0,), stride_seconds=0.5, cuts=False)
    events = run(model, score, features, chosen, [12])
    frames = model.project(features[None])[0]

    def window(first_step: int, end_step: int) -> np.ndarray:
        clip = frames[engine.clip_steps(first_step, end_step, model.config.num_frames)]
        return score(model.embed_frame_features(clip[None]))[0].double().numpy()

    slots = [event.scores for event in events if isinstance(event, Slot)]
    # Windows of two slots; at both ends one of a single slot.
    assert np.allclose(slots[0], (window(0, 2) + window(0, 4)) / 2, atol=1e-4)
    assert np.allclose(slots[2], (window(2, 6) + window(4, 8)) / 2, atol=1e-4)
    assert np.allclose(slots[-1], (window(8, 12) + window(10, 12)) / 2, atol=1e-4)


@pytest.mark.parametrize("prompt", ["shift", "joint"])
def test_a_tower_that_looks_at_several_frames_is_refused(make_model, score, prompt):
    model = make_model()
    object.__setattr__(model.config, prompt, True)
    with pytest.raises(ValueError, match=f"several frames at once \\(visual prompt '{prompt}'"):
        Engine(model, LABELS, score, Settings())


lengths_of_windows = st.lists(st.integers(1, 12), min_size=1, max_size=3)


def all_windows(num_slots: int, lengths: list[int]) -> list[Window]:
    """Let a scene grow and end."""
    growing = [
        window for n in range(num_slots) for window in engine.windows_ending_with(n + 1, lengths)
    ]
    return growing + engine.windows_at_the_end(num_slots, lengths)


@pytest.mark.parametrize(
    "function", [engine.windows_ending_with, engine.windows_at_the_end, engine.clip_steps]
)
def test_the_examples_hold(function):
    [examples] = doctest.DocTestFinder().find(function, globs=vars(engine).copy())
    assert doctest.DocTestRunner().run(examples).failed == 0


@given(num_slots=st.integers(1, 40), lengths=lengths_of_windows)
def test_every_slot_is_seen_by_every_length(num_slots, lengths):
    for length in lengths:
        found = all_windows(num_slots, [length])
        assert {slot for start, end in found for slot in range(start, end)} == set(range(num_slots))


@given(num_slots=st.integers(1, 40), length=st.integers(1, 12))
def test_no_window_is_seen_twice_or_is_longer_than_it_may_be(num_slots, length):
    found = all_windows(num_slots, [length])
    assert len(set(found)) == len(found)
    for start, end in found:
        assert 0 <= start < end <= num_slots
        assert min(num_slots, length / 2) <= end - start <= length


@given(num_slots=st.integers(1, 40), length=st.integers(1, 12))
def test_a_scene_backwards_has_the_same_windows_backwards(num_slots, length):
    found = set(all_windows(num_slots, [length]))
    assert {(num_slots - end, num_slots - start) for start, end in found} == found


@pytest.mark.parametrize("num_frames", [1, 3, 8])
def test_the_steps_of_a_clip_lie_in_its_window(num_frames):
    steps = engine.clip_steps(5, 8, num_frames)
    assert len(steps) == num_frames
    assert min(steps) >= 5
    assert max(steps) < 8


def cuts(*frames: list[float]) -> list[int]:
    detector = CutDetector()
    return [number for number, frame in enumerate(frames) if detector.is_cut(torch.tensor(frame))]


STILL, OTHER, BETWEEN = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.8, 0.0]


def test_another_picture_is_a_cut_and_the_first_is_none():
    assert cuts(STILL, STILL, OTHER, OTHER, STILL) == [2, 4]


def test_brightness_and_small_changes_are_none():
    assert cuts(STILL, [0.2, 0.0, 0.0], BETWEEN, STILL) == []


def test_what_never_rests_has_no_cuts_but_perhaps_the_first():
    restless = torch.eye(12) + 0.4 * torch.eye(12).roll(1, dims=1)
    assert len(cuts(*restless.tolist())) <= 1
