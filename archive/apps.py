from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"
    verbose_name = "Archive"

    def ready(self) -> None:
        """Subscribe the archive's own rooms to its events."""
        from archive.retrieve import subscribers  # noqa: PLC0415 rooms import models: not before ready

        subscribers.subscribe_all()
