"""People are told of studies that arrive and match a filter of theirs."""

from __future__ import annotations

from datetime import timedelta

from django.http import QueryDict
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from archive.notices.services import tell
from archive.notices.topics import FILTERS
from archive.portal.forms import WorklistForm
from archive.query.worklist import count_arrived, newest_study_key
from archive.query.worklist_choices import followed_filters, note_seen

# Stores that began earlier and end later than others are not missed.
_SETTLED = timedelta(seconds=10)


def tell_of_arrivals() -> int:
    """Look what came since the last time; return how many people were told."""
    followed = followed_filters()
    up_to = newest_study_key(settled=_SETTLED) if followed else 0
    told = 0
    for one in followed:
        if up_to <= one.seen_up_to:
            continue
        filters = WorklistForm(QueryDict(one.query)).filters()
        count = count_arrived(one.user, filters, after=one.seen_up_to, up_to=up_to)
        if count:
            words = ngettext_lazy("%(n)d new study", "%(n)d new studies", count) % {"n": count}
            told += tell(
                [one.user],
                FILTERS,
                format_lazy("{}: {}", _("A filter that you follow"), words),
                f"{reverse('portal:study-list')}?{one.query or 'all'}",
                key=f"filter:{one.pk}:{up_to}",
                # Its name may name a patient, and mail carries titles alone.
                body=one.name,
            )
        note_seen(one.pk, up_to)
    return told
