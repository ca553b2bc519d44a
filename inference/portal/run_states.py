from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

"""States of runs and their urgency in words, with the tone of their chip."""

STATES = {
    "queued": (_("Waiting"), "busy"),
    "running": (_("Running"), "busy"),
    "succeeded": (_("Done"), "ok"),
    "skipped": (_("Not applicable"), ""),
    "dead": (_("Failed"), "bad"),
    "cancelled": (_("Cancelled"), ""),
}
URGENCIES = {
    0: _("Routine"),
    5: pgettext_lazy("urgency", "High"),
    9: pgettext_lazy("urgency", "Stat"),
}
