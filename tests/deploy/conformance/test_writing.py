"""The conformance statement says what the code does: regenerated, it is the same."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pydicom.uid import UID

from archive.dicomweb.statuses import CODE_REASONS, FAILURE_REASONS
from archive.dimse import contexts
from archive.query.attributes import ATTRIBUTES
from deploy.conformance.tables import TABLES
from deploy.conformance.writing import TEMPLATE, conformance_statement

STATEMENT = Path(__file__).resolve().parents[3] / "docs" / "conformance.md"


def test_the_statement_is_up_to_date():
    assert STATEMENT.read_text("utf-8") == conformance_statement(), "run `manage.py conformance`"


def test_everything_that_is_offered_is_in_it():
    text = STATEMENT.read_text("utf-8")
    named = {
        *contexts.STORAGE_CLASSES,
        *contexts.TRANSFER_SYNTAXES,
        *contexts.QUERY_CLASSES,
        *contexts.MOVE_CLASSES,
        *contexts.GET_CLASSES,
        contexts.COMMITMENT,
        *ATTRIBUTES,
        *(f"| {code:04X} |" for code in {*FAILURE_REASONS.values(), *CODE_REASONS.values()}),
    }
    assert [one for one in named if one not in text] == []
    assert UID(contexts.WORKLIST_FIND).name in text


def test_every_table_is_asked_for():
    template = TEMPLATE.read_text("utf-8")
    assert all(f"{{{{ {name} }}}}" in template for name in TABLES)


def test_the_command_writes_it_and_says_where_it_is_stale(tmp_path):
    target = tmp_path / "conformance.md"
    with pytest.raises(CommandError, match="stale"):
        call_command("conformance", to=target, check=True)

    call_command("conformance", to=target, stdout=StringIO())

    assert target.read_text("utf-8") == conformance_statement()
    call_command("conformance", to=target, check=True)
