"""A service with an archive: its answers are those of the library, and it shows no path."""

import pytest

pytest.importorskip("lancedb", reason="needs archives: pip install 'actionclip[archive]'")

import shutil

from actionclip import Recognizer
from actionclip.archive.archive import Archive

WORDS = "moving left"


@pytest.fixture(scope="module")
def server(start, archive):
    return start(archive.recognizer, archive=archive)


@pytest.fixture
def videos(server) -> dict[str, str]:
    """Ids by name."""
    listed = server.client.get("/v1/videos").json()["videos"]
    return {each["name"]: each["id"] for each in listed if each["source"] == "archive"}


def search(server, **question):
    response = server.client.post("/v1/search", json=question)
    assert response.status_code == 200, response.text
    return response.json()


def values(hits):
    return [(hit["start_seconds"], hit["end_seconds"], hit["score"]) for hit in hits]


def expected_values(hits):
    return [(hit.start_seconds, hit.end_seconds, hit.score) for hit in hits]


def test_a_search_has_the_hits_of_the_library_digit_for_digit(server, archive, videos):
    for options in ({}, {"without": ["moving right"]}, {"threshold": 0.01}):
        answer = search(server, text=WORDS, **options)
        expected = archive.search(WORDS, **options)
        assert values(answer["hits"]) == expected_values(expected)
        assert [hit["name"] for hit in answer["hits"]] == [
            "two.mp4" if hit.video.name == "two.mp4" else "hall/one.mp4" for hit in expected
        ]
        assert {hit["video"] for hit in answer["hits"]} <= set(videos.values())
    assert search(server, text=WORDS)["hits"]


def test_pages_of_hits_follow_each_other(server):
    every = search(server, text=WORDS)["hits"]
    first = search(server, text=WORDS, limit=1)
    assert first["hits"] == every[:1]
    assert first["next_offset"] == 1
    rest = search(server, text=WORDS, offset=1)
    assert rest["hits"] == every[1:]
    assert "next_offset" not in rest


def test_examples_are_moments_indexed_videos_and_uploads(
    server, archive, folder, moving_square, videos
):
    [hit, *_] = archive.search(WORDS)
    shown = search(server, text=WORDS)["hits"][0]
    alike = search(server, like=[shown["example"]])["hits"]
    assert values(alike) == expected_values(archive.search(like=hit.example))
    own = folder / "two.mp4"
    both = search(server, text=WORDS, like=[videos["two.mp4"]], like_share=0.25)["hits"]
    expected = archive.search(WORDS, like=own, like_share=0.25)
    assert values(both) == expected_values(expected)
    response = server.client.post(
        "/v1/search",
        files={"video": ("example.mp4", moving_square.read_bytes())},
        data={"like": f'["{shown["example"]}"]', "limit": "5"},
    )
    expected = archive.search(like=[hit.example, moving_square], top=5)
    assert values(response.json()["hits"]) == expected_values(expected)
    assert server.uploads() == []


def test_indexed_videos_are_asked_shown_and_streamed(server, folder, videos):
    assert set(videos) == {"hall/one.mp4", "two.mp4"}
    video_id, path = videos["hall/one.mp4"], folder / "hall" / "one.mp4"
    question = {"video": video_id, "labels": [WORDS, "moving right"]}
    [result] = server.client.post("/v1/recognize", json=question).json()["results"]
    expected = server.service.recognizer.recognize(path, question["labels"])
    assert result["predictions"] == [vars(each) for each in expected]
    moments = server.client.post("/v1/timeline", json=question).json()["moments"]
    expected = server.service.recognizer.timeline(path, question["labels"])
    assert moments == [vars(moment) for moment in expected]
    address = f"/v1/videos/{video_id}"
    assert server.client.get(address).json()["num_frames"] == 60
    assert server.client.get(f"{address}/poster").content.startswith(b"\xff\xd8")
    part = server.client.get(f"{address}/stream", headers={"Range": "bytes=3-6"})
    assert (part.status_code, part.content) == (206, path.read_bytes()[3:7])
    assert server.client.delete(address).status_code == 403
    assert path.exists()


def test_the_archive_tells_what_is_in_it_and_what_is_not(server, folder):
    response = server.client.get("/v1/archive")
    facts = response.json()
    assert (facts["videos"], facts["failed"], facts["is_indexing"]) == (2, 1, False)
    assert facts["failures"][0]["name"] == "broken.mp4"
    for path in ("/v1/archive", "/v1/videos", "/v1/model"):
        assert str(folder) not in server.client.get(path).text
    assert server.client.get("/v1/model").json()["has_archive"]


def test_what_is_being_indexed_is_told(server, archive):
    with archive.tables.writing():
        assert server.client.get("/v1/archive").json()["is_indexing"]


@pytest.mark.parametrize(
    ("question", "status", "complaint"),
    [
        ({}, 422, "give an action in words, or an example"),
        ({"like": ["/etc/passwd"]}, 422, "is no example"),
        ({"like": ["archive:00@0-1"]}, 422, "is no example"),
        ({"like": ["../../etc/passwd@0-1"]}, 422, "is no example"),
        ({"like": ["nobody"]}, 404, "no video is called 'nobody'"),
        ({"like": ["ID@90-91"]}, 422, "no part of the video"),
        ({"text": WORDS, "top": 10**9}, 422, "top: is unknown"),
        ({"text": WORDS, "limit": 10**9}, 422, "limit"),
        ({"text": WORDS, "without": [WORDS]}, 422, "say the same"),
        ({"text": WORDS, "archive": "/"}, 422, "archive: is unknown"),
    ],
)
def test_a_wrong_search_is_a_problem_in_one_sentence(
    server, folder, videos, question, status, complaint
):
    if "like" in question:
        question = {"like": [question["like"][0].replace("ID", videos["two.mp4"])]}
    response = server.client.post("/v1/search", json=question)
    assert response.status_code == status, response.text
    assert complaint in response.json()["detail"]
    assert str(folder) not in response.text


def test_a_moment_of_an_upload_is_no_example(server, moving_square):
    video_id = server.upload(moving_square).json()["id"]
    response = server.client.post("/v1/search", json={"like": [f"{video_id}@0-1"]})
    assert response.status_code == 422
    assert "only moments of indexed videos" in response.json()["detail"]
    whole = search(server, like=[video_id])["hits"]
    assert whole
    server.client.delete(f"/v1/videos/{video_id}")


def test_a_file_that_is_gone_is_told(start, moving_square, tiny_clip, tmp_path):
    video = tmp_path / "gone.mp4"
    shutil.copy(moving_square, video)
    archive = Archive.open(tmp_path / "archive", Recognizer.load(tiny_clip, device="cpu"))
    archive.index([video])
    own = start(archive.recognizer, archive=archive)
    [listed] = own.client.get("/v1/videos").json()["videos"]
    video.unlink()
    for address in ("", "/stream", "/poster"):
        response = own.client.get(f"/v1/videos/{listed['id']}{address}")
        assert response.status_code == 404
        assert response.json()["detail"].startswith("gone.mp4: ")
    assert str(tmp_path) not in response.text


def test_without_an_archive_a_search_says_how_to_have_one(start):
    own = start()
    for response in (own.client.post("/v1/search", json={}), own.client.get("/v1/archive")):
        assert response.status_code == 404
        assert "serve --archive" in response.json()["detail"]
