"""The design system on a page: tokens, components and states, drawn from the style sheets."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

_STATIC = Path(__file__).with_name("static") / "portal"
_TOKEN = re.compile(r"--([a-z0-9-]+):\s*([^;]+);")
_SYMBOL = re.compile(r'<symbol[^>]*\bid="([a-z0-9-]+)"')
GROUPS: tuple[tuple[_StrPromise, tuple[str, ...]], ...] = (
    (_("Ground and lines"), ("bg", "surface", "raised", "hover", "line", "line-strong")),
    (_("Text"), ("text", "text-2", "text-3", "on-accent")),
    (
        _("The case in hand is warm, its twin is cool"),
        ("query", "query-soft", "twin", "twin-strong", "twin-soft"),
    ),
    (
        _("States"),
        ("ok", "ok-soft", "warn", "warn-soft", "bad", "bad-soft", "busy", "busy-soft"),
    ),
    (_("Modalities"), ("mod-ct", "mod-mr", "mod-xr", "mod-us", "mod-nm", "mod-other")),
)


class Token(NamedTuple):
    """A colour: its name, and its values in the dark and the light theme."""

    name: str
    dark: str
    light: str


@cache
def colours() -> dict[str, Token]:
    """Return the colours of `tokens.css` by their names."""
    text = (_STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    dark, _mark, light = text.partition('[data-theme="light"]')
    in_light = dict(_TOKEN.findall(light))
    return {
        name: Token(name, value, in_light[name])
        for name, value in _TOKEN.findall(dark)
        if value.startswith("#")
    }


@cache
def icon_names() -> list[str]:
    """Return the icons of the sprite."""
    return sorted(_SYMBOL.findall((_STATIC / "img" / "icons.svg").read_text(encoding="utf-8")))


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Show what pages are made of."""
    groups = [(label, [colours()[name] for name in names]) for label, names in GROUPS]
    return render(request, "portal/design.html", {"groups": groups, "icons": icon_names()})
