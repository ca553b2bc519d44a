"""What every test in a real browser needs: which browser, where pictures go, how to wait."""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import BrowserContext, Page

# Of WCAG 2.2, levels A and AA.
GUIDELINES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
THEMES = ("dark", "light")
# A wide desk, a laptop, a tablet held upright.
WIDTHS = {"wide": (1920, 1080), "laptop": (1280, 800), "tablet": (768, 1024)}
ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path(os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium"))
ARTIFACTS = Path(os.environ.get("TWINSIGHT_ARTIFACTS") or ROOT / "artifacts")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
IS_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    # In CI a missing browser is a failure, not a skip.
    pytest.mark.skipif(not CHROMIUM.exists() and not IS_CI, reason="Chromium is not installed"),
]

# What a person does with an element, with keys, with the mouse.
DEEDS = (
    "check",
    "clear",
    "click",
    "dblclick",
    "drag_to",
    "fill",
    "hover",
    "press",
    "press_sequentially",
    "select_option",
    "set_input_files",
    "tap",
    "uncheck",
)
KEYS = ("down", "insert_text", "press", "type")
MOUSE = ("click", "down", "wheel")
LISTENING = """() => document.readyState === "complete" &&
    !document.querySelector(".htmx-added, .htmx-settling, .htmx-swapping")"""


def keep_steady(context: BrowserContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever is done to a page wait until the page listens.

    Text is in sight before scripts have run, and what htmx puts in up to 20 ms before it listens
    to it; on a busy machine a key pressed between the two goes nowhere, and the test waits for its
    effect in vain.
    """
    from playwright.sync_api import Locator

    def listening(deed: Callable[..., Any], page: Page | None = None) -> Callable[..., Any]:
        @wraps(deed)
        def wait_and_do(*args: Any, **options: Any) -> Any:
            (page or args[0].page).wait_for_function(LISTENING)
            return deed(*args, **options)

        return wait_and_do

    def hold(page: Page) -> None:
        for hand, names in ((page.keyboard, KEYS), (page.mouse, MOUSE)):
            for name in names:
                setattr(hand, name, listening(getattr(hand, name), page))

    for name in DEEDS:
        monkeypatch.setattr(Locator, name, listening(getattr(Locator, name)))
    context.on("page", hold)


def take_picture(page: Page, name: str, *, is_full: bool = False) -> None:
    """Keep what the page looks like among the artifacts."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=is_full)


def await_images(page: Page) -> None:
    """Wait until every picture in sight is loaded, and none is broken."""
    page.wait_for_function(
        """() => [...document.images]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().top < innerHeight)
            .every((one) => one.complete && one.naturalWidth > 0)"""
    )


def wider_than_the_window(page: Page) -> list[str]:
    """Return what makes the page scroll sideways."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")]
                .filter((one) => one.getBoundingClientRect().right > innerWidth)
                .map((one) => one.outerHTML.slice(0, 120))"""
    )


def take_pictures(page: Page, name: str) -> None:
    """Keep what the page looks like in both themes at three widths; nothing may stick out."""
    before, theme = page.viewport_size, page.evaluate("document.documentElement.dataset.theme")
    for width, (wide, high) in WIDTHS.items():
        page.set_viewport_size({"width": wide, "height": high})
        for look in THEMES:
            page.evaluate("look => { document.documentElement.dataset.theme = look }", look)
            _settle_colours(page)
            take_picture(page, f"{name}-{width}-{look}")
        assert wider_than_the_window(page) == [], f"{name} at {wide} pixels"
    page.evaluate("look => { document.documentElement.dataset.theme = look }", theme)
    if before is not None:
        page.set_viewport_size(before)


def assert_accessible(page: Page, *, inside: str = "") -> None:
    """Fail where axe finds anything against WCAG 2.2 AA, in both themes.

    Parameters
    ----------
    inside
        a selector, where only a part of the page is looked at
    """
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "tag", "values": GUIDELINES}, "resultTypes": ["violations"]}
    theme = page.evaluate("document.documentElement.dataset.theme")
    # Half a megabyte of script, and another of what was found to be right: brought in once a page,
    # and not brought out.
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = []
    for look in THEMES:
        page.evaluate("look => { document.documentElement.dataset.theme = look }", look)
        _settle_colours(page)
        violations = page.evaluate(
            """([inside, options]) =>
                axe.run(inside || document, options).then((results) => results.violations)""",
            [inside, options],
        )
        found += [
            f"{look}: {violation['id']}: {node['target']} {node['html'][:160]}"
            f" {node['failureSummary']}"
            for violation in violations
            for node in violation["nodes"]
        ]
    page.evaluate("look => { document.documentElement.dataset.theme = look }", theme)
    assert not found, "\n".join(found)


def _settle_colours(page: Page) -> None:
    """Take colours to the end of their way to the other theme: halfway they are neither.

    They are taken there, not waited for: the end of a transition whose element is replaced
    meanwhile may never be told.
    """
    page.evaluate(
        """() => {
            for (const one of document.getAnimations())
                if (one.effect.getComputedTiming().endTime < Infinity) one.finish()
        }"""
    )
