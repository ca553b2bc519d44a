"""What of looking at images goes to the audit trail, and how often."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError
from redis.exceptions import RedisError

from archive.audit import services as audit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from archive.models import Instance

# A viewer asks for hundreds of frames of one study; they are one access.
ACCESS_SECONDS = 300
# How long this process remembers by itself what it found in the cache, and how many looks.
_REMEMBERED_SECONDS = 60
_MAX_REMEMBERED = 10_000
_remembered: dict[str, float] = {}


def note_access(asker: Asker, study_instance_uid: str, what: str) -> None:
    """Record that someone looks at a study: once in five minutes for each kind of look.

    Parameters
    ----------
    asker
        who, by which token, through which door
    study_instance_uid
        the study
    what
        ``metadata``, ``frames``, ``rendered``, ``bulkdata``; of pages ``study``, ``viewer``,
        ``compare``, ``review``
    """
    who = f"{asker.user.pk if asker.user else ''}:{asker.token_hint}:{asker.address}"
    key = f"accessed:{who}:{study_instance_uid}:{what}"
    now = time.monotonic()
    if _remembered.get(key, 0.0) > now:
        return
    try:
        is_new = cache.add(key, 1, ACCESS_SECONDS)
    except RedisError:
        # Better twice in the trail than not at all.
        is_new = True
    if is_new:
        try:
            audit.record_access(asker, study_instance_uid=study_instance_uid, what=what)
        except DatabaseError:
            # The next look is to be recorded then.
            with contextlib.suppress(RedisError):
                cache.delete(key)
            raise
    if len(_remembered) >= _MAX_REMEMBERED:
        _remembered.clear()
    _remembered[key] = now + _REMEMBERED_SECONDS


def note_transfer(asker: Asker, instances: Iterable[Instance]) -> None:
    """Record that instances leave the archive, before the first byte does.

    Parameters
    ----------
    asker
        who, by which token, through which door
    instances
        with series and study loaded
    """
    counts: dict[str, int] = {}
    for instance in instances:
        uid = instance.series.study.study_instance_uid
        counts[uid] = counts.get(uid, 0) + 1
    for uid, count in counts.items():
        audit.record_transfer(asker, study_instance_uid=uid, instances=count)
