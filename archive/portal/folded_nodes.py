"""Nodes of templates that render to what Django's own do, with less work (`folding`)."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from django.template.base import Node, VariableNode
from django.template.base import render_value_in_context as in_context
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django.template import Context
    from django.template.base import Template
    from django.template.loader_tags import IncludeNode
    from django.templatetags.i18n import BlockTranslateNode

_NOTHING = object()


class Value(VariableNode):
    """A variable; what is text already goes through nothing that is for numbers and dates."""

    def render(self, context: Context) -> str:
        """Return the value, escaped."""
        output = self.filter_expression.resolve(context)
        kind = type(output)
        if kind is SafeString:
            return output  # type: ignore[no-any-return]  # it is a text
        if kind is str:
            return html.escape(output) if context.autoescape else output
        return in_context(output, context)


class Sentence(Node):
    """Translated words with variables in them, whose translation is known."""

    child_nodelists = ()

    def __init__(self, node: BlockTranslateNode, said: str, names: list[str]) -> None:
        self.said, self.names = said, names
        self.given, self.variable = node.extra_context, node.asvar

    def render(self, context: Context) -> str:
        """Return the words, or set the variable to them."""
        given = {name: value.resolve(context) for name, value in self.given.items()}
        missing: str = context.template.engine.string_if_invalid  # type: ignore[union-attr]  # while rendering
        values = {}
        for name in self.names:
            value = given[name] if name in given else context.get(name, _NOTHING)
            if value is _NOTHING:
                value = missing % name if "%s" in missing else missing
            values[name] = in_context(value, context)
        said = self.said % values
        if self.variable:
            context[self.variable] = SafeString(said)  # nosec B703 its values are escaped
            return ""
        return said


class Given(Node):
    """A variable that is always set to the same."""

    child_nodelists = ()

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def render(self, context: Context) -> str:
        """Set it."""
        context[self.name] = self.value
        return ""


class Part(Node):
    """A part whose template is known."""

    child_nodelists = ()

    def __init__(self, node: IncludeNode, part: Template) -> None:
        self.part, self.given = part, node.extra_context
        self.is_alone = node.isolated_context

    def render(self, context: Context) -> str:
        """Return it with what it is given."""
        given = {name: value.resolve(context) for name, value in self.given.items()}
        if self.is_alone:
            return str(self.part.render(context.new(given)))
        with context.push(**given):
            return str(self.part.render(context))
