"""What every test in a real browser needs: which browser, where pictures go, how to wait."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
