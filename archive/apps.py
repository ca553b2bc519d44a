from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"
    verbose_name = "Archive"

    def ready(self) -> None:
        """Subscribe the archive's own rooms to its events."""
        # Rooms import models: not before ready.
        from archive.bulk.acts import register_own_acts  # noqa: PLC0415
        from archive.checks import register_checks  # noqa: PLC0415
        from archive.curation import subscribers as curation  # noqa: PLC0415
        from archive.fhir.filling import fill_kinds  # noqa: PLC0415
        from archive.forwarding import subscribers as forwarding  # noqa: PLC0415
        from archive.hl7 import subscribers as hl7  # noqa: PLC0415
        from archive.notices import subscribers as notices  # noqa: PLC0415
        from archive.portal.bulk_moves import register_moves  # noqa: PLC0415
        from archive.portal.correction_menu import register_corrections  # noqa: PLC0415
        from archive.portal.research_menu import register_research  # noqa: PLC0415
        from archive.portal.sharing_menu import register_sharing  # noqa: PLC0415
        from archive.research import subscribers as research  # noqa: PLC0415
        from archive.research.acts import register_research_acts  # noqa: PLC0415
        from archive.retrieve import subscribers as retrieve  # noqa: PLC0415
        from archive.scheduling import subscribers as scheduling  # noqa: PLC0415

        register_checks()
        register_own_acts()
        register_moves()
        register_research_acts()
        register_corrections()
        register_research()
        register_sharing()
        fill_kinds()
        retrieve.subscribe_all()
        curation.subscribe_all()
        forwarding.subscribe_all()
        scheduling.subscribe_all()
        notices.subscribe_all()
        hl7.subscribe_all()
        research.subscribe_all()
