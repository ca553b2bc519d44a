"""One line an event: which task the archive's announcements start."""


def subscribe_all() -> None:
    """Subscribe the inference rooms to the archive's events."""
