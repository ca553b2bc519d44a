"""Django's PostgreSQL backend, which looks at a connection before it asks whether it lives.

`CONN_HEALTH_CHECKS` sends a statement ahead of each request's first one: a round trip that costs
as much as a small search. A server that ended a connection has said so on its socket: while there
is nothing to read, the connection is as good as such a statement could prove.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's own, with a cheaper look at idle connections."""

    # How long a statement may take in this process; 0: as long as it wants. The web sets it.
    statement_timeout_s = 0

    def init_connection_state(self) -> None:
        """Bound the statements of a new connection where the process wants it."""
        super().init_connection_state()
        if self.statement_timeout_s:
            with self.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = '{int(self.statement_timeout_s)}s'")

    def is_usable(self) -> bool:
        """Whether the connection can be used: asked only where the socket has something to say."""
        if self.connection is None:
            return False
        if self.connection.closed:
            return False
        look = select.poll()
        look.register(self.connection.fileno(), select.POLLIN)
        return not look.poll(0) or bool(super().is_usable())
