from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"
    verbose_name = "Archive"

    def ready(self) -> None:
        """Subscribe the archive's own rooms to its events."""
        # Rooms import models: not before ready.
        from archive.curation import subscribers as curation  # noqa: PLC0415
        from archive.forwarding import subscribers as forwarding  # noqa: PLC0415
        from archive.retrieve import subscribers as retrieve  # noqa: PLC0415
        from archive.scheduling import subscribers as scheduling  # noqa: PLC0415

        retrieve.subscribe_all()
        curation.subscribe_all()
        forwarding.subscribe_all()
        scheduling.subscribe_all()
