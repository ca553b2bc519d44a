"""What a web process has ready before its first request, and keeps as long as it lives."""

from __future__ import annotations

import gc
import logging

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.template.loader import get_template
from django.urls import get_resolver
from django.utils.translation import gettext, override

logger = logging.getLogger(__name__)
# What people begin with; parts come with the pages that hold them.
_PAGES = (
    "base.html",
    "portal/login.html",
    "worklist/study_list.html",
    "worklist/_table.html",
    "portal/study_detail.html",
    "portal/series_view.html",
    "similarity/similar_page.html",
)


def settle() -> None:
    """Load what requests need, and have the collector look at it no more.

    Views, models and patterns are some hundred thousand objects that never go. A full round over
    them takes a tenth of a second, in the middle of whichever request it falls into.
    """
    # Whoever asks for the names of a resolver has all of its modules loaded.
    _ = get_resolver().reverse_dict
    _read_pages()
    _meet_services()
    gc.collect()
    gc.freeze()


def _read_pages() -> None:
    """Read catalogues and the first pages in every language; each keeps its own."""
    for language, _name in settings.LANGUAGES:
        with override(language):
            gettext("Studies")
            for page in _PAGES:
                get_template(page)


def _meet_services() -> None:
    """Load what speaks to database and cache; the connections are each thread's own.

    A process that starts before they do starts all the same.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        cache.get("settled")
    except (DatabaseError, ImproperlyConfigured) as error:
        logger.warning("The database does not answer yet: %s", type(error).__name__)
    finally:
        connection.close()
