"""The pictures of the guides, taken in Chromium while flows are done as a person does them.

    python -m bench.screenshots [--url URL --password PASSWORD] [--only NAME...] [--into FOLDER]

Without ``--url`` a demonstration of its own is started, filled, and stopped at the end: patients
in the pictures are invented or come with public test files, images are drawn by us or these files.
Flows leave things behind (a collection, an upload, an account), so that a demonstration that one
works with is no place for it. Errors of scripts and failed answers end it with 1. Names in Chinese,
Japanese and Korean letters need a font that has them (Debian's `fonts-noto-cjk`).
"""

import argparse
import io
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.processes import free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium")
WINDOWS = {"wide": (1920, 1080), "laptop": (1280, 800), "tablet": (768, 1024)}
QUALITY = 82
LOADED_S = 1800
_IN_SIGHT = """() => [...document.images]
    .filter((one) => one.offsetParent && one.getBoundingClientRect().top < innerHeight)
    .every((one) => one.complete)"""


@dataclass
class Camera:
    """A signed-in page, and where its pictures go."""

    page: "Page"
    url: str
    password: str
    into: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> "Page":
        """Go to a page and wait until nothing is fetched any more."""
        self.page.goto(self.url + path if path.startswith("/") else path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait for what is being fetched and for pictures in sight; polls may go on."""
        from playwright.sync_api import TimeoutError as TooLongError  # noqa: PLC0415

        for state in (
            lambda: self.page.wait_for_load_state("networkidle", timeout=4000),
            lambda: self.page.wait_for_function(_IN_SIGHT, timeout=4000),
        ):
            try:
                state()
            except TooLongError:
                continue

    def take(self, name: str, *, theme: str = "dark", window: str = "laptop") -> None:
        """Keep what is in sight."""
        from PIL import Image  # noqa: PLC0415 the archive's own, of one page alone here

        wide, high = WINDOWS[window]
        self.page.set_viewport_size({"width": wide, "height": high})
        self.page.evaluate("look => { document.documentElement.dataset.theme = look }", theme)
        self.settle()
        self.page.wait_for_timeout(300)
        picture = Image.open(io.BytesIO(self.page.screenshot(animations="disabled")))
        picture.convert("RGB").save(self.into / f"{name}.webp", quality=QUALITY, method=6)
        self.page.set_viewport_size({"width": WINDOWS["laptop"][0], "height": WINDOWS["laptop"][1]})
        print(f"  {name}", flush=True)

    def show(self, name: str, path: str, **look: str) -> None:
        """Open a page and keep its picture."""
        self.open(path)
        self.take(name, **look)


@contextmanager
def demonstration() -> Iterator[tuple[str, str]]:
    """Run a demonstration until its studies are loaded and read; give address and password."""
    with TemporaryDirectory(prefix="screenshots-") as folder:
        port = free_port()
        outside = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        environ = {name: value for name, value in os.environ.items() if name not in outside}
        environ |= {"TWINSIGHT_HOME": str(Path(folder) / "home")}
        environ |= {"TWINSIGHT_HTTP_PORT": str(port), "TWINSIGHT_DICOM_PORT": str(free_port())}
        log = Path(folder) / "log"
        command = [sys.executable, "manage.py", "up", "--demo"]
        with running(command, environ, log, ROOT) as process:
            until = time.monotonic() + LOADED_S
            while "demonstration studies loaded" not in log.read_text(errors="replace"):
                if time.monotonic() > until or process.poll() is not None:
                    raise SystemExit(
                        f"The demonstration was not loaded:\n{log.read_text()[-2000:]}"
                    )
                time.sleep(2)
            found = re.search(r"password\s+(\S+)", log.read_text(errors="replace"))
            if found is None:
                raise SystemExit("The first user's password was not printed.")
            yield f"http://127.0.0.1:{port}", found[1]


def sign_in(page: "Page", url: str, username: str, password: str) -> None:
    """Sign in by the page."""
    page.goto(f"{url}/login/?next=/studies/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state("load")


def watch(camera: Camera) -> None:
    """Note what the browser complains about."""
    page = camera.page
    page.on("pageerror", lambda error: camera.complaints.append(str(error)))
    page.on(
        "response",
        lambda answer: (
            camera.complaints.append(f"{answer.status} {answer.url}")
            if answer.status >= 500
            else None
        ),
    )


def take_all(url: str, password: str, options: argparse.Namespace) -> list[str]:
    """Go through every flow; return what failed."""
    from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 the bench alone needs it

    from bench.screenshot_flows import FLOWS  # noqa: PLC0415

    options.into.mkdir(parents=True, exist_ok=True)
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--lang=en-GB"]
        )
        view: Any = {"width": WINDOWS["laptop"][0], "height": WINDOWS["laptop"][1]}
        context = browser.new_context(viewport=view, locale="en-GB", reduced_motion="reduce")
        context.set_default_timeout(15_000)
        camera = Camera(context.new_page(), url, password, options.into)
        watch(camera)
        for name, flow in FLOWS.items():
            if name != "sign-in" and options.only and name not in options.only:
                continue
            print(name, flush=True)
            try:
                flow(camera)
            except (Error, AssertionError) as error:
                failed.append(f"{name}: {str(error).splitlines()[0]}")
                camera.open("/studies/")
        browser.close()
    return failed + camera.complaints


def drop_unshown() -> None:
    """Keep beside the guides only what one of them shows; ``--into`` keeps all."""
    guides = "".join(
        page.read_text(encoding="utf-8")
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
    )
    for picture in IMAGES.glob("*.webp"):
        if picture.name not in guides:
            picture.unlink()


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="a demonstration that runs")
    parser.add_argument("--password", help="of its user admin")
    parser.add_argument("--only", nargs="*", default=[], help="flows, by name")
    parser.add_argument("--into", type=Path, default=IMAGES)
    options = parser.parse_args()
    if options.url:
        failed = take_all(options.url.rstrip("/"), options.password, options)
    else:
        with demonstration() as (url, password):
            failed = take_all(url, password, options)
    if options.into == IMAGES:
        drop_unshown()
    for line in failed:
        print(f"FAILED {line}", file=sys.stderr)
    kept = sum(file.stat().st_size for file in options.into.glob("*.webp"))
    print(f"{len(list(options.into.glob('*.webp')))} pictures, {kept / 1e6:.1f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
