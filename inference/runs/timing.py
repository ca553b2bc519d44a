"""How long a run may take, how often it may fail, and for how long it is held."""

from datetime import timedelta

MAX_ATTEMPTS = 3
# A case that is there when so many workers die is set aside.
MAX_WORKER_DEATHS = 3
# Soft limit < hard limit < the broker's visibility timeout.
RUN_SOFT_LIMIT_S, RUN_LIMIT_S = 1500, 1560
# A worker says every few seconds that it is alive; one that says nothing for so long is dead.
HEARTBEAT_S = 5.0
LEASE = timedelta(seconds=90)
# A run handed to the broker is handed again after this: the broker may have lost it.
HANDED_OUT_FOR = timedelta(seconds=120)
