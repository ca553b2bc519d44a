"""Templates with everything in them that is always the same worked out once a language.

Words, addresses, icons and parts without a variable are most of a page, and looking them up again
for each of a list's rows takes longer than what differs. A template is read once for every language
(and every place that the portal lies at), and these nodes become text. What a page says stays the
same to the letter: whatever is not known to be constant is rendered as Django does it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.staticfiles.storage import staticfiles_storage
from django.template import TemplateDoesNotExist
from django.template.base import Node, NodeList, TextNode, Variable, VariableNode
from django.template.defaulttags import CommentNode, IfNode, URLNode, VerbatimNode
from django.template.library import SimpleNode
from django.template.loader_tags import IncludeNode
from django.template.loaders import cached
from django.templatetags.i18n import BlockTranslateNode, LanguageNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext

from archive.portal.folded_nodes import Given, Part, Sentence, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.template import Context
    from django.template.base import FilterExpression, Origin, Template

_SOURCES = (
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
)
FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")
_steady: set[Any] = set()
# Templates that are being folded: one may include another that includes the first.
_busy: ContextVar[tuple[Template, ...]] = ContextVar("folding", default=())


def steady(function: FunctionT) -> FunctionT:
    """Say that a tag returns the same for the same arguments in the same language, always."""
    _steady.add(function)
    return function


class Loader(cached.Loader):
    """Keeps templates a language each, folded."""

    def __init__(self, engine: Any, loaders: Sequence[str] = _SOURCES) -> None:
        super().__init__(engine, list(loaders))

    def cache_key(self, template_name: str, skip: list[Origin] | None = None) -> str:
        """Return what a template is kept by: words and addresses are part of it."""
        key = super().cache_key(template_name, skip)
        return f"{get_language() or ''}:{get_script_prefix()}:{key}"

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        """Return the template, folded the first time."""
        template: Template = super().get_template(template_name, skip)
        busy = _busy.get()
        # Where pages explain their mistakes, nodes stay as they were written.
        if self.engine.debug or isinstance(template.nodelist, Folded) or template in busy:
            return template
        before = _busy.set((*busy, template))
        try:
            template.nodelist = folded(template.nodelist, template)
        finally:
            _busy.reset(before)
        return template


class Folded(NodeList):
    """Nodes one after the other, without a note of where an error lies."""

    def render(self, context: Context) -> SafeString:
        """Return them as one text."""
        return SafeString("".join([node.render(context) for node in self]))  # nosec B703 nodes escape themselves


def folded(nodes: NodeList, template: Template) -> Folded:
    """Return the nodes with constant ones as text, and texts beside each other as one.

    Parameters
    ----------
    nodes
        of a template or of a tag; what lies in them is folded in its place
    template
        that they are of
    """
    found = Folded()
    texts: list[str] = []
    for node in nodes:
        text = _constant(node, template)
        if text is not None:
            texts.append(text)
            continue
        if texts:
            found.append(TextNode("".join(texts)))
            texts = []
        found.append(_quicker(node, template))
    if texts:
        found.append(TextNode("".join(texts)))
    found.contains_nontext = True
    return found


def _constant(node: Node, template: Template) -> str | None:
    """Return what the node always renders to, or None where that is not known."""
    worked_out = _CONSTANTS.get(type(node))
    return worked_out(node, template) if worked_out else None


def _plain(text: Any) -> str | None:
    """Return a text that reads the same escaped and not, whatever a page asks for."""
    return str(text) if str(conditional_escape(text)) == str(text) else None


def _literal(expression: FilterExpression | None) -> str | None:
    """Return the text that an expression consists of; the empty one where there is none."""
    if expression is None:
        return ""
    variable = expression.var
    if expression.filters:
        return None
    return variable if isinstance(variable, str) else None


def _words(node: TranslateNode, _template: Template) -> str | None:
    variable, context = node.filter_expression.var, _literal(node.message_context)
    is_text = isinstance(variable, Variable) and isinstance(variable.literal, str)
    if not is_text or node.filter_expression.filters or node.asvar or context is None:
        return None
    # As Django does it: percent signs are doubled in catalogues; words are never escaped.
    message = str(variable.literal)
    if not node.noop:
        message = message.replace("%", "%%")
        message = pgettext(context, message) if context else gettext(message)
    return message.replace("%%", "%")


def _static(node: StaticNode, _template: Template) -> str | None:
    path = _literal(node.path)
    if path is None or node.varname:
        return None
    try:
        return _plain(staticfiles_storage.url(path))
    except ValueError:  # not collected: that is for the page to say
        return None


def _address(node: URLNode) -> str | None:
    name = _literal(node.view_name)
    if name is None or node.args or node.kwargs:
        return None
    try:
        return _plain(reverse(name))
    except NoReverseMatch:
        return None


def _tag(node: SimpleNode, _template: Template) -> str | None:
    if node.func not in _steady or node.target_var or node.takes_context:
        return None
    given = [_literal(one) for one in node.args]
    named = {name: _literal(one) for name, one in node.kwargs.items()}
    if None in given or None in named.values():
        return None
    output = node.func(*given, **named)
    return str(output) if isinstance(output, SafeString) else _plain(output)


def _sentence(node: BlockTranslateNode, _template: Template) -> str | None:
    found = None if node.asvar or node.extra_context else _message(node)
    return None if found is None or found[1] else found[0] % {}


def _message(node: BlockTranslateNode) -> tuple[str, list[str]] | None:
    """Return a sentence with places for variables, and their names; None where it has two forms."""
    context = _literal(node.message_context)
    if context is None or node.plural:
        return None
    message, names = node.render_token_list(node.singular)
    said = pgettext(context, message) if context else gettext(message)
    try:
        said % dict.fromkeys(names, "")
    except (KeyError, ValueError):
        return None
    return said, names


def _part(node: IncludeNode, template: Template) -> Template | None:
    """Return the template that a node always includes; None where that is not known."""
    name = _literal(node.template)
    if not name:
        return None
    try:
        part: Template = template.engine.get_template(name)
    except TemplateDoesNotExist:
        return None
    return part if isinstance(part.nodelist, Folded) else None


def _whole_part(node: IncludeNode, template: Template) -> str | None:
    """Return a part that is nothing but text."""
    part = None if node.extra_context else _part(node, template)
    if part is None or any(type(one) is not TextNode for one in part.nodelist):
        return None
    return "".join(str(one.s) for one in part.nodelist if isinstance(one, TextNode))


_CONSTANTS: dict[type[Node], Callable[[Any, Template], str | None]] = {
    TextNode: lambda node, _: str(node.s),
    VerbatimNode: lambda node, _: str(node.content),
    CommentNode: lambda _node, _: "",
    TranslateNode: _words,
    BlockTranslateNode: _sentence,
    StaticNode: _static,
    URLNode: lambda node, _: None if node.asvar else _address(node),
    SimpleNode: _tag,
    IncludeNode: _whole_part,
}


def _quicker(node: Node, template: Template) -> Node:
    """Return a node that renders to the same with less work; what lies in it is folded."""
    if isinstance(node, LanguageNode):
        return node  # it speaks another language than the one that is folded for
    made = _QUICKER.get(type(node))
    better = made(node, template) if made else None
    if better is not None:
        better.token = node.token
        return better
    if isinstance(node, IfNode):
        node.conditions_nodelists = [
            (condition, folded(nodes, template)) for condition, nodes in node.conditions_nodelists
        ]
        return node
    for name in node.child_nodelists:
        nodes = getattr(node, name, None)
        if isinstance(nodes, NodeList):
            setattr(node, name, folded(nodes, template))
    return node


def _sentence_with_gaps(node: BlockTranslateNode, _template: Template) -> Node | None:
    found = _message(node)
    return Sentence(node, *found) if found else None


def _given_address(node: URLNode, _template: Template) -> Node | None:
    address = _address(node) if node.asvar else None
    return Given(str(node.asvar), address) if address is not None else None


def _known_part(node: IncludeNode, template: Template) -> Node | None:
    part = _part(node, template)
    return Part(node, part) if part else None


_QUICKER: dict[type[Node], Callable[[Any, Template], Node | None]] = {
    VariableNode: lambda node, _: Value(node.filter_expression),
    BlockTranslateNode: _sentence_with_gaps,
    URLNode: _given_address,
    IncludeNode: _known_part,
}
