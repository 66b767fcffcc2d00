import json
import threading
import time

import httpx2
import pytest

from actionclip import Example, Recognizer
from actionclip.server.settings import read_label_sets
from actionclip.text import actions
from actionclip.text.teaching import add_examples
from actionclip.timeline.settings import Settings

LABELS = ["moving left", "moving right"]


def recognized(recognizer, video, **options):
    answers = recognizer.recognize(video, LABELS, **options)
    return [{"label": answer.label, "score": answer.score} for answer in answers]


@pytest.fixture(scope="module")
def recognizer(tiny_clip):
    with Recognizer.load(tiny_clip, device="cpu") as recognizer:
        yield recognizer


def test_an_uploaded_clip_gets_the_answer_of_the_library_digit_for_digit(
    server, recognizer, moving_square
):
    response = server.client.post(
        "/v1/recognize",
        files={"video": ("my clip.mp4", moving_square.read_bytes())},
        data={"labels": LABELS},
    )
    assert response.status_code == 200
    expected = [{"video": "my clip.mp4", "predictions": recognized(recognizer, moving_square)}]
    assert response.json() == {"results": expected}
    assert server.uploads() == []


def test_labels_of_a_form_may_be_one_list_in_json(server, recognizer, moving_square):
    response = server.client.post(
        "/v1/recognize",
        files={"video": ("a.mp4", moving_square.read_bytes())},
        data={"labels": json.dumps(LABELS)},
    )
    [result] = response.json()["results"]
    assert result["predictions"] == recognized(recognizer, moving_square)


def test_a_stored_video_is_asked_several_questions(server, recognizer, moving_square, stored):
    for options in ({}, {"threshold": 0.0}, {"threshold": "auto"}, {"templates": ["a {}"]}):
        question = {"video": stored, "labels": LABELS, **options}
        response = server.client.post("/v1/recognize", json=question)
        assert response.status_code == 200, response.text
        [result] = response.json()["results"]
        assert result["predictions"] == recognized(recognizer, moving_square, **options)


def test_a_timeline_is_that_of_the_library(server, recognizer, moving_square, stored):
    response = server.client.post(
        "/v1/timeline",
        json={"video": stored, "labels": LABELS, "threshold": 0.01, "frames_per_second": 5},
    )
    moments = recognizer.timeline(
        moving_square, LABELS, threshold=0.01, settings=Settings(frames_per_second=5.0)
    )
    assert moments
    assert response.json() == {
        "video": "moving_square.mp4",
        "moments": [vars(moment) for moment in moments],
    }


def test_curves_come_on_request(server, recognizer, moving_square, stored):
    question = {"video": stored, "labels": LABELS, "curves": True}
    curves = server.client.post("/v1/timeline", json=question).json()["curves"]
    found = recognizer.find_moments(moving_square, LABELS)
    assert curves["labels"] == LABELS
    assert curves["scores"] == found.scores.T.tolist()
    assert curves["seconds"] == [*found.slot_seconds[:, 0], found.duration_seconds]


def test_a_job_is_followed_to_its_end(server, stored):
    question = {"video": stored, "labels": LABELS}
    headers = {"Prefer": "respond-async"}
    accepted = server.client.post("/v1/timeline", json=question, headers=headers)
    assert accepted.status_code == 202
    address = accepted.headers["location"]
    assert address == f"/v1/jobs/{accepted.json()['id']}"
    with server.client.stream("GET", f"{address}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in events.iter_lines() if line]
    assert lines[-2] == "event: end"
    end = json.loads(lines[-1].removeprefix("data: "))
    assert end["state"] == "done"
    assert end == server.client.get(address).json()
    assert end["result"]["video"] == "moving_square.mp4"
    assert server.client.delete(address).status_code == 204
    assert server.client.get(address).status_code == 404


def test_a_question_that_takes_long_becomes_a_job(server, stored):
    response = server.client.post(
        "/v1/timeline", json={"video": stored, "labels": LABELS}, headers={"Prefer": "wait=0"}
    )
    assert response.status_code == 202
    job = httpx2.Response(200)
    for _ in range(100):
        job = server.client.get(response.headers["location"])
        if job.json()["state"] == "done":
            break
        time.sleep(0.1)
    assert "moments" in job.json()["result"]


class Held(Recognizer):
    """A recognizer that computes a timeline until it is cancelled."""

    entered = threading.Event()

    def find_moments(self, *args, on_progress, **options):
        while True:
            self.entered.set()
            on_progress(1)
            time.sleep(0.01)


@pytest.fixture
def held(start, tiny_clip):
    Held.entered.clear()
    recognizer = Held.load(tiny_clip, device="cpu")
    return start(recognizer, {"queue": 2, "workers": 2, "stop_seconds": 0.5})


def test_cancelling_ends_a_running_job_and_removes_its_upload(held, moving_square):
    accepted = held.client.post(
        "/v1/timeline",
        files={"video": ("a.mp4", moving_square.read_bytes())},
        data={"labels": LABELS},
        headers={"Prefer": "respond-async"},
    )
    assert Held.entered.wait(10)
    assert len(held.uploads()) == 1
    assert held.client.get(accepted.headers["location"]).json()["state"] == "running"
    assert held.client.delete(accepted.headers["location"]).status_code == 204
    for _ in range(100):
        if not held.uploads():
            break
        time.sleep(0.05)
    assert held.uploads() == []
    assert held.service.jobs.count("running") == 0


def test_a_client_that_leaves_cancels_its_job(held, moving_square):
    with (
        httpx2.Client(base_url=held.address, timeout=0.5) as hasty,
        pytest.raises(httpx2.ReadTimeout),
    ):
        hasty.post(
            "/v1/timeline",
            files={"video": ("a.mp4", moving_square.read_bytes())},
            data={"labels": LABELS},
        )
    for _ in range(100):
        if not held.uploads():
            break
        time.sleep(0.05)
    assert held.uploads() == []


def test_a_full_queue_refuses_and_says_when_to_try_again(held, moving_square):
    video_id = held.upload(moving_square).json()["id"]
    question = {"video": video_id, "labels": LABELS}
    headers = {"Prefer": "respond-async"}
    first = held.client.post("/v1/timeline", json=question, headers=headers)
    assert Held.entered.wait(10)
    while held.client.get(first.headers["location"]).json()["state"] != "running":
        time.sleep(0.05)
    waiting = [held.client.post("/v1/timeline", json=question, headers=headers) for _ in range(2)]
    refused = held.client.post("/v1/timeline", json=question, headers=headers)
    assert [response.status_code for response in waiting] == [202, 202]
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    for response in (first, *waiting):
        assert held.client.delete(response.headers["location"]).status_code == 204


def test_videos_are_listed_shown_and_removed(server, moving_square):
    uploaded = server.upload(moving_square)
    assert uploaded.status_code == 201
    facts = uploaded.json()
    assert facts["duration_seconds"] == 2
    assert (facts["width"], facts["height"], facts["num_frames"]) == (128, 96, 20)
    assert facts in server.client.get("/v1/videos").json()["videos"]
    address = f"/v1/videos/{facts['id']}"
    assert server.client.get(address).json() == facts
    picture = server.client.get(f"{address}/poster", params={"seconds": 1})
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert server.client.get(f"{address}/stream").content == moving_square.read_bytes()
    assert server.client.delete(address).status_code == 204
    assert server.client.get(address).status_code == 404
    assert server.uploads() == []


def test_a_range_of_a_video_is_sent(server, moving_square, stored):
    address, content = f"/v1/videos/{stored}/stream", moving_square.read_bytes()
    for wanted, expected in (
        ("bytes=0-9", content[:10]),
        ("bytes=100-", content[100:]),
        ("bytes=-7", content[-7:]),
        (f"bytes=10-{10**17}", content[10:]),
    ):
        part = server.client.get(address, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(content)}")


def test_label_sets_and_the_model_are_described(server):
    names = server.client.get("/v1/labels").json()["label_sets"]
    assert "ucf101" in names
    assert len(server.client.get("/v1/labels/ucf101").json()["labels"]) == 101
    assert server.client.get("/v1/labels/none").status_code == 404
    assert server.client.get("/v1/model").json()["encoder"] == "clip"


def test_a_label_set_is_asked_by_name(server, stored):
    question = {"video": stored, "label_set": "ucf101", "top": 3}
    [result] = server.client.post("/v1/recognize", json=question).json()["results"]
    assert len(result["predictions"]) == 3


def test_a_file_of_actions_is_a_label_set(start, moving_square, tmp_path):
    file = tmp_path / "mine.toml"
    add_examples(file, "moving", [Example(moving_square)])
    add_examples(file, "still", [Example(moving_square, 0.0, 0.5)])
    own = start(label_sets=read_label_sets([file]))
    assert own.client.get("/v1/labels").json()["label_sets"][0] == "mine"
    assert own.client.get("/v1/labels/mine").json()["labels"] == ["moving", "still"]
    question = {"video": own.upload(moving_square).json()["id"], "label_set": "mine"}
    [result] = own.client.post("/v1/recognize", json=question).json()["results"]
    expected = own.service.recognizer.recognize(moving_square, actions.read(file))
    assert result["predictions"] == [vars(prediction) for prediction in expected]
    assert own.client.post("/v1/timeline", json=question).status_code == 200


def test_label_sets_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.txt").write_text("running\nwalking\n")
    assert read_label_sets([tmp_path / "a/mine.txt"]) == {"mine": ["running", "walking"]}
    with pytest.raises(ValueError, match="there is a label set 'mine' already; rename the file"):
        read_label_sets([tmp_path / "a/mine.txt", tmp_path / "b/mine.txt"])


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ({"labels": LABELS}, "video: give either the id"),
        ({"video": "none", "labels": LABELS}, "no video is called 'none'"),
        ({"video": "ID"}, "labels: the model stores none"),
        ({"video": "ID", "labels": []}, "labels: there is no label"),
        ({"video": "ID", "labels": ["a", "A"]}, "say the same"),
        ({"video": "ID", "labels": LABELS, "threshold": 2}, "threshold"),
        ({"video": "ID", "labels": LABELS, "threshold": "high"}, "threshold"),
        ({"video": "ID", "labels": LABELS, "label_set": "ucf101"}, "give one or the other"),
        ({"video": "ID", "label_set": "../ucf101"}, "no label set is called"),
        ({"video": "ID", "labels": LABELS, "templates": ["a"]}, "{}"),
        ({"video": "ID", "labels": LABELS, "path": "/etc/passwd"}, "path: is unknown"),
        ({"video": "ID", "labels": ["x" * 301]}, "300 characters"),
    ],
)
def test_a_mistake_is_a_problem_in_one_sentence(server, stored, question, complaint):
    question = {name: stored if value == "ID" else value for name, value in question.items()}
    for route in ("recognize", "timeline"):
        response = server.client.post(f"/v1/{route}", json=question)
        assert response.status_code in (404, 422)
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert complaint in problem["detail"]
        assert "\n" not in problem["detail"]


def test_a_file_that_is_no_video_is_called_by_the_name_that_the_client_gave(server):
    response = server.client.post("/v1/videos", files={"video": ("holiday.mp4", b"no video")})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("holiday.mp4: ")
    assert str(server.folder) not in response.text
    assert server.uploads() == []


def test_metrics_count_requests_and_frames(server, stored):
    server.client.post("/v1/recognize", json={"video": stored, "labels": LABELS})
    text = server.client.get("/metrics").text
    assert 'actionclip_requests_total{method="POST",route="/v1/recognize",status="200"}' in text
    assert 'actionclip_frames_total{source="encoded"}' in text
    assert 'actionclip_jobs_now{state="queued"} 0.0' in text
    assert stored not in text
    assert LABELS[0] not in text


def test_the_description_has_every_route_with_examples(server):
    document = server.client.get("/openapi.json").json()
    assert {
        "/v1/recognize",
        "/v1/timeline",
        "/v1/videos",
        "/v1/videos/{video_id}",
        "/v1/videos/{video_id}/stream",
        "/v1/jobs/{job_id}",
        "/v1/labels",
        "/healthz",
        "/metrics",
    } <= document["paths"].keys()
    body = document["paths"]["/v1/recognize"]["post"]["requestBody"]["content"]
    assert body["application/json"]["example"]["labels"]
    assert body["multipart/form-data"]["schema"]["properties"]["video"]["format"] == "binary"
    operations = [one for path in document["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["description"] for operation in operations)
