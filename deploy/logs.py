"""One JSON object a line on standard error."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from django.http import HttpRequest

# Django hands whole requests over, whose words tell the query string: names of patients; Celery
# hands over the error's own words once more.
_OWN = set(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "request", "data"),
}
# What an error quotes is what it stumbled over: values of tags, of forms, of rows.
_QUOTED = re.compile(r"""(?<!\w)(['"`])(?:\\.|(?!\1).){0,4000}\1|=\([^\n]*\)""", re.DOTALL)
_MOST_READ, _MOST_SAID, _MOST_CAUSES = 4000, 500, 10


def harmless(error: BaseException) -> str:
    """Return the first line of what an error says, without what it quotes."""
    said = _QUOTED.sub("…", str(error)[:_MOST_READ]).strip()
    words = said.splitlines()[0][:_MOST_SAID] if said else ""
    # The database names the place by itself, and the values beside it.
    told = getattr(error, "diag", None)
    named = [getattr(told, name, None) for name in ("sqlstate", "table_name", "constraint_name")]
    place = ", ".join(name for name in named if name)
    return f"{words} ({place})" if place else words


def _trace(error: BaseException) -> str:
    """Return the traceback much as Python writes it, with harmless words; causes first."""
    pieces: list[str] = []
    one: BaseException | None = error
    while one is not None and len(pieces) < _MOST_CAUSES:
        frames = "".join(traceback.format_tb(one.__traceback__))
        pieces.append(f"{frames}{type(one).__module__}.{type(one).__qualname__}: {harmless(one)}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\nWhich led to:\n".join(reversed(pieces))


def _place(request: HttpRequest) -> str:
    """Return which address was asked for: its pattern, or how it begins where there is none."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match else f"/{request.path.split('/')[1][:16]}/…"


class JsonFormatter(logging.Formatter):
    """Write time, level, logger, message, the extras, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
        }
        entry.update({key: value for key, value in vars(record).items() if key not in _OWN})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)

    def formatException(  # noqa: N802 logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return the traceback; no error tells the values that it stumbled over."""
        return _trace(ei[1]) if ei[1] is not None else ""

    @staticmethod
    def _message(record: logging.LogRecord) -> str:
        """Return what is said; where it repeats the error at hand, only its harmless part."""
        said = record.getMessage()
        request = getattr(record, "request", None)
        if request is not None and len(request.path) > 1:
            # People put all kinds of words into an address.
            said = said.replace(request.path, _place(request))
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            for words in (repr(error), str(error)):
                if words and words in said:
                    said = said.replace(words, f"{type(error).__name__}: {harmless(error)}")
        return said
