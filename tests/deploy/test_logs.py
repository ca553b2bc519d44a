"""Logs are JSON, a line each, and hold no patients."""

import json
import logging
import subprocess
import sys
from pathlib import Path

from django.test import RequestFactory

from deploy.logs import JsonFormatter

ROOT = Path(__file__).resolve().parents[2]


def test_record_becomes_one_line_of_json_with_its_extras() -> None:
    record = logging.makeLogRecord(
        {"name": "archive.ingest", "levelname": "INFO", "msg": "two\nlines", "instance": 7}
    )

    line = JsonFormatter().format(record)

    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["message"], entry["instance"], entry["level"]) == ("two\nlines", 7, "info")


def test_request_that_is_refused_is_logged_without_what_it_asked_for() -> None:
    request = RequestFactory().get("/dicom-web/studies/Marker", {"PatientName": "Marker^Name"})
    record = logging.makeLogRecord(
        {"msg": "Bad Request: %s", "args": (request.path,), "request": request, "status_code": 400}
    )

    line = JsonFormatter().format(record)

    assert "Marker" not in line
    assert json.loads(line)["status_code"] == 400


def _stumble(name: str) -> None:
    try:
        raise ValueError(f"Invalid value for VR CS: {name!r}\nKey (name)=({name})")  # noqa: TRY301
    except ValueError as error:
        raise KeyError(name) from error


def test_error_is_logged_without_the_values_that_it_stumbled_over() -> None:
    try:
        _stumble("Marker^Name")
    except KeyError as error:
        # As Celery does it: the error's words in the message, and once more beside it.
        record = logging.makeLogRecord(
            {
                "msg": "Task raised unexpected: %s",
                "args": (repr(error),),
                "exc_info": sys.exc_info(),
                "data": {"exc": repr(error)},
            }
        )

    entry = json.loads(JsonFormatter().format(record))

    assert "Marker^Name" not in entry["exception"].replace('_stumble("Marker^Name")', "")
    assert "Marker" not in entry["message"] + str(entry.get("data"))
    assert entry["message"] == "Task raised unexpected: KeyError: …"
    assert "builtins.ValueError: Invalid value for VR CS: …" in entry["exception"]
    assert entry["exception"].index("ValueError") < entry["exception"].index("KeyError")
    assert "in _stumble" in entry["exception"], "where it happened"


def test_warnings_of_libraries_that_quote_names_reach_no_log() -> None:
    program = (
        "import django, warnings; django.setup();"
        "warnings.warn('The string \"Marker^Name\" is unlikely to be a name');"
        "from pydicom.valuerep import PersonName; from highdicom.valuerep import check_person_name;"
        "check_person_name('MarkerSingle')"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "Marker" not in done.stdout + done.stderr
