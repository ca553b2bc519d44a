"""What granian serves: the WSGI application, in a worker that dies with its master."""

import signal

from deploy.supervisor.launch import die_with_parent

# Set before Django loads: a master that is killed outright can't stop its workers any more.
die_with_parent(signal.SIGTERM)

from deploy.wsgi import application  # noqa: E402

__all__ = ["application"]
