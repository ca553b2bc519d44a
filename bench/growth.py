"""Searches and stores at 20,000 and at 1,000,000 indexed instances: how a large archive slows down.

    python -m bench.growth [--small 20000] [--large 1000000]

Two Twinsights of its own, without AI, get the same load in turn, in every round. Rows of the index
are synthetic (`bench.archive_rows`); no files lie behind them. What is stored meanwhile is real.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from bench import dicomweb_load
from bench.archive_rows import INSTANCES_PER_STUDY, grow
from bench.clients import Measured, Request, Target, load
from bench.material import identities
from bench.processes import free_port, running, wait_for
from bench.report import Case, number, table
from deploy.supervisor.endpoints import Endpoints
from deploy.supervisor.home import Home

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.3
PER_REQUEST = 20
ACCEPT = {"Accept": "application/dicom+json"}
# Each finds about as many studies at either size, but lists, which are cut at a page.
SEARCHES = {
    "studies, limit 100": "/studies?limit=100",
    "studies by PatientID": "/studies?PatientID={patient_id}",
    "studies by AccessionNumber": "/studies?AccessionNumber={accession}",
    "studies by StudyInstanceUID": "/studies?StudyInstanceUID={study}",
    "studies by PatientName and date": "/studies?PatientName={name}*&StudyDate={day}&limit=50",
    "studies of a day": "/studies?StudyDate={day}&limit=50",
    "studies by modality, limit 50": "/studies?ModalitiesInStudy=CT&limit=50",
    "series of a study": "/studies/{study}/series",
    "instances of a series": "/studies/{study}/series/{series}/instances",
    "instance": "/instances?SOPInstanceUID={instance}",
}
_SAMPLE = """
    SELECT p.dicom_patient_id, split_part(p.patient_name, '^', 1), s.accession_number,
        s.study_instance_uid, to_char(s.study_date, 'YYYYMMDD'), r.series_instance_uid,
        i.sop_instance_uid
    FROM archive_instance i JOIN archive_series r ON r.id = i.series_id
    JOIN archive_study s ON s.id = r.study_id JOIN archive_patient p ON p.id = s.patient_id
    WHERE i.id = ANY(%s)
"""
_FIELDS = ("patient_id", "name", "accession", "study", "day", "series", "instance")


@dataclass(frozen=True)
class Archive:
    """A Twinsight with so many instances in its index, and objects out of it to ask for."""

    target: Target
    known: list[dict[str, str]]


@contextmanager
def archive_of(count: int) -> Iterator[Archive]:
    """Run a Twinsight, fill its index and give the bench a reader's token."""
    with TemporaryDirectory(prefix="bench-growth-") as folder:
        home, port = Path(folder) / "home", free_port()
        outside = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        environ = {name: value for name, value in os.environ.items() if name not in outside}
        environ |= {"TWINSIGHT_HOME": str(home), "TWINSIGHT_HTTP_PORT": str(port)}
        environ |= {"TWINSIGHT_DICOM_PORT": str(free_port())}
        log = Path(folder) / "log"
        target = Target(f"{count:,}", f"http://127.0.0.1:{port}")
        command = [sys.executable, "manage.py", "up", "--no-worker"]
        with running(command, environ, log, ROOT) as process:
            wait_for(target, "/readyz", process, log)
            endpoints = Endpoints.read(Home(home).endpoints_file)
            if endpoints is None:
                raise RuntimeError("The archive does not say where its database is.")
            known = _filled(endpoints.database_url, count)
            scopes = ["--scope", "read", "write", "--role", "clinician", "--project", "bench"]
            done = subprocess.run(  # noqa: S603 our own command
                [sys.executable, "manage.py", "create_api_token", "bench", *scopes],
                cwd=ROOT,
                env=environ,
                capture_output=True,
                text=True,
                check=True,
            )
            headers = {"Authorization": f"Bearer {done.stdout.split()[-1]}"}
            yield Archive(replace(target, headers=headers), known)


def _filled(database_url: str, count: int) -> list[dict[str, str]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        # Values in the text: the statements count with numbers of any size.
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(
            "INSERT INTO archive_project (name, slug, kind, created_at)"
            " VALUES ('Bench', 'bench', 'standard', now()) RETURNING id"
        )
        ((project,),) = cursor.fetchall()
        grow(cursor, project, first=0, last=count)
        cursor.execute("VACUUM ANALYZE")
        keys = random.Random(count).sample(range(1, count + 1), 200)  # noqa: S311 no secret
        cursor.execute(_SAMPLE, (keys,))
        return [dict(zip(_FIELDS, row, strict=True)) for row in cursor.fetchall()]


def search(archive: Archive, path: str, count: int) -> Measured:
    """Ask for objects of the archive one after the other."""
    asked = [archive.known[at % len(archive.known)] for at in range(count)]
    root = archive.target.dicom_web
    requests = [Request("GET", root + path.format(**one), headers=ACCEPT) for one in asked]
    return load(archive.target, requests)


def measure(archives: list[Archive], options: argparse.Namespace) -> list[Case]:
    """Run every case on every archive in every round."""
    cases: dict[str, Case] = {}

    def add(work: str, unit: str, name: str, measured: Measured, *, by_rate: bool = False) -> None:
        cases.setdefault(work, Case(work, unit, by_rate)).add(name, measured)

    for turn in range(options.rounds + 1):
        for archive in archives if turn % 2 else archives[::-1]:
            name = archive.target.name
            found = {
                work: search(archive, path, options.requests) for work, path in SEARCHES.items()
            }
            plan = identities(f"growth-{turn}", options.instances, PER_REQUEST)
            stored = dicomweb_load.store(archive.target, plan, batch=PER_REQUEST, connections=2)
            if not turn:
                continue  # both are warm now
            for work, measured in found.items():
                add(work, "requests", name, measured)
            add("all searches", "requests", name, _together(list(found.values())))
            add("STOW 20 a request, 2 connections", "instances", name, stored, by_rate=True)
    return list(cases.values())


def _together(measured: list[Measured]) -> Measured:
    return Measured(
        sum(each.seconds for each in measured),
        tuple(latency for each in measured for latency in each.latencies_s),
        tuple(error for each in measured for error in each.errors),
    )


def slowdowns(cases: list[Case], small: str, large: str) -> str:
    """Say for each case how many times slower the large archive is: p95 of searches, rate."""
    lines = ["| work | large to small | goal |", "|---|---:|---:|"]
    for case in cases:
        pairs = zip(case.rounds[small], case.rounds[large], strict=True)
        ratios = [
            a.rate / b.rate if case.by_rate else b.percentile_ms(0.95) / a.percentile_ms(0.95)
            for a, b in pairs
        ]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        lines.append(f"| {case.work} | {shown} | {number(GOAL)} |")
    return "\n".join(lines)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=100, help="sent in each search")
    parser.add_argument("--instances", type=int, default=200, help="stored in each round")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(words)
    whole = 2 * INSTANCES_PER_STUDY
    if chosen.small % whole or chosen.large % whole or min(chosen.small, chosen.large) < 400:
        parser.error(f"--small and --large are multiples of {whole} from 400")
    return chosen


def main(words: list[str] | None = None) -> int:
    """Measure and print both tables."""
    options = arguments(words)
    with ExitStack() as stack:
        archives = [stack.enter_context(archive_of(n)) for n in (options.small, options.large)]
        cases = measure(archives, options)
        names = [archive.target.name for archive in archives]
    show: Any = print
    show(table(cases, names))
    show()
    show(slowdowns(cases, *names))
    errors = [error for case in cases for error in case.errors()]
    for error in errors:
        show(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
