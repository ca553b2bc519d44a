"""Commands as an operator runs them."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command


class Ran:
    """What a command wrote."""

    def __init__(self, out: str, err: str, error: Exception | None) -> None:
        self.out, self.err, self.error = out, err, error


@pytest.fixture
def run():
    def run_command(*arguments: object) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        error = None
        try:
            call_command(*(str(argument) for argument in arguments), stdout=out, stderr=err)
        except Exception as caught:  # noqa: BLE001 the test looks at it
            error = caught
        return Ran(out.getvalue(), err.getvalue(), error)

    return run_command
