from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User


@pytest.fixture
def browser() -> Callable[[User], Client]:
    """Sign someone in, as the portal does."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def web(browser: Callable[[User], Client], radiologist: User) -> Client:
    """The radiologist's browser."""
    return browser(radiologist)
