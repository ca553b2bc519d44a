from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    verbose_name = "Inference"

    def ready(self) -> None:
        """Subscribe to the archive's events, fill the portal's panels, tell what pictures show."""
        # Rooms import models: not before ready.
        from archive.query.picture_words import register_picture_notes  # noqa: PLC0415
        from inference import subscribers  # noqa: PLC0415
        from inference.api.capabilities import tell_of_workitems  # noqa: PLC0415
        from inference.portal.filling import fill_portal  # noqa: PLC0415
        from inference.runs.observing import observe_runs  # noqa: PLC0415
        from inference.similarity.explaining.picture_notes import picture_notes  # noqa: PLC0415
        from inference.workitems.events import announce_run  # noqa: PLC0415

        subscribers.subscribe_all()
        observe_runs(announce_run)
        tell_of_workitems()
        fill_portal()
        register_picture_notes("inference", picture_notes)
