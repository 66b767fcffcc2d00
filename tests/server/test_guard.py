"""Who may ask: hosts, origins, tokens, sizes; and the headers of every response."""

import time

import pytest

from actionclip.server import guard

TOKEN = "a-token-of-more-than-thirty-two-characters"


@pytest.fixture(scope="module")
def locked(start):
    return start(token=TOKEN, allowed_hosts=frozenset({"actions.example.org"}))


@pytest.mark.parametrize("path", ["/", "/v1/model", "/healthz", "/static/page.js"])
def test_every_response_has_the_headers_that_keep_other_pages_out(server, path):
    headers = server.client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_pages_of_other_sites_get_nothing(server, headers, status):
    response = server.client.get("/v1/model", headers=headers)
    assert response.status_code == status
    if status != 200:
        assert response.headers["content-type"] == "application/problem+json"


def test_an_allowed_host_is_served_as_an_origin_too(locked):
    headers = {
        "Host": "actions.example.org",
        "Origin": "https://actions.example.org",
        "Authorization": f"Bearer {TOKEN}",
    }
    assert locked.client.get("/v1/model", headers=headers).status_code == 200


def test_without_the_token_only_page_and_health_answer(locked):
    assert locked.client.get("/").status_code == 200
    assert locked.client.get("/healthz").status_code == 200
    for path in ("/v1/model", "/v1/videos", "/metrics", "/openapi.json"):
        response = locked.client.get(path)
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
    for given in (TOKEN[:-1], f"{TOKEN}x", "x"):
        headers = {"Authorization": f"Bearer {given}"}
        assert locked.client.get("/v1/model", headers=headers).status_code == 401
    headers = {"Authorization": f"bearer {TOKEN}"}
    assert locked.client.get("/v1/model", headers=headers).status_code == 200


def test_a_session_stands_for_the_token_until_it_is_old():
    session = guard.new_session(TOKEN)
    assert guard.is_session(session, TOKEN)
    assert not guard.is_session(session, TOKEN + "x")
    end, signature = session.split(".")
    assert not guard.is_session(f"{int(end) + 1}.{signature}", TOKEN)
    old = str(int(time.time()) - 1)
    assert not guard.is_session(f"{old}.{guard._sign(old, TOKEN)}", TOKEN)
    for nonsense in ("", ".", "a.b", session[:-1]):
        assert not guard.is_session(nonsense, TOKEN)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(start):
    server = start(limits={"body_bytes": 1000, "upload_bytes": 2000})
    response = server.client.post("/v1/recognize", json={"labels": ["a" * 2000]})
    assert response.status_code == 413
    response = server.client.post("/v1/videos", files={"video": ("a.mp4", b"x" * 5000)})
    assert response.status_code == 413
    assert server.uploads() == []
