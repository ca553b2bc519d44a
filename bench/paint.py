"""How soon pages show, how much they move, and how much JavaScript they bring, in Chromium.

    python -m bench.paint [--url URL --password PASSWORD] [--rounds 5]

Without ``--url`` a demonstration of its own is started and filled. Each page is opened in a browser
context of its own, so that nothing is cached: the first contentful paint counts from the start of
the navigation, the layout shift is the sum of all shifts until the page was quiet for a second.
JavaScript is counted as it travels, compressed. Chromium runs headless on the same machine.
"""

import argparse
import gzip
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.screenshots import CHROMIUM, demonstration, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "archive" / "portal" / "static" / "portal"
WINDOW: Any = {"width": 1440, "height": 900}
GOAL_MS, GOAL_KB = 1000, 150
# Asked before anything of the page runs.
_WATCH = """() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
    }).observe({ type: "layout-shift", buffered: true });
}"""
_FOUND = """() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    shifted: window.shifted,
    scripts: performance.getEntriesByType("resource")
        .filter((one) => new URL(one.name).pathname.endsWith(".js"))
        .reduce((sum, one) => sum + one.encodedBodySize, 0),
})"""


@dataclass
class Measured:
    """What was seen of one page, a value a round."""

    name: str
    path: str
    paints: list[float] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    scripts: list[int] = field(default_factory=list)

    def row(self) -> str:
        """Return its row of the table."""
        return (
            f"| {self.name} | {statistics.median(self.paints):.0f} | {max(self.paints):.0f} "
            f"| {max(self.shifts):.3f} | {max(self.scripts) / 1000:.1f} |"
        )


def pages_of(page: "Page", url: str) -> list[Measured]:
    """Return the pages that are measured; which study and series they show stands in the list."""
    page.goto(f"{url}/studies/?q=brain")
    study = page.locator("tbody a[data-open]").first.get_attribute("href") or ""
    page.goto(url + study)
    series = page.locator(".series-card a[data-open]").first.get_attribute("href") or ""
    named = {
        "Study list": "/studies/?all",
        "Study": study,
        "Viewer": series,
        "Similar cases": f"/similar/?series={series.rstrip('/').rsplit('/', 1)[-1]}",
        "Review": "/worklist/review/",
        "Collections": "/collections/",
        "Upload": "/upload/",
        "Dashboard": "/dashboard/",
        "Manage": "/manage/",
    }
    return [Measured(name, path) for name, path in named.items()]


def look(browser: "Browser", url: str, one: Measured, state: Any) -> None:
    """Open a page with nothing cached, and note what is seen."""
    context = browser.new_context(viewport=WINDOW, locale="en-GB", storage_state=state)
    page = context.new_page()
    page.add_init_script(f"({_WATCH})()")
    page.goto(url + one.path)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    found = page.evaluate(_FOUND)
    if found["paint"] is not None:
        one.paints.append(found["paint"])
        one.shifts.append(found["shifted"])
        one.scripts.append(found["scripts"])
    context.close()


def all_scripts() -> int:
    """Return the bytes of every script of the portal, compressed; OHIF is not among them."""
    import django_htmx  # noqa: PLC0415 where htmx lies

    files = [*SCRIPTS.rglob("*.js")]
    files += (Path(django_htmx.__file__).parent / "static").rglob("htmx.min.js")
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def measure(url: str, password: str, rounds: int) -> list[Measured]:
    """Measure every page, some rounds."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 the bench alone needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=WINDOW)
        page = context.new_page()
        sign_in(page, url, "admin", password)
        found = pages_of(page, url)
        state: Any = context.storage_state()
        context.close()
        signed_out = Measured("Sign in", "/login/")
        for _ in range(rounds):
            look(browser, url, signed_out, None)
            for one in found:
                look(browser, url, one, state)
        browser.close()
    return [signed_out, *found]


def main() -> int:
    """Measure, print a table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="a demonstration that runs")
    parser.add_argument("--password", help="of its user admin")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.url:
        found = measure(options.url.rstrip("/"), options.password, options.rounds)
    else:
        with demonstration() as (url, password):
            found = measure(url, password, options.rounds)
    print("| page | first paint, ms | worst | layout shift | JavaScript, kB |")
    print("|---|---:|---:|---:|---:|")
    for one in found:
        print(one.row())
    scripts = all_scripts() / 1000
    print(f"\nAll scripts of the portal: {scripts:.1f} kB compressed (gzip).")
    is_met = scripts < GOAL_KB and all(
        max(one.paints) < GOAL_MS and max(one.shifts) == 0 for one in found
    )
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
