"""One transaction an act, tried again where the database let another one go first."""

from __future__ import annotations

import random
import time
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")
_ATTEMPTS = 4
_RETRIED_STATES = frozenset({"40001", "40P01"})


def in_one_transaction(act: Callable[P, T]) -> Callable[P, T]:
    """Run a service in a transaction; a deadlock with a store is no reason to fail."""

    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # Inside another transaction only its owner can begin anew.
        attempts = 1 if connection.in_atomic_block else _ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                with transaction.atomic():
                    return act(*args, **kwargs)
            except OperationalError as error:
                state = getattr(error.__cause__, "sqlstate", None)
                if state not in _RETRIED_STATES or attempt == attempts:
                    raise
                time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 not for secrets
        raise AssertionError("unreachable")

    return run
