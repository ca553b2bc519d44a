"""`python -m deploy.translations compile` or `update`."""

from __future__ import annotations

import sys

from deploy.translations.compiling import LOCALE, compile_catalogues


def main(act: str) -> int:
    """Compile what is stale, or bring the catalogues up to date first."""
    if act not in {"compile", "update"}:
        sys.stderr.write("compile or update?\n")
        return 2
    if act == "update":
        from deploy.translations.extracting import update_catalogues  # noqa: PLC0415 dev only

        for name, number in update_catalogues().items():
            sys.stdout.write(f"{name}: {number} to translate\n")
    for path in compile_catalogues():
        sys.stdout.write(f"{path.relative_to(LOCALE)} compiled\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "compile"))
