"""What the person who typed `manage.py up` sees: few lines, calm, the same on every terminal."""

import os
import sys
import time
from typing import TextIO

NAME_WIDTH = 12
STYLES = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "red": "31", "cyan": "36"}


class Terminal:
    """Lines of progress; colour on terminals only, plain marks where UTF-8 is missing."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stdout if stream is None else stream
        self.has_colour = self.stream.isatty() and "NO_COLOR" not in os.environ
        encoding = (getattr(self.stream, "encoding", None) or "ascii").lower().replace("-", "")
        is_rich = encoding == "utf8"
        self.done_mark, self.note_mark, self.busy_mark = "✓•…" if is_rich else "+-."
        self._last = time.monotonic()
        self._is_working = False

    def title(self, name: str, detail: str) -> None:
        self._write("")
        self._write(f"  {self._styled(name, 'bold')}  {self._styled(detail, 'dim')}")
        self._write("")
        self._last = time.monotonic()

    def working(self, name: str, detail: str) -> None:
        """Say what takes its time; on a terminal only, where the next line replaces it."""
        if self.stream.isatty():
            self._write(
                f"  {self._styled(self.busy_mark, 'dim')} {name:<{NAME_WIDTH}} {detail}", end=""
            )
            self._is_working = True

    def done(self, name: str, detail: str = "") -> None:
        """Show one finished step, with the time it took if that is worth a word."""
        now = time.monotonic()
        took, self._last = now - self._last, now
        seconds = self._styled(f"  {took:.1f} s", "dim") if took >= 1 else ""
        mark = self._styled(self.done_mark, "green")
        self._write(f"  {mark} {name:<{NAME_WIDTH}} {detail}{seconds}")

    def step(self, name: str, detail: str) -> None:
        """Show a line of something that goes on."""
        mark = self._styled(self.note_mark, "cyan")
        self._write(f"  {mark} {name:<{NAME_WIDTH}} {detail}")

    def progress(self, name: str, detail: str) -> None:
        """Show how far something is: in place on a terminal, line by line elsewhere."""
        if self.stream.isatty():
            self.working(name, detail)
        else:
            self.step(name, detail)

    def warn(self, sentence: str) -> None:
        self._write(f"  {self._styled('!', 'yellow')} {sentence}")

    def fail(self, sentence: str) -> None:
        self._write(f"  {self._styled('x', 'red')} {sentence}")

    def field(self, name: str, value: str, note: str = "") -> None:
        shown = self._styled(value, "bold")
        tail = f"  {self._styled(note, 'dim')}" if note else ""
        self._write(f"    {name:<{NAME_WIDTH}} {shown}{tail}")

    def say(self, sentence: str = "") -> None:
        self._write(f"  {sentence}" if sentence else "")

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.has_colour else text

    def _write(self, line: str, end: str = "\n") -> None:
        clear = "\r\x1b[K" if self._is_working else ""
        self._is_working = False
        try:
            self.stream.write(f"{clear}{line}{end}")
            self.stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads any more; that must not stop the archive
