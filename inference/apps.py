from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    verbose_name = "Inference"

    def ready(self) -> None:
        """Subscribe to the archive's events and fill the portal's panels."""
        from inference import subscribers  # noqa: PLC0415 rooms import models: not before ready
        from inference.portal.filling import fill_portal  # noqa: PLC0415 as above

        subscribers.subscribe_all()
        fill_portal()
