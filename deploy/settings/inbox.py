"""Settings of uploads and watched folders; imported by the base alone."""

from deploy.settings.environment import read_int, read_list, read_text
from deploy.supervisor.home import Home

__all__ = [
    "INBOX_SCHEDULE",
    "TWINSIGHT_CLAMD",
    "TWINSIGHT_CLAMD_TIMEOUT_S",
    "TWINSIGHT_INBOX_BYTES_PER_USER",
    "TWINSIGHT_INBOX_DAYS",
    "TWINSIGHT_INBOX_DIR",
    "TWINSIGHT_WATCH_ROOTS",
]

# Where files lie while they are received, looked at and waited for.
TWINSIGHT_INBOX_DIR = Home.locate().root / "inbox"
# How much one person's unfinished uploads may be.
TWINSIGHT_INBOX_BYTES_PER_USER = read_int("TWINSIGHT_INBOX_MB_PER_USER", 262_144) * 1024 * 1024
# After how many days an upload is given up that nobody went on with.
TWINSIGHT_INBOX_DAYS = read_int("TWINSIGHT_INBOX_DAYS", 7)
# Below which folders of this machine admins may have folders watched; none: none.
TWINSIGHT_WATCH_ROOTS = read_list("TWINSIGHT_WATCH_ROOTS", [])
# The virus scanner (clamd) that looks at what comes in through any door: host:port, or the path of
# its socket; unset: none. And how long it may be silent over one file.
TWINSIGHT_CLAMD = read_text("TWINSIGHT_CLAMD")
TWINSIGHT_CLAMD_TIMEOUT_S = read_int("TWINSIGHT_CLAMD_TIMEOUT_SECONDS", 60)

INBOX_SCHEDULE = {
    "dispatch-inbox": {
        "task": "archive.inbox.dispatch_inbox",
        "schedule": 3.0,
        "options": {"queue": "default", "expires": 10},
    },
    "sweep-inbox": {
        "task": "archive.inbox.sweep_inbox",
        "schedule": 1800.0,
        "options": {"queue": "default", "expires": 1800},
    },
}
