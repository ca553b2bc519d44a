"""What granian serves: the WSGI application, in a worker that dies with its master."""

import os
import signal
from pathlib import Path

from deploy.supervisor.launch import die_with_parent

# Set before Django loads: a master that is killed outright can't stop its workers any more.
die_with_parent(signal.SIGTERM)

from deploy.settled import settle  # noqa: E402
from deploy.supervisor.balance import balanced  # noqa: E402
from deploy.supervisor.pieces import in_one_piece  # noqa: E402
from deploy.wsgi import application as django_application  # noqa: E402

settle()

# The folder that the web processes of one program share, emptied when it starts.
_shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
_application = in_one_piece(django_application)
application = balanced(_application, Path(_shared)) if _shared else _application

__all__ = ["application"]
