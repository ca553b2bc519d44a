from django.apps import AppConfig

# Whose tables the administration shows; what libraries register there holds secrets, or is
# changed on pages of ours that check and record it.
SHOWN = frozenset({"archive", "inference", "auth"})


class DeployConfig(AppConfig):
    name = "deploy"
    verbose_name = "Twinsight: how it runs"

    def ready(self) -> None:
        """Take out of the administration what libraries put there."""
        # Models need set-up apps.
        from django.contrib import admin  # noqa: PLC0415

        for model in list(admin.site._registry):  # noqa: SLF001 there is no public list
            if model._meta.app_label not in SHOWN:  # noqa: SLF001 Django's documented API
                admin.site.unregister(model)
