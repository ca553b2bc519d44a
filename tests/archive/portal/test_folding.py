"""Folded templates say what Django's own would, letter by letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Engine
from django.template.base import TextNode
from django.template.defaulttags import IfNode
from django.utils.translation import override

from archive.portal.folding import Folded

PARTS = {
    "text.html": "<b>{% translate 'Save' %}</b>",
    "row.html": "{{ word }}{% if word %}{% include 'text.html' %}{% endif %}{{ number }}",
    "round.html": "{% if depth %}{{ depth|length }}"
    "{% include 'round.html' with depth='' %}{% endif %}",
    "base.html": "<p>{% block one %}{% icon 'x' %}{% endblock %}</p>{% include 'text.html' %}",
}
PAGES = {
    "words": "{% translate 'Save' %} {% translate 'Close' noop %}"
    "{% translate 'From' context 'range' %}",
    "a variable's words": "{% translate word %}{% translate 'Save' as said %}[{{ said }}]",
    "filtered words": "{% translate 'Save'|upper %}",
    "quotes": '{% translate "It\'s <b> & 100 %" %}',
    "a sentence": "{% blocktranslate trimmed %}\n Press <kbd>?</kbd> for keyboard shortcuts\n"
    "{% endblocktranslate %}",
    "gaps": "{% blocktranslate with name=word trimmed %}By {{ name }} {{ number }} {{ nothing }}"
    "{% endblocktranslate %}|{{ name }}",
    "a set sentence": "{% blocktranslate asvar said %}By {{ word }}{% endblocktranslate %}"
    "{{ said }}",
    "two forms": "{% blocktranslate count n=number %}{{ n }} image{% plural %}{{ n }} images"
    "{% endblocktranslate %}",
    "percent": "{% blocktranslate %}100 % of {{ word }}{% endblocktranslate %}",
    "places": "{% url 'portal:study-list' %}{% url 'portal:study-list' as at %}{{ at }}"
    "{% url 'nowhere:at-all' as none %}[{{ none }}]{% url 'portal:study-detail' '1.2' %}",
    "icons": "{% icon 'x' %}{% icon 'x' 'spin' %}{% icon word %}{% icon 'x' as kept %}{{ kept }}",
    "values": "{{ word }}{{ safe|safe }}{{ number }}{{ when|date:'Y' }}{{ nothing }}{{ share }}",
    "unescaped": "{% autoescape off %}{{ word }}{% translate word %}{% endautoescape %}{{ word }}",
    "another language": "{% language 'es' %}{% translate 'Save' %}{% include 'text.html' %}"
    "{% endlanguage %}{% translate 'Save' %}",
    "branches": "{% if number %}{% translate 'Save' %}{% elif word %}{% icon 'x' %}{% else %}-"
    "{% endif %}{% for one in 'abc' %}{{ one }}{% translate 'Close' %}{% empty %}-{% endfor %}",
    "parts": "{% include 'row.html' %}{% include 'row.html' with word='&' only %}"
    "{% include name %}{% for word in 'abc' %}{% include 'row.html' %}{% endfor %}",
    "a part of itself": "{% include 'round.html' with depth='ab' %}",
    "changes": "{% for one in 'aab' %}{% ifchanged one %}{% translate 'Save' %}{% endifchanged %}"
    "{% cycle 'x' 'y' %}{% endfor %}{% with a=word %}{{ a }}{% endwith %}",
    "inherited": "{% extends 'base.html' %}{% block one %}{{ block.super }}{{ word }}"
    "{% endblock %}",
    "left out": "{% comment %}no{% endcomment %}{# no #}{% verbatim %}{{ yes }}{% endverbatim %}",
}
OURS = "archive.portal.folding.Loader"
DJANGOS = "django.template.loaders.cached.Loader"


def _engine(loader: str) -> Engine:
    return Engine(
        loaders=[(loader, [("django.template.loaders.locmem.Loader", {**PARTS, **PAGES})])],
        builtins=[
            *Engine.default_builtins,
            "django.templatetags.i18n",
            "archive.portal.presentation",
        ],
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_folded_page_reads_as_before(page):
    ours, djangos = (_engine(loader) for loader in (OURS, DJANGOS))
    given: dict[str, object] = {
        "word": "<a & 'b'>",
        "number": 12345,
        "safe": "<i>",
        "name": "text.html",
        "share": None,
    }
    for language in ("en", "de", "zh-hans", "en"):
        for escaped in (True, False):
            with override(language):
                said = [
                    engine.get_template(page).render(Context(dict(given), autoescape=escaped))
                    for engine in (ours, djangos, ours)
                ]
            assert said[0] == said[1] == said[2]


def test_what_is_constant_is_text_and_what_is_not_is_kept():
    engine = _engine(OURS)
    with override("de"):
        german = engine.get_template("text.html")
        (branch,) = (n for n in engine.get_template("branches").nodelist if isinstance(n, IfNode))
    with override("en"):
        english = engine.get_template("text.html")
    assert [type(one) for one in german.nodelist] == [TextNode]
    assert german.nodelist[0].s != english.nodelist[0].s
    assert "Save" in english.nodelist[0].s
    assert all(isinstance(nodes, Folded) for _, nodes in branch.conditions_nodelists)
    assert len(engine.get_template("gaps").nodelist) > 1


def test_every_template_of_the_portal_can_be_folded():
    engine = Engine.get_default()
    folder = Path(settings.BASE_DIR) / "templates"
    names = [str(path.relative_to(folder)) for path in folder.rglob("*.html")]
    assert len(names) > 100
    with override("de"):
        assert all(isinstance(engine.get_template(one).nodelist, Folded) for one in names)
