import torch

from actionclip.model.encoders import bodies


def a_person(num_frames: int) -> torch.Tensor:
    """Somebody who stands and swings an arm, in heights of the picture."""
    standing = torch.tensor(
        [
            *((0.5, -0.1), (0.56, -0.25), (0.44, -0.25), (0.58, -0.4), (0.42, -0.4)),
            *((0.59, -0.52), (0.41, -0.52), (0.54, -0.52), (0.46, -0.52)),
            *((0.54, -0.72), (0.46, -0.72), (0.54, -0.92), (0.46, -0.92)),
        ]
    )
    joints = torch.cat([standing, torch.full((13, 1), 0.9)], dim=1).repeat(num_frames, 1, 1)
    joints[:, 5, 1] += 0.3 * torch.sin(torch.arange(num_frames) / 2)
    return joints


def test_a_window_without_anybody_is_the_zero_vector() -> None:
    encoder = bodies.BodyEncoder().eval()
    torch.nn.init.normal_(encoder.project.bias)
    with torch.inference_mode():
        nobody, somebody = encoder(torch.stack([torch.zeros(36, 13, 3), a_person(36)]))
    assert nobody.eq(0).all()
    assert somebody.ne(0).any()


def test_place_and_size_of_the_person_make_no_difference() -> None:
    near = a_person(36)[None]
    far = near * torch.tensor([0.3, 0.3, 1]) + torch.tensor([0.4, -0.2, 0])
    torch.testing.assert_close(bodies.normalise(near), bodies.normalise(far), atol=1e-4, rtol=0)


def test_what_cannot_be_seen_of_a_body_hardly_counts() -> None:
    hidden = a_person(36)[None]
    hidden[..., 9:, 2] = 0.0
    elsewhere = hidden.clone()
    elsewhere[..., 11:, :2] = 5.0
    one, other = bodies.normalise(hidden), bodies.normalise(elsewhere)
    assert one[..., 18:26].eq(0).all()
    assert other[..., 22:26].eq(0).all()


def test_how_fast_somebody_moves_through_the_picture_is_kept() -> None:
    standing, walking = a_person(36)[None], a_person(36)[None]
    walking[..., 0] += torch.arange(36)[:, None] / 36
    difference = bodies.normalise(walking) - bodies.normalise(standing)
    assert difference[..., 39].abs().max() > 0.5  # the path


def test_windows_that_are_padded_differ_little_from_those_that_are_not() -> None:
    torch.manual_seed(0)
    encoder = bodies.BodyEncoder().eval()
    torch.nn.init.normal_(encoder.project.weight)
    short = a_person(20)[None]
    padded = torch.cat([short, torch.zeros(1, 16, 13, 3)], dim=1)
    with torch.inference_mode():
        similarity = torch.cosine_similarity(encoder(short), encoder(padded))
    assert similarity > 0.95


def test_joints_are_read_from_blazepose() -> None:
    landmarks = torch.rand(4, 33, 3)
    visibility = torch.ones(4, 33)
    landmarks[1], visibility[1] = torch.nan, 0.0
    joints = bodies.joints_from_blazepose(landmarks, visibility)
    ears = landmarks[0, 7:9, :2].mean(dim=0)
    torch.testing.assert_close(joints[0, 0], torch.stack([ears[0], -ears[1], torch.ones(())]))
    torch.testing.assert_close(joints[0, 12, 1], -landmarks[0, 28, 1])
    assert joints[1].eq(0).all()


def test_any_rate_of_frames_becomes_the_rate_of_the_encoder() -> None:
    fast = bodies.resample(a_person(90), torch.arange(90) / 30)
    slow = bodies.resample(a_person(30), torch.arange(30) / 10)
    assert len(fast) == 36
    assert len(slow) == 35
    torch.testing.assert_close(fast[:, 0], slow[:1, 0].expand(36, 3))


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    joints = a_person(48)
    joints[10:13] = 0.0
    joints[20:40] = 0.0
    joints = bodies.resample(joints, torch.arange(48) / 12)
    found = joints[..., 2].gt(0).any(dim=1)
    assert found[10:13].all()
    assert not found[24:36].any()


def test_nobody_anywhere_stays_nobody() -> None:
    assert bodies.resample(torch.zeros(12, 13, 3), torch.arange(12) / 12).eq(0).all()


def test_a_long_sequence_is_cut_into_windows_that_overlap() -> None:
    joints = a_person(100)
    joints[:, 0, 0] = torch.arange(100.0)
    cut = bodies.windows(joints)
    assert cut.shape[1] == 36
    assert cut[0, 0, 0, 0] == 0
    assert cut[1, 0, 0, 0] == 6
    assert cut[-1, -1, 0, 0] == 99
    assert bodies.windows(a_person(10)).shape[:2] == (1, 36)


def test_vectors_that_point_apart_are_as_sure_together_as_each() -> None:
    features = torch.stack([2 * torch.eye(384)[0], torch.eye(384)[1]])
    average = bodies.average(features)
    torch.testing.assert_close(average.norm(), torch.tensor(1.5))
    torch.testing.assert_close(average[0] / average[1], torch.tensor(2.0))
    assert not bodies.average(torch.zeros(5, 8, 384)).any()


def test_without_anybody_a_joined_clip_answers_as_its_things_alone() -> None:
    things, texts = unit(5, 384), unit(7, 384)
    clips = bodies.join_clips(things, torch.zeros(5, 384))
    labels = bodies.join_texts(texts, 1.5 * unit(7, 384))
    torch.testing.assert_close(
        bodies.JOINED_LENGTH * clips @ labels.T, things @ texts.T, atol=1e-6, rtol=0
    )


def test_both_streams_add_up_and_all_vectors_are_of_length_one() -> None:
    things, texts, seen, known = unit(5, 384), unit(7, 384), 2 * unit(5, 384), 0.5 * unit(7, 384)
    clips, labels = bodies.join_clips(things, seen), bodies.join_texts(texts, known)
    torch.testing.assert_close(clips.norm(dim=-1), torch.ones(5))
    torch.testing.assert_close(labels.norm(dim=-1), torch.ones(7))
    torch.testing.assert_close(
        bodies.JOINED_LENGTH * clips @ labels.T, things @ texts.T + seen @ known.T
    )


def test_labels_that_bodies_were_never_taught_have_no_half() -> None:
    model = bodies.Bodies(1)
    model.taught[0] = unit(1, 384)[0]
    far = torch.nn.functional.normalize(torch.randn(1, 384), dim=-1)
    sentences = torch.cat([model.taught, far])
    near_things = torch.tensor([0.2, 0.2])
    lengths = model.text_features(sentences, near_things).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.tensor([bodies.SHARE + bodies.SHARE_UNSEEN, 0.0]))
    known_to_things = model.text_features(model.taught, torch.ones(1)).norm()
    torch.testing.assert_close(known_to_things, torch.tensor(bodies.SHARE))


def test_the_weights_of_the_package_are_read() -> None:
    model = bodies.Bodies.from_package()
    features = model.window_features(a_person(60), torch.arange(60) / 12)
    assert features.shape == (5, 384)
    assert features.norm(dim=1).max() <= bodies.LONGEST + 1e-5
    assert features.ne(0).any(dim=1).all()


def test_a_window_can_be_anywhere_in_a_sequence() -> None:
    torch.manual_seed(0)
    model = bodies.Bodies.from_package()
    joints, seconds = a_person(100), 7 + torch.arange(100) / 12
    every = model.window_features(joints, seconds)
    some = model.features_at(joints, seconds, 7 + torch.tensor([0.0, 1.5, 2.0, 8.3]))
    torch.testing.assert_close(some, every[[0, 0, 1, -1]])
    assert model.features_at(joints[:9], seconds[:9], seconds[4:5]).shape == (1, 384)


def unit(number: int, width: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(number, width), dim=-1)
