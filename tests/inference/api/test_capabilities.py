"""What is told of the worklist against its URLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from archive.dicomweb.capabilities import all_resources
from inference.api import workitem_urls
from inference.api.capabilities import RESOURCES

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
ROUTES = {re.sub(r"<\w+:(\w+)>", r"{\1}", str(one.pattern)) for one in workitem_urls.urlpatterns}


def test_every_path_is_told() -> None:
    assert {one.path for one in RESOURCES} == ROUTES
    assert set(RESOURCES) <= set(all_resources())


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.path)
def test_options_tells_the_methods_of_a_path(radiologist: User, resource) -> None:
    client = Client(headers={"accept": "application/vnd.sun.wadl+json"})
    client.force_login(radiologist)

    answer = client.options(f"/dicom-web/{resource.path.format(uid='2.25.1', ae_title='A')}")

    assert answer.status_code == 200, answer.content
    methods = {one.method for one in resource.operations}
    assert set(answer["Allow"].split(", ")) - {"OPTIONS", "HEAD"} == methods
    assert resource.path in answer.content.decode()


def test_there_is_no_event_channel(radiologist: User) -> None:
    client = Client()
    client.force_login(radiologist)

    answer = client.get("/dicom-web/subscribers/WATCHER")

    assert answer.status_code == 501
    assert "N-EVENT-REPORT" in answer.json()["detail"]
