"""The program of the child process that opens PDF: pages out as samples and text, nothing else.

Run by `archive.dicom.pdf_pages` as ``python -m``, for one question.
"""

import os
import sys
from typing import Any

from archive.dicom.process_limits import (
    limit_process,
    limit_this_job,
    read_message,
    write_message,
)

MAX_PAGES = 500
MAX_TEXT = 20_000
_MAX_PIXELS = 16_000_000


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Tell how many pages there are with the text of some, or draw one.

    Parameters
    ----------
    request : ``page`` from 0 and ``width`` in pixels to draw one, ``texts`` for so many texts
    content : the document

    Returns
    -------
    what is said, and the RGB samples of a page that was drawn

    Raises
    ------
    pypdfium2.PdfiumError
        It is no PDF, or is locked by a password.
    """
    import pypdfium2  # noqa: PLC0415 a library in unsafe code: this process alone loads it

    document = pypdfium2.PdfDocument(content)
    count = min(len(document), MAX_PAGES)
    if "page" not in request:
        texts = [_text(document[at]) for at in range(min(count, int(request["texts"])))]
        return {"pages": count, "texts": texts}, b""
    if not 0 <= int(request["page"]) < count:
        return {"error": "The document has no such page."}, b""
    page = document[int(request["page"])]
    width, height = page.get_size()
    scale = int(request["width"]) / max(width, 1.0)
    if width * height * scale * scale > _MAX_PIXELS:
        scale = (_MAX_PIXELS / (width * height)) ** 0.5
    # Annotations are drawn, forms are not run.
    picture = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False).to_numpy()
    picture = picture[..., :3]
    return {"shape": list(picture.shape), "pages": count}, picture.tobytes()


def _text(page: Any) -> str:
    return str(page.get_textpage().get_text_bounded())[:MAX_TEXT]


def main() -> int:
    """Answer one question."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_process()
    limit_this_job()
    message = read_message(sys.stdin.buffer)
    if message is None:
        return 1
    try:
        said, content = answer(*message)
    except Exception as error:  # noqa: BLE001 whatever a document does to its reader, it is told
        said, content = {"error": f"The document can't be opened ({type(error).__name__})."}, b""
    write_message(answers, said, content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
