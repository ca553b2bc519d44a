"""Server time of FHIR's searches over a very large archive, and how many statements each takes.

    python -m bench.fhir [--studies 1000000] [--results 200000] [--records 1000000] [--home FOLDER]

The rows are those of `bench.portal`, with results of a model and a trail beside them
(`bench.fhir_rows`). Each search is asked for inside this process, through every middleware, by a
clinician who reads nineteen of twenty studies; the trail by an auditor of all of them. With
``--home`` a running Twinsight's database is used, filled where it is empty.
"""

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.fhir_rows import grow_results, grow_trail
from bench.portal import Page, archive_at, measure, prepare, table

ROOT = "/fhir/R4/"
GOAL_MS = 100


def fill(options: argparse.Namespace) -> tuple[Any, Any]:
    """Fill the archive where it is empty; return the clinician and the auditor."""
    from django.contrib.auth.models import User  # noqa: PLC0415 after setup
    from django.db import connection  # noqa: PLC0415

    from archive.models import Membership  # noqa: PLC0415

    clinician = prepare(options)
    auditor, _ = User.objects.get_or_create(username="bench-auditor")
    Membership.objects.get_or_create(user=auditor, project=None, role="auditor")
    with connection.cursor() as cursor:
        grow_results(cursor, count=options.results)
        grow_trail(cursor, clinician.pk, count=options.records, studies=options.studies)
    return clinician, auditor


def searches(options: argparse.Namespace) -> list[Page]:
    """Return what a clinician's system asks for."""
    known = Known(options)
    asked: dict[str, Callable[[random.Random], str]] = {
        "Patient, any": lambda _: "Patient",
        "Patient by identifier": lambda rng: f"Patient?identifier={known.patient(rng).number}",
        "Patient by identifier, no issuer": lambda rng: (
            f"Patient?identifier=|{known.patient(rng).number}"
        ),
        "Patient by name": lambda rng: f"Patient?name={known.patient(rng).name}",
        "Patient by family name": lambda rng: f"Patient?family={known.patient(rng).family}",
        "Patient by part of a name": lambda rng: (
            f"Patient?name:contains={known.patient(rng).family[1:6]}"
        ),
        "Patient, birth date": lambda rng: f"Patient?birthdate={1930 + rng.randrange(80)}-03",
        "Patient, _lastUpdated, a day": lambda rng: f"Patient?{known.changed(rng)}",
        "Patient, sorted by name": lambda _: "Patient?_sort=family&_count=50",
        "Patient with their studies": lambda rng: (
            f"Patient?identifier={known.patient(rng).number}&_revinclude=ImagingStudy:patient"
        ),
        "ImagingStudy, any": lambda _: "ImagingStudy",
        "ImagingStudy by patient": lambda rng: f"ImagingStudy?patient={known.patient(rng).key}",
        "ImagingStudy by patient.identifier": lambda rng: (
            f"ImagingStudy?patient.identifier={known.patient(rng).number}"
        ),
        "ImagingStudy by patient.name": lambda rng: (
            f"ImagingStudy?patient.name={known.patient(rng).name}"
        ),
        "ImagingStudy by UID": lambda rng: (
            f"ImagingStudy?identifier=urn:dicom:uid|urn:oid:{known.uid(rng)}"
        ),
        "ImagingStudy by accession number": lambda rng: (
            f"ImagingStudy?identifier=A{known.key(rng):09d}"
        ),
        "ImagingStudy, a month": lambda rng: f"ImagingStudy?{known.month(rng)}",
        "ImagingStudy, a month of a modality": lambda rng: (
            f"ImagingStudy?{known.month(rng)}&modality=CT"
        ),
        "ImagingStudy, a modality": lambda _: "ImagingStudy?modality=MR",
        "ImagingStudy, a modality that is nowhere": lambda _: "ImagingStudy?modality=XX",
        "ImagingStudy, _lastUpdated, a day": lambda rng: f"ImagingStudy?{known.changed(rng)}",
        "ImagingStudy, _lastUpdated, a day of a modality": lambda rng: (
            f"ImagingStudy?{known.changed(rng)}&modality=CT"
        ),
        "ImagingStudy, what is new, in its order": lambda rng: (
            f"ImagingStudy?{known.since(rng)}&_sort=_lastUpdated&_count=100"
        ),
        "ImagingStudy, any page": lambda rng: (
            f"ImagingStudy?_count=50&_total=none&_after={known.key(rng)}"
        ),
        "ImagingStudy, any page by _lastUpdated": lambda rng: (
            f"ImagingStudy?_sort=_lastUpdated&_count=50&_after={known.key(rng)}"
        ),
        "ImagingStudy, any page by date": lambda rng: (
            f"ImagingStudy?_sort=-started&_count=50&_after={known.key(rng)}"
        ),
        "ImagingStudy with patients, 50": lambda rng: (
            f"ImagingStudy?{known.month(rng)}&_include=ImagingStudy:patient&_count=50"
        ),
        "ImagingStudy, read": lambda rng: f"ImagingStudy/{known.uid(rng)}",
        "DiagnosticReport by study": lambda rng: (
            f"DiagnosticReport?study=ImagingStudy/{known.uid(rng, options.results)}"
        ),
        "DiagnosticReport by patient": lambda rng: (
            f"DiagnosticReport?patient={known.patient(rng, options.results).key}"
        ),
        "DiagnosticReport, any": lambda _: "DiagnosticReport",
        "DiagnosticReport, issued in a day": lambda rng: (
            f"DiagnosticReport?{known.changed(rng, 'issued', options.results)}"
        ),
        "DiagnosticReport, _lastUpdated in its order": lambda rng: (
            f"DiagnosticReport?{known.since(rng, options.results)}&_sort=_lastUpdated"
        ),
        "Observation by study": lambda rng: (
            f"Observation?derived-from={known.uid(rng, options.results)}"
        ),
        "Observation, any": lambda _: "Observation",
        "Observation, what was found": lambda _: "Observation?value-concept=nodule",
    }
    return [Page(name, _below(path)) for name, path in asked.items()]


def trail_searches(options: argparse.Namespace) -> list[Page]:
    """Return what an auditor's system asks for."""
    known = Known(options)
    asked: dict[str, Callable[[random.Random], str]] = {
        "AuditEvent, any": lambda _: "AuditEvent",
        "AuditEvent, an hour": lambda rng: f"AuditEvent?{known.hour(rng)}",
        "AuditEvent, an hour of a person": lambda rng: (
            f"AuditEvent?{known.hour(rng)}&agent-name=reader{rng.randrange(300)}"
        ),
        "AuditEvent of a person": lambda rng: (
            f"AuditEvent?agent-name:exact=reader{rng.randrange(300)}"
        ),
        "AuditEvent of nobody": lambda _: "AuditEvent?agent-name=nobody",
        "AuditEvent by study": lambda rng: f"AuditEvent?entity=ImagingStudy/{known.uid(rng)}",
        "AuditEvent by patient": lambda rng: f"AuditEvent?patient={known.patient(rng).key}",
        "AuditEvent, what was refused": lambda _: "AuditEvent?outcome=4",
        "AuditEvent, any page by date": lambda rng: (
            f"AuditEvent?_sort=-date&_count=50&_after={rng.randrange(1, options.records)}"
        ),
    }
    return [Page(name, _below(path)) for name, path in asked.items()]


def _below(path: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: ROOT + path(rng)


class Person:
    """A patient whom somebody asks for."""

    def __init__(self, row: Any) -> None:
        self.key, self.number = row.pk, row.dicom_patient_id
        self.name = row.patient_name_search.replace(" ", "+")
        self.family = row.patient_name_search.split()[0]


class Known:
    """What is there to be asked for."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._studies = options.studies

    def key(self, rng: random.Random, last: int = 0) -> int:
        """Return the key of a study that is not of the other project, which has every twentieth."""
        return rng.randrange(0, (last or self._studies) // 20) * 20 + rng.randrange(1, 20)

    def uid(self, rng: random.Random, last: int = 0) -> str:
        """Return the UID of a study."""
        from archive.models import Study  # noqa: PLC0415 after setup

        uids = Study.objects.values_list("study_instance_uid", flat=True)
        return str(uids.get(pk=self.key(rng, last)))

    def patient(self, rng: random.Random, last: int = 0) -> Person:
        """Return the patient of a study."""
        from archive.models import Study  # noqa: PLC0415 after setup

        return Person(Study.objects.select_related("patient").get(pk=self.key(rng, last)).patient)

    def month(self, rng: random.Random) -> str:
        """Return a month in which studies began."""
        return f"started={rng.randrange(2016, 2025)}-{rng.randrange(1, 13):02d}"

    def changed(self, rng: random.Random, name: str = "_lastUpdated", last: int = 0) -> str:
        """Return a day in which something changed: one study in ten seconds did."""
        day = self._day(rng, last)
        return f"{name}=ge{day:%Y-%m-%dT00:00:00Z}&{name}=lt{day:%Y-%m-%dT23:59:59Z}"

    def since(self, rng: random.Random, last: int = 0) -> str:
        """Return a moment since which much changed."""
        return f"_lastUpdated=gt{self._day(rng, last):%Y-%m-%dT%H:%M:%SZ}"

    def hour(self, rng: random.Random) -> str:
        """Return an hour in which something was recorded."""
        from datetime import timedelta  # noqa: PLC0415 as below

        from django.utils import timezone  # noqa: PLC0415 after setup

        moment = timezone.now() - timedelta(hours=rng.randrange(1, 250))
        return f"date=ge{moment:%Y-%m-%dT%H:00:00Z}&date=lt{moment:%Y-%m-%dT%H:59:59Z}"

    def _day(self, rng: random.Random, last: int) -> Any:
        from datetime import timedelta  # noqa: PLC0415 as above

        from django.utils import timezone  # noqa: PLC0415 after setup

        days = max(2, (last or self._studies) * 10 // 86400)
        return timezone.now() - timedelta(days=rng.randrange(1, days))


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--results", type=int, default=200_000, help="studies with a report")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the audit trail")
    parser.add_argument("--requests", type=int, default=40, help="of each search")
    parser.add_argument("--only", default="", help="searches whose names hold this")
    parser.add_argument("--home", type=Path, help="of a running Twinsight")
    options = parser.parse_args(words)
    options.vectors = 0
    return options


def main(words: list[str] | None = None) -> int:
    """Measure and print the table; 1 where a search misses the goal."""
    options = arguments(words)
    with archive_at(options.home, "bench-fhir-"):
        clinician, auditor = fill(options)
        asked = ((clinician, searches(options)), (auditor, trail_searches(options)))
        found = []
        for user, pages in asked:
            wanted = [page for page in pages if options.only in page.name]
            measure(user, wanted, options)
            found += wanted
        show: Any = print
        show(table(found))
    return int(any(high_of(page) > GOAL_MS for page in found))


def high_of(page: Page) -> float:
    """Return what 95 of 100 requests take at most, in milliseconds."""
    ordered = sorted(page.milliseconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


if __name__ == "__main__":
    sys.exit(main())
