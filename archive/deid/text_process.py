"""The program of the child process that reads text in pictures: samples in, words out.

Run by `archive.deid.text_reading` as ``python -m``. The networks come with the package rapidocr;
nothing is fetched.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

import numpy as np

from archive.dicom.process_limits import (
    limit_process,
    limit_this_job,
    read_message,
    write_message,
)

_ENGINE = "EngineConfig.onnxruntime"
_SETTINGS: dict[str, Any] = {
    "Global.log_level": "critical",
    # What is doubtful is judged by the parent.
    "Global.text_score": 0.0,
    "Global.use_cls": False,
    # The parent sends pictures of the size that text is looked for at.
    "Global.max_side_len": 4096,
    "Det.limit_type": "max",
    "Det.limit_side_len": 4096,
    f"{_ENGINE}.intra_op_num_threads": 1,
    f"{_ENGINE}.inter_op_num_threads": 1,
}


@cache
def _reader() -> Any:
    import rapidocr  # noqa: PLC0415 an extra, and large: this process alone loads it

    return rapidocr.RapidOCR(params=_SETTINGS)


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Read one picture.

    Parameters
    ----------
    request : its ``shape``, (rows, columns, 3)
    content : uint8 samples

    Returns
    -------
    ``words``: text, score from 0 to 1, left, top, width, height in pixels
    """
    picture = np.frombuffer(content, np.uint8).reshape(request["shape"])
    read = _reader()(picture)
    if read.txts is None or read.boxes is None:
        return {"words": []}, b""
    words = []
    for text, score, corners in zip(read.txts, read.scores, read.boxes, strict=True):
        left, top = np.floor(corners.min(axis=0)).tolist()
        right, bottom = np.ceil(corners.max(axis=0)).tolist()
        words.append([text, float(score), left, top, right - left, bottom - top])
    return {"words": words}, b""


def main() -> int:
    """Answer until the input ends."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_process()
    while (message := read_message(sys.stdin.buffer)) is not None:
        limit_this_job()
        write_message(answers, *answer(*message))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
