from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    verbose_name = "Inference"

    def ready(self) -> None:
        """Subscribe to the archive's events, fill the portal's panels, tell what pictures show."""
        # Rooms import models: not before ready.
        from archive.query.picture_words import register_picture_notes  # noqa: PLC0415
        from archive.research.labels import register_label_source  # noqa: PLC0415
        from inference import subscribers  # noqa: PLC0415
        from inference.api.capabilities import tell_of_workitems  # noqa: PLC0415
        from inference.fhir.filling import fill_kinds  # noqa: PLC0415
        from inference.portal.filling import fill_portal  # noqa: PLC0415
        from inference.runs.observing import observe_runs  # noqa: PLC0415
        from inference.runs.standing import register_queues  # noqa: PLC0415
        from inference.similarity.explaining.picture_notes import picture_notes  # noqa: PLC0415
        from inference.training.exported_labels import exported_labels  # noqa: PLC0415
        from inference.workitems.events import announce_run  # noqa: PLC0415

        subscribers.subscribe_all()
        observe_runs(announce_run)
        register_queues()
        tell_of_workitems()
        fill_portal()
        fill_kinds()
        register_picture_notes("inference", picture_notes)
        register_label_source(exported_labels)
