"""The design system's page: whole, and for everybody who is signed in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from archive.portal import design

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db
CSS = Path(design.__file__).with_name("static") / "portal" / "css"
# Beginnings of what components are called; what stands inside them is theirs.
_COMPONENT = re.compile(r"^\.([a-z]+(?:-[a-z]+)*)[ :,\[{.]", re.MULTILINE)
# Said elsewhere: what scripts add, and the way back on pages below others.
ELSEWHERE = {"crumbs"}


def test_every_colour_icon_and_component_is_on_the_page(client: Client, radiologist: User) -> None:
    client.force_login(radiologist)
    page = client.get(reverse("portal:design")).content.decode()
    shown = {name for _label, names in design.GROUPS for name in names}
    assert shown == set(design.colours())
    for name, token in design.colours().items():
        assert f"--{name}<" in page
        assert token.light in page
    assert len(design.icon_names()) > 50
    assert all(f"#{name}" in page for name in design.icon_names())
    classes = set(" ".join(re.findall(r'class="([^"]*)"', page)).split())
    components = set(_COMPONENT.findall((CSS / "components.css").read_text(encoding="utf-8")))
    assert len(components) > 30
    assert components - classes == ELSEWHERE


def test_pages_of_pictures_are_dark_in_both_themes():
    """What the light theme changes is dark there again: dark words on black nobody reads."""
    tokens = (CSS / "tokens.css").read_text(encoding="utf-8")
    viewer = (CSS / "viewer.css").read_text(encoding="utf-8")
    dark, light = (_declared(tokens, head) for head in (":root", ':root[data-theme="light"]'))
    there = _declared(viewer, ".viewer-page")

    assert light.keys() <= there.keys()
    # Surfaces and lines are darker still beside a picture.
    differing = {name for name in light if there[name] != dark[name]}
    assert differing == {"--bg", "--surface", "--raised", "--line"}


def _declared(css: str, head: str) -> dict[str, str]:
    block = css.partition(f"\n{head} {{")[2].partition("\n}")[0]
    return dict(re.findall(r"^\s*(--[\w-]+):\s*([^;]+);", block, re.MULTILINE))
