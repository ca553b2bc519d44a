"""What is told of the service is what it does: the table against the URLs, path by path."""

import re
from xml.etree import ElementTree

import pytest

from archive.dicomweb import capabilities, urls
from archive.dicomweb.wadl import NAMESPACE

pytestmark = pytest.mark.django_db

ROOT = "/dicom-web/"
ROUTES = [str(pattern.pattern) for pattern in urls.urlpatterns]
TEMPLATES = {re.sub(r"<\w+:(\w+)>", r"{\1}", route) for route in ROUTES} - {""}
UIDS = {"study": "1.2", "series": "1.3", "instance": "1.4", "numbers": "1", "path": "00420011"}


def own_resources():
    return {one.path: one for one in capabilities.all_resources() if one.path in TEMPLATES}


def address(path):
    return ROOT + path.format(**UIDS)


def test_every_path_is_told_and_every_told_path_is_there():
    assert set(own_resources()) == TEMPLATES


@pytest.mark.parametrize("path", sorted(TEMPLATES))
def test_options_tells_the_methods_of_a_path(web, path):
    response = web.options(address(path))

    assert response.status_code == 200
    methods = {one.method for one in own_resources()[path].operations}
    assert set(response["Allow"].split(", ")) - {"OPTIONS", "HEAD"} == methods
    document = ElementTree.fromstring(response.content)  # noqa: S314 our own
    told = [one.get("path") for one in document.iter(f"{{{NAMESPACE}}}resource")]
    assert path in told
    assert all(one.startswith(path) for one in told)
    for method in {"GET", "POST", "PUT", "DELETE"} - methods:
        assert web.generic(method, address(path)).status_code == 405


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/vnd.sun.wadl+xml"),
        ("application/vnd.sun.wadl+json", "application/vnd.sun.wadl+json"),
        ("application/json", "application/json"),
    ],
)
def test_the_root_tells_everything(web, accept, content_type):
    for method in (web.options, web.get):
        response = method(ROOT, headers={"accept": accept})

        assert response.status_code == 200
        assert response["Content-Type"] == content_type
        for one in capabilities.all_resources():
            assert one.path.encode() in response.content
    assert web.options(ROOT, headers={"accept": "text/html"}).status_code == 406


def test_the_search_names_its_keys(web):
    document = web.options(f"{ROOT}studies", headers={"accept": "application/json"}).json()

    (studies, *_) = document["application"]["resources"]["resource"]
    search, store = studies["method"]
    names = {one["name"] for one in search["request"]["param"]}
    assert {"PatientName", "StudyDate", "ModalitiesInStudy", "limit", "fuzzymatching"} <= names
    assert "Modality" not in names
    consumed = {one["mediaType"] for one in store["request"]["representation"]}
    assert 'multipart/related; type="application/dicom+json"' in consumed


def test_strangers_are_told_nothing(client):
    assert client.options(ROOT).status_code == 401
