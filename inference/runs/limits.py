"""How many runs one account may have: nobody's wish keeps the others waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext

from inference.errors import TooManyRunsError
from inference.models import Run

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_OPEN = (Run.State.QUEUED, Run.State.RUNNING)


def require_room_for_run(user: AnyUser) -> None:
    """Raise TooManyRunsError where the account waits for too many runs, or asked for too many.

    To be called in the transaction that queues the run: the account's row is held meanwhile.
    """
    get_user_model().objects.select_for_update().filter(pk=user.pk or 0).first()
    own = Run.objects.filter(requested_by=user.pk)
    most = settings.TWINSIGHT_RUNS_OPEN_PER_USER
    if own.filter(state__in=_OPEN).count() >= most:
        raise TooManyRunsError(
            gettext("You wait for %(most)s runs already; ask again when some are over.")
            % {"most": most}
        )
    most = settings.TWINSIGHT_RUNS_PER_USER_PER_DAY
    if own.filter(created_at__gt=timezone.now() - timedelta(days=1)).count() >= most:
        raise TooManyRunsError(
            gettext("You asked for %(most)s runs within a day; no more are taken today.")
            % {"most": most}
        )
