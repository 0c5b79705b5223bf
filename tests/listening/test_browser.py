"""The listening test in a real browser: hear, mark, close, come back.

Any Chromium on the PATH will do, or the one that DUBBER_BROWSER names; without one these tests skip.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubber.listening.answers import answer_files, latest, read_answers
from tests.helpers.running import SECONDS, SYSTEMS, Running, listening, small_test

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DURATION = """
player => new Promise(done => player.readyState >= 3
    ? done(player.duration)
    : player.addEventListener("canplay", () => done(player.duration)))
"""
TRIALS = 2 * 3 * len(SYSTEMS)


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Starts browsers: `chromium.launch_persistent_context(folder, ...)`."""
    found = os.environ.get("DUBBER_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium on the PATH (set DUBBER_BROWSER to one)")
    with sync_api.sync_playwright() as playwright:
        yield lambda profile, **options: playwright.chromium.launch_persistent_context(
            profile, executable_path=found, args=FLAGS, **options
        )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    small_test(tmp_path)
    return tmp_path


@pytest.fixture
def server(project: Path) -> Iterator[Running]:
    with listening(project) as running:
        yield running


def enter(context, server: Running, name: str | None = None):
    """Open the page, and the first part under a name; without one, that which the browser remembers."""
    page = context.pages[0]
    page.goto(server.url)
    if name:
        page.get_by_label("Your name or code").fill(name)
    page.locator("#begin").click()
    page.locator("#enter").click()  # by its id: to a listener who comes back, `begin` says "Continue" too
    return page


def expect_position(page, number: int) -> None:
    sync_api.expect(page.locator("#count")).to_have_text(f"{number} of {TRIALS}", timeout=20_000)


def expect_open(page) -> None:
    sync_api.expect(page.locator("#scale button").first).to_be_enabled(timeout=20_000)


def hear_and_mark(page, value: int) -> None:
    """Listen to the end with the space bar, then press the mark's key."""
    before = int(page.locator("#count").inner_text().split()[0])
    page.keyboard.press("Space")
    expect_open(page)
    page.keyboard.press(str(value))
    expect_position(page, before + 1)


def kept(project: Path) -> dict[str, list[int]]:
    files = answer_files(project / "listening/demo/2.0")
    return {path.stem: [answer.value for answer in latest(read_answers(path))] for path in files}


def test_marks_are_on_the_disk_and_the_next_visit_goes_on(chromium, server, project, tmp_path):
    with chromium(tmp_path / "profile") as context:
        page = enter(context, server, "Ada")
        assert page.locator("#sample").evaluate(DURATION) == pytest.approx(SECONDS, abs=0.01)
        expect_position(page, 1)
        for value in (4, 2, 5):
            hear_and_mark(page, value)
        assert kept(project) == {"ada": [4, 2, 5]}, "each was there before the next sound came"
    with chromium(tmp_path / "profile") as context:
        page = enter(context, server)
        expect_position(page, 4)
        page.get_by_role("button", name="Back").click()
        chosen = page.locator("#scale [aria-pressed=true]")
        assert chosen.inner_text().startswith("5")
        page.keyboard.press("1")
        expect_position(page, 4)
    assert kept(project) == {"ada": [4, 2, 1]}, "a changed mark counts in the old one's place"


def test_marks_are_closed_until_everything_was_heard(chromium, server, project, tmp_path):
    with chromium(tmp_path / "profile") as context:
        page = enter(context, server, "bob")
        marks = page.locator("#scale button")
        assert marks.count() == 5 and all(marks.nth(i).is_disabled() for i in range(5))
        page.keyboard.press("3")
        page.get_by_role("button", name="Skip").click()
        expect_position(page, 2)
    assert kept(project) == {}


def test_a_whole_test_with_the_pointer(chromium, server, project, tmp_path):
    with chromium(tmp_path / "profile", has_touch=True, viewport={"width": 390, "height": 844}) as context:
        page = enter(context, server, "eve")
        for done in range(1, TRIALS + 1):
            page.locator("#play").tap()
            expect_open(page)
            page.locator("#scale button").nth(done % 5).tap()
            if done == TRIALS // 2:
                page.locator("#enter").tap()
            if done < TRIALS:
                expect_position(page, done + 1)
        page.get_by_text(f"All {TRIALS} marks are saved").wait_for()
    assert kept(project) == {"eve": [done % 5 + 1 for done in range(1, TRIALS + 1)]}


def test_names_are_checked_and_the_reason_is_read_out(chromium, server, tmp_path):
    with chromium(tmp_path / "profile") as context:
        page = context.pages[0]
        page.goto(server.url)
        for wrong in ("", "two words", "../ada"):
            page.get_by_label("Your name or code").fill(wrong)
            page.locator("#begin").click()
            page.get_by_role("alert").get_by_text("1 to 32 letters").wait_for()
            assert page.locator("#start").is_visible()


def test_a_mark_waits_for_a_server_that_is_gone(chromium, project, tmp_path):
    with listening(project) as first, chromium(tmp_path / "profile") as context:
        page = enter(context, first, "joe")
        page.keyboard.press("Space")
        expect_open(page)
        first.process.kill()
        first.process.wait()
        page.keyboard.press("3")
        page.get_by_text("Not saved yet").wait_for()
        expect_position(page, 1)
        assert kept(project) == {}
        with listening(project, port=int(first.url.rsplit(":", 1)[1].strip("/"))):
            expect_position(page, 2)
            assert kept(project) == {"joe": [3]}


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_runs_over_the_edge_and_nothing_is_reported(chromium, server, tmp_path, width):
    said = []
    with chromium(tmp_path / "profile", viewport={"width": width, "height": 800}) as context:
        context.pages[0].on("console", lambda message: said.append(message.text))
        context.pages[0].on("pageerror", lambda error: said.append(str(error)))
        page = enter(context, server, "kim")
        for _ in range(TRIALS):
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.keyboard.press("ArrowRight")
            if page.locator("#enter").is_visible():
                page.keyboard.press("Enter")
        assert page.locator("#end").is_visible()
    assert said == []
