"""States of runs and their urgency in words, with the tone of their chip."""

STATES = {
    "queued": ("Waiting", "busy"),
    "running": ("Running", "busy"),
    "succeeded": ("Done", "ok"),
    "skipped": ("Not applicable", ""),
    "dead": ("Failed", "bad"),
    "cancelled": ("Cancelled", ""),
}
URGENCIES = {0: "Routine", 5: "High", 9: "Stat"}
