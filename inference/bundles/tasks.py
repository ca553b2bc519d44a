"""What workers do with bundles: try one that an admin trusts, which takes minutes."""

from celery import shared_task

from inference.bundles.states import finish_trust


@shared_task(
    name="inference.bundles.try_trusted",
    acks_late=True,
    soft_time_limit=1740,
    time_limit=1800,
)
def try_trusted_task(version_id: int, actor_id: int) -> None:
    """Try a bundle whose code an admin trusted; it is trusted once that went well."""
    finish_trust(version_id=version_id, actor_id=actor_id)
