from archive.models import OutboxEvent


def waiting_count() -> int:
    """How many events wait to be announced."""
    return OutboxEvent.objects.filter(published_at__isnull=True).count()


def waiting_for_study(study_id: int) -> bool:
    """Whether an event about the study still waits to be announced."""
    return OutboxEvent.objects.filter(
        published_at__isnull=True, payload__study_ids__contains=[study_id]
    ).exists()
