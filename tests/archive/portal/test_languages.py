"""The language of pages: chosen, kept, and not by others' addresses; scripts' words."""

import pytest
from django.urls import reverse
from django.utils import translation

from archive.models import Account
from archive.portal.languages import words_version

pytestmark = pytest.mark.django_db
CHOOSE = "/account/language/"


def test_choice_is_kept_and_leads_back(client, radiologist):
    client.force_login(radiologist)

    answer = client.post(
        CHOOSE, {"language": "de"}, headers={"referer": "http://testserver/upload/?x=1"}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/upload/?x=1")
    assert Account.objects.get(user=radiologist).language == "de"
    assert 'lang="de"' in client.get("/upload/").content.decode()
    # The browser has no say any more; without a choice it has.
    client.post(CHOOSE, {"language": ""})
    page = client.get("/upload/", headers={"accept-language": "es-MX,es;q=0.9"})
    assert 'lang="es"' in page.content.decode()
    assert page["Content-Language"] == "es"


@pytest.mark.parametrize("language", ["xx", "de-AT'", "../en", "\x00"])
def test_unknown_language_is_refused(client, radiologist, language):
    client.force_login(radiologist)

    answer = client.post(CHOOSE, {"language": language})

    assert 400 <= answer.status_code < 500
    assert not Account.objects.filter(user=radiologist).exclude(language="").exists()


@pytest.mark.parametrize(
    "back",
    [
        "https://elsewhere.invalid/",
        "//elsewhere.invalid",
        "javascript:1",
        # A page of ours that is not there, whose path is an address once the host is gone.
        "http://testserver//elsewhere.invalid/",
    ],
)
def test_nobody_is_led_elsewhere(client, radiologist, back):
    client.force_login(radiologist)

    answer = client.post(CHOOSE, {"language": "de"}, headers={"referer": back})

    assert answer["Location"] == reverse("portal:study-list")


def test_strangers_choose_nothing(client):
    assert client.post(CHOOSE, {"language": "de"})["Location"].startswith("/login/")


def test_programs_are_answered_in_english_after_any_page(client, radiologist):
    client.force_login(radiologist)
    client.post(CHOOSE, {"language": "de"})
    client.get("/upload/")
    assert translation.get_language() == "de"

    answer = client.get("/api/v1/spaces", headers={"accept-language": "es"})

    assert translation.get_language() == "en"
    assert "Content-Language" not in answer


def test_words_of_scripts_are_kept_by_their_version(client):
    newest = client.get(reverse("portal:words", args=("de", words_version("de"))))
    older = client.get(reverse("portal:words", args=("de", "0")))

    assert newest.status_code == older.status_code == 200
    assert newest["Content-Type"].startswith("text/javascript")
    assert "immutable" in newest["Cache-Control"]
    assert older["Cache-Control"] == "no-cache"
    assert "django.gettext" in newest.content.decode()
    assert client.get(reverse("portal:words", args=("xx", "0"))).status_code == 404
