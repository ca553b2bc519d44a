"""The one typed reader of the environment; every secret may also come as ``NAME_FILE``."""

import ipaddress
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that ``NAME_FILE`` names, or the default."""
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            message = f"{name}_FILE names {file_name}, which can't be read: {error.strerror}."
            raise ImproperlyConfigured(message) from error
    return os.environ.get(name, default)


def read_int(name: str, default: int) -> int:
    """Return the variable as a whole number."""
    text = read_text(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        message = f"{name} must be a whole number, not {text!r}."
        raise ImproperlyConfigured(message) from error


def read_bool(name: str, *, default: bool) -> bool:
    """Return the variable as a truth value: 1, true, yes, on and their opposites."""
    text = read_text(name).lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    message = f"{name} must be yes or no, not {text!r}."
    raise ImproperlyConfigured(message)


def read_list(name: str, default: list[str]) -> list[str]:
    """Return the variable split at commas."""
    text = read_text(name)
    return [item.strip() for item in text.split(",") if item.strip()] if text else default


def read_networks(name: str) -> list[str]:
    """Return the variable as addresses and networks; none at first."""
    found = read_list(name, [])
    try:
        for one in found:
            ipaddress.ip_network(one, strict=False)
    except ValueError as error:
        message = f"{name} must name addresses or networks: {error}."
        raise ImproperlyConfigured(message) from error
    return found
