"""What is changed in the viewer's files: they are built for `/` and are served under a prefix.

Each change must find what it changes: another release may be built in another way, and a viewer
that asks for its parts elsewhere is worse than none.
"""

from __future__ import annotations

import re

from deploy.viewer.release import ViewerInstallError

PUBLIC_URL_SCRIPT = "public-url.js"
# Icons for homescreens, a manifest that browsers fetch without the session, a service worker
# that names another host, notes for one browser.
_DROPPED_ELEMENTS = re.compile(
    r'<link rel="(?:manifest|apple-[^"]*|yandex-[^"]*)"[^>]*>'
    r'|<link rel="icon"[^>]*sizes="228x228"[^>]*>'
    r'|<meta name="msapplication[^>]*>'
    r'|<script[^>]*src="/init-service-worker\.js"[^>]*></script>'
)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def public_url_script(prefix: str) -> str:
    """Return what the page's own scripts did, as a file: the policy allows no inline script."""
    return (
        "function browserImportFunction(name) {\n  return import(name);\n}\n"
        f'window.PUBLIC_URL = "{prefix}";\n'
    )


def rewrite_page(text: str, prefix: str) -> str:
    """Return the page that starts the viewer, for its place under the prefix."""
    scripts = _INLINE_SCRIPT.findall(text)
    if not scripts or not all('window.PUBLIC_URL="/"' in script for script in scripts):
        message = "index.html starts the viewer in another way than the pinned release."
        raise ViewerInstallError(message)
    text = _DROPPED_ELEMENTS.sub("", text)
    head, _, tail = text.partition("<script>")
    text = f'{head}<script src="/{PUBLIC_URL_SCRIPT}"></script><script>{tail}'
    text = _INLINE_SCRIPT.sub("", text)
    return _must_change("index.html", r'(\b(?:src|href)=")/(?!/)', rf"\g<1>{prefix}", text)


def rewrite_script(name: str, text: str, prefix: str) -> str:
    """Return a script that asks for its chunks, workers and codecs under the prefix."""
    if "__webpack_require__.p = " not in text:
        return text
    return _must_change(
        name, r'__webpack_require__\.p = "/";', f'__webpack_require__.p = "{prefix}";', text
    )


def rewrite_style(text: str, prefix: str) -> str:
    """Return a style sheet that finds its fonts under the prefix."""
    return re.sub(r"url\(/(?!/)", f"url({prefix}", text)


def _must_change(name: str, pattern: str, replacement: str, text: str) -> str:
    changed, count = re.subn(pattern, replacement, text)
    if not count:
        message = f"{name} is not built like the pinned release: {pattern} does not occur."
        raise ViewerInstallError(message)
    return changed
