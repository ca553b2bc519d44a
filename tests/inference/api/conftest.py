"""A signed-in radiologist, and a space whose encoder is really there."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.builders.vectors import make_space


@pytest.fixture
def client(radiologist) -> Client:
    """The radiologist's; errors of the server are answers here, not exceptions."""
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    return client


@pytest.fixture
def encoder_space(db, embedder_path):
    """The default space, with the encoder that its pictures are asked by."""
    space = make_space(dimension=384)
    space.model_version.bundle_path = str(embedder_path)
    space.model_version.save()
    return space
