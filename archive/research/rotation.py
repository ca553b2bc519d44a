"""The pseudonyms sealed anew, under another key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from archive.audit.research import record_keys_rotated
from archive.models import Pseudonym, PseudonymRealm
from archive.research.errors import SealError
from archive.research.sealing import (
    add_key,
    changing_keys,
    has_key_file,
    is_current,
    keep_first_key,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from archive.audit.types import Asker

_AT_ONCE = 500


def rotate_key(*, asker: Asker, has_new_key: bool = True) -> int:
    """Seal everything under the first key; a new one is made first where a file holds them.

    May be stopped and begun again at any moment: what is sealed under older keys opens as before.
    Pseudonyms stay what they are, since they follow from the sealed secrets, not from the key.

    Parameters
    ----------
    asker
        for the trail
    has_new_key
        whether a key is made; not where the environment names them

    Returns
    -------
    how many rows were sealed anew

    Raises
    ------
    SealError
        A row can't be opened by any key, or another rotation is under way; nothing is lost.
    """
    with changing_keys():
        if has_new_key and has_key_file():
            add_key()
        rows = _resealed(PseudonymRealm, "sealed_secret") + _resealed(Pseudonym, "sealed")
        record_keys_rotated(asker, rows=rows)
    return rows


def forget_old_keys() -> None:
    """Drop every key but the first, once nothing is sealed under another.

    Raises
    ------
    SealError
        Something is; or the keys are the environment's matter.
    """
    if not has_key_file():
        raise SealError("The environment names the keys: take the old ones out there.")
    with changing_keys(), transaction.atomic():
        with connection.cursor() as cursor:
            # What is being written is seen, and nothing new comes until the keys are gone.
            cursor.execute("LOCK TABLE archive_pseudonymrealm, archive_pseudonym IN SHARE MODE")
        for model, field in ((PseudonymRealm, "sealed_secret"), (Pseudonym, "sealed")):
            for text in model.objects.values_list(field, flat=True).iterator(chunk_size=_AT_ONCE):
                if not is_current(text):
                    raise SealError("Rows are sealed under an older key: rotate first.")
        keep_first_key()


def _resealed(model: type[Pseudonym] | type[PseudonymRealm], field: str) -> int:
    done, last = 0, 0
    while True:
        with transaction.atomic():
            rows = model.objects.select_for_update().filter(pk__gt=last).order_by("pk")
            batch = list(rows[:_AT_ONCE])
            if not batch:
                return done
            last = batch[-1].pk
            changed = [row for row in batch if not is_current(getattr(row, field))]
            for row in changed:
                setattr(row, field, seal(unseal(getattr(row, field))))
            manager: Any = model.objects
            manager.bulk_update(changed, [field])
            done += len(changed)
