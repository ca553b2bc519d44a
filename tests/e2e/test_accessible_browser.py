"""Every page of the portal under WCAG 2.2 AA by axe, in both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.browsing import MARKS, assert_accessible
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = MARKS
# What answers with no page of the portal: programs' doors, other products' pages, files.
OTHERS = (
    "admin/", "api/", "dicom-web/", "wado", "fhir/", "oauth/", "healthz", "readyz", "metrics",
    "viewer/", "logout/", ".well-known/", "static/",
)  # fmt: skip


def plain_paths(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Paths without parameters."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from plain_paths(pattern.url_patterns, path)
        elif "<" not in path and "(" not in path:
            yield path


@pytest.fixture
def study_path(archive_admin, project) -> str:
    datasets = make_ct_series(chest_phantom()[:3])
    store_datasets(*datasets, project=project)
    return f"studies/{datasets[0].StudyInstanceUID}/"


def test_pages_without_parameters(study_path, sign_in, complaints, live_server):
    page = sign_in("archive_admin")
    problems = []
    paths = [
        path for path in plain_paths(get_resolver().url_patterns) if not path.startswith(OTHERS)
    ]
    for path in [*dict.fromkeys(paths), study_path]:
        # Asked beside the page first: what is refused on purpose, or is a file, is none.
        answer = page.request.get(f"{live_server.url}/{path}")
        if not answer.ok or "html" not in answer.headers.get("content-type", ""):
            continue
        if "<main" not in answer.text():
            continue  # a part of a page
        page.goto(f"{live_server.url}/{path}")
        page.wait_for_load_state("networkidle")
        try:
            assert_accessible(page)
        except AssertionError as error:
            problems.append(f"/{path}\n{error}")
    assert not problems, "\n\n".join(problems)
    assert complaints == []
