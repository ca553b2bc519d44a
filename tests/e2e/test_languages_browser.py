"""Pages in each language, in a real browser: what they say, whether it fits, whether axe agrees."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.utils import translation

from deploy.translations.compiling import compile_catalogues
from tests.browsing import MARKS, assert_accessible, take_picture, take_pictures
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

pytestmark = MARKS
OTHERS = [code for code, _ in settings.LANGUAGES if code != "en"]
# How each begins a date of the 29th of February 2024.
DATES = {"de": "29.02.2024", "es": "29/02/2024", "zh-hans": "2024-02-29"}


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compile_catalogues()


@pytest.fixture
def study_path(archive_admin, project) -> str:
    datasets = make_ct_series(chest_phantom()[:3])
    for one in datasets:
        one.StudyDate = "20240229"
    store_datasets(*datasets, project=project)
    return f"/studies/{datasets[0].StudyInstanceUID}/"


@pytest.mark.parametrize("language", OTHERS)
def test_pages_speak_the_language_that_was_chosen(
    study_path, sign_in, complaints, live_server, language
):
    page = sign_in("archive_admin")
    page.locator(".bar-end details.menu summary").click()
    take_picture(page, f"language-{language}-menu")
    assert_accessible(page, inside=".bar")
    page.locator(f'button[name="language"][value="{language}"]').click()
    page.wait_for_function("code => document.documentElement.lang === code", arg=language)
    assert re.search(r"/studies/$", page.url)

    pages = {"list": "/studies/", "study": study_path, "upload": "/upload/", "manage": "/manage/"}
    for name, path in pages.items():
        page.goto(f"{live_server.url}{path}")
        assert page.evaluate("document.documentElement.lang") == language
        take_pictures(page, f"language-{language}-{name}")
        assert_accessible(page)
    page.goto(f"{live_server.url}/studies/")
    with translation.override(language):
        heading = translation.gettext("Studies")
        of_scripts = "Compare"
    assert heading != "Studies"
    assert page.get_by_role("link", name=heading).first.is_visible()
    assert page.get_by_text(DATES[language]).first.is_visible()
    said = page.evaluate("text => gettext(text)", of_scripts)
    assert said != of_scripts

    assert complaints == []
