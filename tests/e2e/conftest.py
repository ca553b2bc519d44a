"""A real browser on the real parts, signed in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from tests.browsing import ARGUMENTS, CHROMIUM, keep_steady, take_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

PATIENCE_MS = 60_000


@pytest.fixture
def context(monkeypatch) -> Iterator[BrowserContext]:
    from playwright.sync_api import (
        TimeoutError,  # noqa: A004 its name
        expect,
        sync_playwright,
    )

    # Playwright's loop runs in the test's own thread; rows are asked for between its calls.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        keep_steady(made, monkeypatch)
        # On a busy machine an answer takes seconds; who is right waits no longer than it takes.
        made.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield made
        # A request that is cut off would hold the database for a while.
        for page in made.pages:
            with contextlib.suppress(TimeoutError):
                page.wait_for_load_state("networkidle", timeout=10_000)
        browser.close()
        # Beside a running loop Django has connections of their own, which nobody else closes.
        connections.close_all()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors of scripts, refusals by the CSP, failed answers."""
    return []


@pytest.fixture
def sign_in(live_server, context, complaints) -> Callable[[str], Page]:
    def sign_in_as(username: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{message.text} {message.location.get('url', '')}".strip())
                if message.type == "error"
                else None
            ),
        )
        page.on(
            "response",
            lambda response: (
                complaints.append(f"{response.status} {response.url}")
                if response.status >= 500
                else None
            ),
        )
        page.goto(f"{live_server.url}/studies/")
        take_picture(page, "login")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill("a long enough password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/studies/")
        return page

    return sign_in_as
