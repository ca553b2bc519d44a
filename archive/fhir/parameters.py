"""Search parameters read: names with modifiers and chains, values by the parameter's type.

References
----------
FHIR R4, Search: 3.1.1.3 to 3.1.1.5
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archive.errors import InvalidRequestError
from archive.fhir.moments import PREFIXES, parse_moment
from archive.fhir.registry import kinds
from archive.query.criteria.types import Criterion, Quantity, Reference, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.fhir.registry import Kind, Parameter, Scene

MAX_VALUES, MAX_LENGTH, MAX_STEPS_BACK = 200, 8000, 2
ID_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,63})(?::([A-Za-z-]{1,64}))?(?:\.(.{1,200}))?")
_KEY = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"(?:([A-Z][A-Za-z]{1,63})/)?([A-Za-z0-9.-]{1,64})", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.(\d{1,12}))?(?:[eE]([+-]?\d{1,2}))?", re.ASCII)


class UnknownParameterError(InvalidRequestError):
    """There is no such parameter: passed over, unless the asker wants strictness."""

    code = "unknown-parameter"


def parse_criterion(kind: Kind, name: str, text: str) -> Criterion:
    """Read one search parameter of a request.

    Parameters
    ----------
    kind
        what is searched
    name
        with its modifier or chain
    text
        its values, commas between alternatives

    Raises
    ------
    UnknownParameterError
        The kind has no such parameter.
    InvalidRequestError
        The modifier is not supported, or a value is none of the parameter's type.
    """
    if name.startswith("_has:"):
        return _reverse(kind, name, text)
    parameter = kind.parameters.get(re.split(r"[:.]", name, maxsplit=1)[0])
    if parameter is None:
        raise UnknownParameterError(f"{_shown(name)} is no search parameter of {kind.name} here.")
    _check_text(parameter.name, text)
    found = _NAME.fullmatch(name)
    if found is None:
        raise _unsupported(name.removeprefix(parameter.name).strip(":"), parameter.name)
    modifier = found[2] or ""
    if found[3] is not None:
        return _chained(parameter, modifier, found[3], text)
    if modifier and modifier not in parameter.modifiers:
        raise _unsupported(modifier, parameter.name)
    return _criterion(parameter, modifier, _alternatives(parameter.name, text))


def _unsupported(modifier: str, name: str) -> InvalidRequestError:
    message = f"The modifier {_shown(modifier)} is not supported for {name}."
    return InvalidRequestError(message, code="unsupported-modifier")


def reverse_references(kind: Kind) -> list[str]:
    """Return what ``_has`` may follow back to a kind."""
    return [
        f"{other.name}:{name}"
        for other in kinds.values()
        for name in other.referring
        if kind.name in other.parameters[name].targets
    ]


def _reverse(kind: Kind, name: str, text: str) -> Criterion:
    """Read a chain back: _has:Type:reference:parameter."""
    _, source, path, rest = [*name.split(":", 3), "", "", ""][:4]
    if f"{source}:{path}" not in reverse_references(kind) or not rest:
        allowed = ", ".join(f"_has:{one}:…" for one in reverse_references(kind)) or "nothing"
        message = f"{_shown(name)} can't be followed; of {kind.name} here: {allowed}."
        raise InvalidRequestError(message, code="unsupported-chain")
    if name.count("_has:") > MAX_STEPS_BACK:
        message = f"Chains back have {MAX_STEPS_BACK} steps at most."
        raise InvalidRequestError(message, code="unsupported-chain")
    chain = _followed(kinds[source], rest, text)
    return Criterion("_has", (path,), chain=chain, kind=source)


def _followed(kind: Kind, name: str, text: str) -> Criterion:
    try:
        return parse_criterion(kind, name, text)
    except UnknownParameterError as error:
        # Passed over, the search would find far more than was meant.
        raise InvalidRequestError(error.message, code="unsupported-chain") from error


def _criterion(parameter: Parameter, modifier: str, texts: list[str]) -> Criterion:
    if modifier == "missing":
        if texts not in (["true"], ["false"]):
            raise InvalidRequestError(f"{parameter.name}:missing is true or false.")
        return Criterion(parameter.name, tuple(texts), modifier)
    if modifier == "text":
        return Criterion(parameter.name, tuple(map(_plain, texts)), modifier)
    if modifier == "of-type":
        return Criterion(parameter.name, tuple(_typed(parameter, text) for text in texts))
    if modifier == "identifier":
        return Criterion(parameter.name, tuple(map(_token, texts)), modifier)
    if modifier in parameter.targets:
        texts = [text if "/" in text else f"{modifier}/{text}" for text in texts]
        modifier = ""
    read = _READERS[parameter.kind]
    return Criterion(parameter.name, tuple(read(parameter, text) for text in texts), modifier)


def _chained(parameter: Parameter, target: str, rest: str, text: str) -> Criterion:
    targets = [one for one in parameter.targets if not target or one == target]
    if not parameter.is_chained or len(targets) != 1 or targets[0] not in kinds:
        message = f"{parameter.name} can't be followed to other parameters like this."
        raise InvalidRequestError(message, code="unsupported-chain")
    if "." in rest:
        raise InvalidRequestError("Chains have one step here.", code="unsupported-chain")
    chain = _followed(kinds[targets[0]], rest, text)
    return Criterion(parameter.name, chain=chain, kind=targets[0])


def kinds_asked(criterion: Criterion) -> set[str]:
    """Return the kinds that a criterion asks something of by its chains."""
    if criterion.chain is None:
        return set()
    return {criterion.kind, *kinds_asked(criterion.chain)}


def resolved(scene: Scene, criterion: Criterion) -> Criterion:
    """Return a criterion whose chains back are queries, inside the asker's rights."""
    if criterion.chain is None:
        return criterion
    chain = resolved(scene, criterion.chain)
    if criterion.name != "_has":
        return replace(criterion, chain=chain)
    keys = kinds[criterion.kind].referring[criterion.values[0]](scene, (chain,))
    return Criterion("_has", (keys,))


def split_unescaped(text: str, mark: str) -> list[str]:
    """Split where a mark stands without a backslash before it; escapes are left as they are."""
    parts, is_escaped = [""], False
    for char in text:
        if char == mark and not is_escaped:
            parts.append("")
        else:
            parts[-1] += char
        is_escaped = char == "\\" and not is_escaped
    return parts


def _plain(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def _alternatives(name: str, text: str) -> list[str]:
    texts = [part for part in (one.strip() for one in split_unescaped(text, ",")) if part]
    if not texts:
        raise InvalidRequestError(f"{name} has no value.")
    if len(texts) > MAX_VALUES:
        raise InvalidRequestError(f"{name} takes at most {MAX_VALUES} values.")
    return texts


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise InvalidRequestError(f"The value of {name} is too long.")
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise InvalidRequestError(f"The value of {name} holds control characters.")


def _token(text: str) -> Token:
    parts = split_unescaped(text, "|")
    if len(parts) > 2:
        raise InvalidRequestError("A token is a code, or a system and a code: system|code.")
    if len(parts) == 1:
        return Token(_plain(parts[0]))
    return Token(_plain(parts[1]), _plain(parts[0]))


def _typed(parameter: Parameter, text: str) -> Token:
    """Read an identifier of a type: system|code|value; other types than ours are nobody's."""
    parts = [_plain(part) for part in split_unescaped(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise InvalidRequestError(f"{parameter.name}:of-type takes system|code|value.")
    is_ours = parts[:2] == [ID_TYPES, parameter.id_type]
    return Token(parts[2], None if is_ours else "urn:twinsight:nobody")


def _read_reference(parameter: Parameter, text: str) -> Reference:
    if text.startswith(("http://", "https://", "urn:")):
        # This archive's own addresses are shortened before: it is somewhere else.
        return Reference("", "")
    found = _REFERENCE.fullmatch(_plain(text))
    if found is None or (found[1] and found[1] not in parameter.targets):
        allowed = ", ".join(parameter.targets)
        raise InvalidRequestError(f"{parameter.name} refers to {allowed}: an id, or Type/id.")
    return Reference(found[1] or "", found[2])


def _read_quantity(parameter: Parameter, text: str) -> Quantity:
    number, *unit = split_unescaped(text, "|")
    prefix = number[:2] if number[:2] in PREFIXES else ""
    found = _NUMBER.fullmatch(number.removeprefix(prefix))
    if found is None or len(unit) not in {0, 2}:
        message = f"{parameter.name} takes a number, or number|system|unit."
        raise InvalidRequestError(message)
    digits = len(found[1] or "") - int(found[2] or 0)
    system, code = (_plain(one) for one in unit) if unit else ("", "")
    margin = 0.5 * 10.0**-digits
    return Quantity(prefix or "eq", float(found[0]), margin, system, code)


def _shown(name: str) -> str:
    return repr(name[:64])


def is_key(text: str) -> bool:
    """Whether a text can be a resource's id."""
    return _KEY.fullmatch(text) is not None


_READERS: dict[str, Callable[[Parameter, str], Any]] = {
    "token": lambda _parameter, text: _token(text),
    "string": lambda _parameter, text: _plain(text),
    "date": lambda parameter, text: parse_moment(parameter.name, text),
    "reference": _read_reference,
    "quantity": _read_quantity,
}
