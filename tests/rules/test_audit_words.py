"""Whatever the code records in the audit trail has words in every language.

How acts are found: `archive.audit.services._record` and `_values` take the act by its name or as
their third argument. What is passed there is read from the source: a literal is an act; of a
condition both sides are; a name stands for what is assigned to it in the function or the module; a
mapping for all its values; an attribute ``.act`` for every ``act=`` an object is made with. Where
it is a parameter of the function around it, that function's callers are asked the same, and so on
until nothing new is found. What cannot be followed so fails: acts are written out, never composed.

Details are found more simply: every mapping written out under the name of ``details``, wherever the
audit trail is imported.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils.translation import override

from archive.audit.atna import EVENTS
from archive.portal.act_detail_terms import NAMES
from archive.portal.act_words import _WORDS, EVENT_WORDS, act_words

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("archive", "inference", "deploy")
SERVICES = "archive.audit.services"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A file of the source: what its names stand for, and its functions with their class."""

    name: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: list[tuple[str, Function]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    self.imports[one.asname or one.name] = f"{node.module}.{one.name}"
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self.constants[ast.unparse(node.target)] = node.value
        self._gather(self.tree, "")

    def _gather(self, node: ast.AST, inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                self.functions.append((inside, child))
            self._gather(child, child.name if isinstance(child, ast.ClassDef) else inside)

    def called(self, function: ast.expr, inside: str) -> str:
        """Return the whole name of what is called; empty where it can't be told."""
        if isinstance(function, ast.Name):
            return self.imports.get(function.id, f"{self.name}.{function.id}")
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = function.value.id
            if owner in {"self", "cls"}:
                return f"{self.name}.{inside}.{function.attr}"
            if owner in self.imports:
                return f"{self.imports[owner]}.{function.attr}"
        return ""


@dataclass
class Found:
    """What the source records: acts with a place each, and what could not be followed."""

    acts: dict[str, str] = field(default_factory=dict)
    composed: list[str] = field(default_factory=list)


@cache
def modules() -> list[Module]:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [
        Module(
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
            ast.parse(path.read_text(encoding="utf-8")),
        )
        for path in paths
        if "migrations" not in path.parts
    ]


@cache
def recorded() -> Found:
    """Follow acts from where they are kept to where they are written out."""
    found = Found()
    # Function: the name of its parameter that is an act, and where it stands.
    taking: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    taking[f"{SERVICES}._record"] = taking[f"{SERVICES}._values"] = {("act", 2)}
    before = -1
    while before != sum(map(len, taking.values())):
        before = sum(map(len, taking.values()))
        for module in modules():
            for inside, function in module.functions:
                _follow(module, inside, function, taking, found)
    return found


def _follow(
    module: Module,
    inside: str,
    function: Function,
    taking: dict[str, set[tuple[str, int | None]]],
    found: Found,
) -> None:
    own = ".".join(filter(None, (module.name, inside, function.name)))
    parameters = [one.arg for one in function.args.args]
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        for name, position in taking.get(module.called(call.func, inside), set()).copy():
            place = f"{module.name}:{call.lineno}"
            for value in _written(module, function, _argument(call, name, position)):
                if isinstance(value, str):
                    found.acts.setdefault(value, place)
                elif isinstance(value, ast.arg):
                    here = parameters.index(value.arg) if value.arg in parameters else None
                    taking[own].add((value.arg, here if here is None else here - bool(inside)))
                elif own != f"{SERVICES}._record" and place not in found.composed:
                    found.composed.append(place)


def _argument(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is None or len(call.args) <= position:
        return None
    return call.args[position]


def _written(
    module: Module, function: Function, node: ast.expr | None
) -> Iterator[str | ast.arg | None]:
    """Give the literals that an expression stands for, parameters, and None for what is neither."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _written(module, function, node.body)
        yield from _written(module, function, node.orelse)
    elif isinstance(node, ast.Name):
        yield from _named(module, function, node.id)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        mapping = module.constants.get(node.value.id)
        values = mapping.values if isinstance(mapping, ast.Dict) else [None]
        for value in values:
            yield from _written(module, function, value)
    elif isinstance(node, ast.Attribute) and node.attr == "act":
        yield from _of_objects()
    else:
        yield None


def _named(module: Module, function: Function, name: str) -> Iterator[str | ast.arg | None]:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    given = [one for one in arguments if one.arg == name]
    assigned = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    yield from given
    for value in assigned:
        yield from _written(module, function, value)
    if not given and not assigned:
        yield from _written(module, function, module.constants.get(name))


@cache
def _of_objects() -> tuple[str, ...]:
    """Return the acts that objects are made with: ``StudyPanel(..., act="similar")``."""
    calls = (
        node for module in modules() for node in ast.walk(module.tree) if isinstance(node, ast.Call)
    )
    return tuple(
        keyword.value.value
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2][:1].isupper()
        for keyword in call.keywords
        if keyword.arg == "act"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    )


def detail_names() -> dict[str, str]:
    """Return the names of details with a place each."""
    found: dict[str, str] = {}
    for module in modules():
        about_audit = module.name.startswith("archive.audit.") or any(
            one.startswith("archive.audit") for one in module.imports.values()
        )
        for node in ast.walk(module.tree) if about_audit else ():
            for mapping in _details(node):
                for key in mapping.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        found.setdefault(key.value, f"{module.name}:{mapping.lineno}")
    return found


def _details(node: ast.AST) -> Iterator[ast.Dict]:
    value: ast.expr | None = None
    if isinstance(node, ast.keyword) and node.arg == "details":
        value = node.value
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        is_named = any(isinstance(one, ast.Name) and one.id == "details" for one in targets)
        value = node.value if is_named else None
    if isinstance(value, ast.Dict):
        yield value


def test_acts_are_found_at_all() -> None:
    acts = recorded().acts
    # Written out, passed on, chosen from a mapping, on either side of a condition, of an object.
    assert {"login", "cancel-run", "find-study", "hold", "lift-hold", "similar"} <= set(acts)
    assert len(acts) > 150


def test_every_act_is_written_out_somewhere() -> None:
    assert recorded().composed == [], "write acts out: what is composed can't be looked for"


def test_every_recorded_act_has_words() -> None:
    lacking = {act: place for act, place in recorded().acts.items() if act not in _WORDS}
    assert lacking == {}, "give it words in archive/portal/act_words.py, and translate them"


def test_no_words_are_kept_for_what_is_not_recorded() -> None:
    assert set(_WORDS) - set(recorded().acts) == set()


@pytest.mark.parametrize("language", ["en", "de", "es", "zh-hans"])
def test_no_two_acts_share_their_words(language: str) -> None:
    with override(language):
        said = [act_words(act) for act in _WORDS]

    assert sorted({words for words in said if said.count(words) > 1}) == []


def test_every_kind_of_event_has_words() -> None:
    assert set(EVENT_WORDS) == set(EVENTS)


def test_every_detail_has_a_name_for_people() -> None:
    names = detail_names()
    assert {"instances", "deidentified", "peer"} <= set(names)
    lacking = {name: place for name, place in names.items() if name not in NAMES}
    assert lacking == {}, "name it in archive/portal/act_detail_terms.py, and translate it"
