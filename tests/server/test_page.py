"""The page, in a browser: what it shows is what the library answers."""

import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs chromium: apt-get install chromium"),
]

LABELS = ["moving left", "moving right", "<img src=x onerror=document.title='taken'>"]
TOKEN = "a-token-of-more-than-thirty-two-characters"


@pytest.fixture(scope="module")
def server(start):
    """One of its own: the page leaves videos there."""
    return start()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as drivers:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = drivers.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    page.close()
    assert faults == []


def test_the_page_answers_both_questions_as_the_library_does(server, page, moving_square):
    recognizer = server.service.recognizer
    page.goto(server.address)
    page.set_input_files("#file", moving_square)
    page.fill("#labels", "\n".join(LABELS) + "\n\n")
    page.click("button[value=recognize]")
    page.wait_for_selector("#answer:not([hidden])")
    shown = page.locator("#result tr").all()
    expected = recognizer.recognize(moving_square, LABELS)
    assert [row.locator("th").inner_text() for row in shown] == [one.label for one in expected]
    assert [row.locator("td").first.inner_text() for row in shown] == [
        f"{one.score:.3f}" for one in expected
    ]
    page.click("button[value=timeline]")
    page.wait_for_selector("#answer:has-text('When it happens')")
    moments = recognizer.timeline(moving_square, LABELS)
    assert page.locator(".moment").count() == len(moments)
    assert page.title() == "ActionCLIP"
    assert server.service.videos.all()[0].name == moving_square.name


def test_the_page_says_what_is_wrong_in_the_words_of_the_service(server, page, tmp_path):
    page.goto(server.address)
    page.click("button[value=recognize]")
    assert "Choose a video" in page.inner_text("#state")
    damaged = tmp_path / "notes.mp4"
    damaged.write_text("no video")
    page.set_input_files("#file", damaged)
    page.click("button[value=recognize]")
    page.wait_for_selector("#state:has-text('not a video')")
    assert page.is_enabled("button[value=recognize]")


def test_the_page_asks_for_the_token_once(start, page):
    server = start(token=TOKEN)
    page.goto(server.address)
    page.fill("#token", "something else")
    page.click("#session button")
    page.wait_for_selector("#state:has-text('the token is wrong')")
    page.fill("#token", TOKEN)
    page.click("#session button")
    page.wait_for_selector("#model:not(:empty)")
    assert page.is_hidden("#session")
    page.reload()
    page.wait_for_selector("#model:not(:empty)")
    assert page.is_hidden("#session")


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_of_the_page_is_beside_the_window(server, page, moving_square, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server.address)
    page.set_input_files("#file", moving_square)
    page.fill("#labels", "\n".join(["a" * 200, *LABELS]))
    page.click("button[value=recognize]")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") == width
