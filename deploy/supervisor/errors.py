class SupervisorError(Exception):
    """One clear sentence for the person at the terminal; no traceback belongs under it."""


class HomeInUseError(SupervisorError):
    """Another Twinsight holds the lock of this home."""


class ServiceStartError(SupervisorError):
    """PostgreSQL or Valkey did not come up."""
