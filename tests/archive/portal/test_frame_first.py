"""A page's frame is sent before what takes time, to browsers that open it."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from archive.portal.frame_first import render_frame_first

pytestmark = pytest.mark.django_db
OPENED = {"Sec-Fetch-Mode": "navigate"}
PAGES = ("/studies/?all", "/dashboard/", "/similar/")


def parts_of(answer):
    assert answer.streaming
    assert answer.headers["X-Accel-Buffering"] == "no"
    return [part.decode() for part in answer.streaming_content]


def plain(page):
    """Leave out what differs each time: masked tokens, the moment from which on studies are new."""
    page = re.sub(r"[A-Za-z0-9]{64}", "", page)
    page = re.sub(r"since=[^\"&]+", "", page)
    # How each of both kinds sees to it that nothing moves while it comes in.
    page = page.replace('<link rel="expect" href="#help" blocking="render" />', "")
    page = page.replace('<body class="in-parts ', '<body class=" ')
    return re.sub(r"\s+", " ", page)


@pytest.mark.parametrize("path", PAGES)
def test_frame_and_rest_are_the_whole_page(client, radiologist, make_result, path):
    make_result(1)
    client.force_login(radiologist)
    client.cookies["twinsight_theme"] = "light"

    for language in ("en", "de"):
        headers = {"Accept-Language": language}
        whole = client.get(path, headers=headers).content.decode()
        frame, rest = parts_of(client.get(path, headers={**headers, **OPENED}))

        assert plain(frame + rest) == plain(whole)
        assert f'lang="{language}"' in frame
        assert '<header class="bar">' in frame
        assert "Case1" not in frame
    assert ("Case1" in rest) == path.startswith("/studies")


def test_frame_leaves_before_the_rest_is_asked_for(client, radiologist, make_result):
    make_result(1)
    client.force_login(radiologist)
    client.get("/studies/?all")  # fills what is kept for all
    with CaptureQueriesContext(connection) as before:
        answer = client.get("/studies/?all", headers=OPENED)
    with CaptureQueriesContext(connection) as behind:
        parts_of(answer)
    whole = CaptureQueriesContext(connection)
    with whole:
        client.get("/studies/?all")

    assert not any("patient_name" in one["sql"] for one in before.captured_queries)
    assert any("patient_name" in one["sql"] for one in behind.captured_queries)
    # Memberships are read once more: they may have been taken away meanwhile.
    assert len(before) + len(behind) <= len(whole) + 1


@pytest.mark.parametrize("path", ["/similar/?study=1.2.3.99", "/dashboard/?project=nowhere"])
def test_what_is_not_there_has_its_status(client, radiologist, path):
    client.force_login(radiologist)

    assert client.get(path, headers=OPENED).status_code == 404


def test_others_get_the_page_whole(client, radiologist):
    client.force_login(radiologist)

    # Whether examples are within the rights, the search alone says.
    assert not client.get("/similar/?positive=1.2.3.99", headers=OPENED).streaming
    assert not client.head("/studies/?all", headers=OPENED).streaming
    assert not client.get("/studies/?all").streaming
    assert not client.get("/studies/?all", headers={**OPENED, "HX-Request": "true"}).streaming


def test_rest_that_fails_is_said_on_the_page_and_in_the_log(rf, radiologist, caplog):
    request = rf.get("/dashboard/", headers=OPENED)
    request.user = radiologist

    def fail():
        raise RuntimeError("the disk is gone")

    frame, rest = parts_of(render_frame_first(request, "dashboard/dashboard.html", fail))

    assert "<title>Dashboard" in frame
    assert "Something failed on our side" in rest
    assert rest.rstrip().endswith("</html>")
    assert "the disk is gone" in caplog.text
    assert "the disk is gone" not in rest
