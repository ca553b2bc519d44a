"""Server time of the portal's pages over a very large archive, and how many statements each takes.

    python -m bench.portal [--studies 1000000] [--vectors 50000] [--home FOLDER]

The rows are synthetic (`bench.study_rows`); no files lie behind them. What tasks of the workers
make later (indexes of vectors, quantiles) is made before anything is asked. Each page is asked for
inside this process, through every middleware, view and template, by a clinician who reads nineteen
of twenty studies. With ``--home`` a running Twinsight's database is used, filled where it is empty.
Ends with 1 where a page's p95 is 100 ms or more.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.clients import Target
from bench.processes import free_port, running, wait_for
from bench.study_rows import grow_studies, grow_vectors

ROOT = Path(__file__).resolve().parents[1]
GOAL_MS = 100
HTMX = {"HX-Request": "true"}


@dataclass
class Page:
    """One kind of request: what it is called, and addresses of it."""

    name: str
    address: Callable[[random.Random], str]
    headers: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)


@contextmanager
def database_at(home: Path) -> Iterator[None]:
    """Run a Twinsight whose database this process shares."""
    port = free_port()
    environ = {**os.environ, "TWINSIGHT_HOME": str(home), "TWINSIGHT_HTTP_PORT": str(port)}
    environ["TWINSIGHT_DICOM_PORT"] = str(free_port())
    log = home.parent / "log"
    command = [sys.executable, "manage.py", "up", "--no-worker"]
    with running(command, environ, log, ROOT) as process:
        wait_for(Target("Twinsight", f"http://127.0.0.1:{port}"), "/readyz", process, log)
        yield


@contextmanager
def archive_at(home: Path | None, prefix: str) -> Iterator[None]:
    """Let this process be one of Twinsight's: at a home, or at one of its own for the while."""
    with ExitStack() as stack:
        if home is None:
            home = Path(stack.enter_context(TemporaryDirectory(prefix=prefix))) / "home"
            stack.enter_context(database_at(home))
        os.environ["TWINSIGHT_HOME"] = str(home)
        os.environ["DJANGO_SETTINGS_MODULE"] = "deploy.settings.development"
        import django  # noqa: PLC0415 it reads where the database is

        django.setup()
        yield


def prepare(options: argparse.Namespace) -> Any:
    """Fill the archive where it is empty; return the clinician."""
    from django.contrib.auth.models import User  # noqa: PLC0415 after setup
    from django.db import connection  # noqa: PLC0415

    from archive.models import Membership, Project, Study  # noqa: PLC0415

    projects = [
        Project.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]
        for slug in ("bench", "other")
    ]
    user, _ = User.objects.get_or_create(username="bench")
    Membership.objects.get_or_create(user=user, project=projects[0], role="clinician")
    with connection.cursor() as cursor:
        if not Study.objects.exists():
            grow_studies(cursor, projects[0].pk, projects[1].pk, count=options.studies)
        if grow_vectors(cursor, count=options.vectors):
            cursor.execute("VACUUM ANALYZE")
    make_indexes()
    return user


def make_indexes() -> None:
    """Do what the workers' tasks do some minutes after vectors have come."""
    from inference.similarity.quality.quantiles import (  # noqa: PLC0415 after setup
        refresh_stale_quantiles,
    )
    from inference.similarity.realms import reconcile_realms  # noqa: PLC0415
    from inference.similarity.spaces.registry import reconcile_indexes  # noqa: PLC0415

    reconcile_indexes()
    reconcile_realms()
    refresh_stale_quantiles()


def pages(studies: int, vectors: int) -> list[Page]:
    """Return what is asked for: as a person opens it, and as htmx asks for parts."""
    from archive.models import Study  # noqa: PLC0415 after setup

    def uid(rng: random.Random, last: int) -> str:
        # Not of the other project, which has every twentieth.
        key = rng.randrange(0, last // 20) * 20 + rng.randrange(1, 20)
        return str(Study.objects.values_list("study_instance_uid", flat=True).get(pk=key))

    def words(rng: random.Random) -> str:
        row = Study.objects.select_related("patient").get(pk=rng.randrange(1, studies))
        name = row.patient.patient_name_search
        first, description = name.split()[0], row.study_description.split()[0]
        return rng.choice(
            [
                name,
                row.patient.dicom_patient_id,
                row.accession_number,
                first,
                description,
                f"{first} {description}",
            ]
        ).replace(" ", "+")

    def month(rng: random.Random) -> str:
        year, number = rng.randrange(2016, 2025), rng.randrange(1, 13)
        return f"date_from={year}-{number:02d}-01&date_to={year}-{number:02d}-28"

    return [
        Page("worklist", lambda _: "/studies/?all"),
        Page("worklist, a part", lambda _: "/studies/?all", HTMX),
        Page("search box", lambda rng: f"/studies/?q={words(rng)}", HTMX),
        Page("a month of a modality", lambda rng: f"/studies/?{month(rng)}&modality=CT", HTMX),
        Page(
            "any page, by date",
            lambda rng: f"/studies/?page=9999&after={uid(rng, studies)}",
            HTMX,
        ),
        Page(
            "any page, by patient",
            lambda rng: f"/studies/?sort=patient&page=9999&after={uid(rng, studies)}",
            HTMX,
        ),
        Page(
            "any page, by description",
            lambda rng: f"/studies/?sort=description&page=9999&after={uid(rng, studies)}",
            HTMX,
        ),
        Page("news", lambda _: "/studies/news/?since=2099-01-01T00:00:00Z", HTMX),
        Page("study", lambda rng: f"/studies/{uid(rng, studies)}/"),
        Page("similar", lambda rng: f"/similar/?study={uid(rng, vectors)}"),
        Page("jobs", lambda _: "/jobs/"),
    ]


def measure(user: Any, found: list[Page], options: argparse.Namespace) -> None:
    """Ask for every page, in turns; the first ones warm what is kept, as a web process has it."""
    from django.db import connection  # noqa: PLC0415 after setup
    from django.test import Client  # noqa: PLC0415

    from deploy.settled import settle  # noqa: PLC0415

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    rng = random.Random(7)  # noqa: S311 no secret
    counted = 0

    def count(execute: Any, *given: Any) -> Any:
        nonlocal counted
        counted += 1
        return execute(*given)

    for turn in range(options.requests + 3):
        if turn == 3:
            settle()
        for page in found:
            address = page.address(rng)
            counted = 0
            with connection.execute_wrapper(count):
                worked, began = cpu_ms(), time.perf_counter()
                answer = client.get(address, headers=page.headers)
                took, worked = (time.perf_counter() - began) * 1000, cpu_ms() - worked
            if answer.status_code != 200:
                raise RuntimeError(f"{page.name} answered {answer.status_code}")
            if turn >= 3:
                page.milliseconds.append(took)
                page.busy.append(worked)
                page.statements.append(counted)


def cpu_ms() -> float:
    """Return what this process and its side of the database have worked, in milliseconds.

    On a machine with other work the clock tells of that work, and this still tells of ours.
    """
    from django.db import connection  # noqa: PLC0415 after setup

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    run_ns = Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0]
    return time.process_time() * 1000 + int(run_ns) / 1e6


def table(found: list[Page]) -> str:
    """Return a table of what was measured."""
    lines = [
        f"| page | p50 ms | p95 ms | under {GOAL_MS} | processor p50 | p95 | statements |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for page in found:
        clock, busy = page.milliseconds, page.busy
        verdict = "yes" if is_met(page) else "**no**"
        lines.append(
            f"| {page.name} | {statistics.median(clock):.0f} | {high(clock):.0f} | {verdict} |"
            f" {statistics.median(busy):.0f} | {high(busy):.0f} | {max(page.statements)} |"
        )
    return "\n".join(lines)


def high(values: list[float]) -> float:
    """Return the 95th percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def is_met(page: Page) -> bool:
    """Whether the page is as quick as it has to be, by the clock."""
    return high(page.milliseconds) < GOAL_MS


def origin(options: argparse.Namespace) -> str:
    """Say how the rows were made, and what the machine did beside."""
    from archive.models import Study  # noqa: PLC0415 after setup

    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{Study.objects.count():,} studies, two a patient, each with one series of one instance;"
        f" {options.vectors:,} series with a random vector of 128 numbers: synthetic rows, written"
        " by SQL (bench/study_rows.py), without files. Nineteen of twenty are the asker's.\n"
        f"{options.requests} requests a page, in turns; {os.cpu_count()} cores, load {load}."
    )


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--vectors", type=int, default=50_000, help="studies with a vector")
    parser.add_argument("--requests", type=int, default=40, help="of each page")
    parser.add_argument("--home", type=Path, help="of a running Twinsight")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure and print the table."""
    options = arguments(words)
    with archive_at(options.home, "bench-portal-"):
        user = prepare(options)
        found = pages(options.studies, options.vectors)
        measure(user, found, options)
        show: Any = print
        show(f"{origin(options)}\n\n{table(found)}")
        return 0 if all(is_met(page) for page in found) else 1


if __name__ == "__main__":
    sys.exit(main())
