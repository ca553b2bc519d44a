"""How smoothly the built-in viewer scrolls a CT of 300 slices from its cache, in Chromium.

    python -m bench.viewer [--slices 300] [--laps 3]

A Twinsight of its own, without AI; the slices are synthetic (`bench.material`), 512 x 512. All of
them are loaded first. Then every frame of the screen scrolls by one slice, as a steady wheel does,
and the time from one frame of the screen to the next is taken: 60 a second is 16.7 ms each.
Chromium runs headless and draws by the processor: no GPU, no WebGL.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import dicomweb_load
from bench.clients import Target
from bench.material import identities
from bench.processes import free_port, running, wait_for

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium")
WINDOW = {"width": 1440, "height": 900}
FRAME_MS = 1000 / 60
_ACCOUNT = """
from django.contrib.auth.models import User
from archive.models import Membership
user = User.objects.create_user("bench-viewer", password="a long enough password")
Membership.objects.create(user=user, project=None, role="radiology_admin")
"""
# Each frame of the screen: one notch of the wheel; how long until the next, how long it kept busy.
_SCROLL = """
(frames) => new Promise((done) => {
    const stage = document.getElementById("stage");
    const gaps = [], busy = [];
    let last = 0, left = frames, delta = 40;
    const counter = document.querySelector('[data-field="counter"]');
    function tick(now) {
        if (last) gaps.push(now - last);
        last = now;
        if (!left) return done({ gaps, busy, at: counter.textContent });
        left -= 1;
        const [at, all] = counter.textContent.split("/").map(Number);
        if (at === all) delta = -40;
        if (at === 1) delta = 40;
        const before = performance.now();
        const event = { deltaY: delta, bubbles: true, cancelable: true };
        stage.dispatchEvent(new WheelEvent("wheel", event));
        busy.push(performance.now() - before);
        requestAnimationFrame(tick);
    }
    requestAnimationFrame(tick);
})
"""


@contextmanager
def archive() -> Iterator[tuple[Target, dict[str, str]]]:
    """Run a Twinsight with an account, and give its address and environment."""
    with TemporaryDirectory(prefix="bench-viewer-") as folder:
        port = free_port()
        outside = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        environ = {name: value for name, value in os.environ.items() if name not in outside}
        environ |= {"TWINSIGHT_HOME": str(Path(folder) / "home")}
        environ |= {"TWINSIGHT_HTTP_PORT": str(port), "TWINSIGHT_DICOM_PORT": str(free_port())}
        log = Path(folder) / "log"
        target = Target("viewer", f"http://127.0.0.1:{port}")
        with running([sys.executable, "manage.py", "up", "--no-worker"], environ, log, ROOT) as one:
            wait_for(target, "/readyz", one, log)
            _manage(environ, "shell", "-c", _ACCOUNT)
            scopes = ["--scope", "read", "write", "--role", "radiology_admin", "--all-projects"]
            token = _manage(environ, "create_api_token", "bench", *scopes).split()[-1]
            yield replace(target, headers={"Authorization": f"Bearer {token}"}), environ


def _manage(environ: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 our own command
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def scrolled(target: Target, path: str, slices: int, laps: int) -> dict[str, Any]:
    """Load all frames of a series, then scroll through them and back; the best of the laps."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 the bench alone needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.goto(f"{target.url}/login/")
        page.fill("input[name=username], input[name=login]", "bench-viewer")
        page.fill("input[name=password]", "a long enough password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_load_state()
        page.goto(target.url + path)
        loaded = page.locator("#loaded[width='100.0%']")
        loaded.wait_for(state="attached", timeout=600_000)
        page.keyboard.press("Home")
        page.wait_for_timeout(1000)
        tasks = page.context.new_cdp_session(page)
        # The processor's time: what else the machine does is no part of it.
        tasks.send("Performance.enable", {"timeDomain": "threadTicks"})
        found = []
        for _ in range(laps):
            before = _worked_s(tasks)
            lap = page.evaluate(_SCROLL, 2 * slices)
            worked = _worked_s(tasks) - before
            found.append({**lap, "worked_ms": 1000 * worked / len(lap["gaps"])})
        browser.close()
    return min(found, key=lambda one: statistics.mean(one["gaps"]))


def _worked_s(tasks: Any) -> float:
    """Seconds of the processor that the page's main thread has used."""
    metrics = tasks.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--laps", type=int, default=3)
    options = parser.parse_args()
    with archive() as (target, _):
        plan = identities("viewer", options.slices, options.slices)
        dicomweb_load.store(target, plan, batch=20, connections=2)
        path = f"/studies/{plan[0].study}/series/{plan[0].series}/"
        found = scrolled(target, path, options.slices, options.laps)
    gaps = sorted(found["gaps"])
    late = sum(gap > 1.5 * FRAME_MS for gap in gaps) / len(gaps)
    p95, busy = gaps[int(0.95 * len(gaps))], sorted(found["busy"])
    print(f"{1000 / statistics.mean(gaps):.1f} frames a second, {options.slices} slices")
    print(f"frame to frame: p50 {statistics.median(gaps):.1f} ms, p95 {p95:.1f} ms")
    print(f"frames that came late: {100 * late:.1f} %")
    print(f"script a frame before drawing: p50 {statistics.median(busy):.2f} ms")
    print(f"main thread a frame, scripts, layout and painting: {found['worked_ms']:.2f} ms of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
