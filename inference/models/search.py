from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q

from archive.models import Project, Series, Study


class SeriesText(models.Model):
    """The words by which a series can be found: labels and findings, descriptions, reports."""

    series = models.OneToOneField(Series, on_delete=models.CASCADE, related_name="text")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="series_texts")
    document = SearchVectorField()
    # What it was made of has changed since: it is to be made anew.
    is_stale = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            GinIndex(fields=["document"], name="series_text_document_idx"),
            models.Index(
                fields=["study"], condition=Q(is_stale=True), name="series_text_stale_idx"
            ),
            models.Index(fields=["updated_at"], name="series_text_updated_at_idx"),
        ]

    def __str__(self) -> str:
        return f"text of series {self.series_id}"


class SearchSession(models.Model):
    """A search with its rounds of feedback; named, it is a saved search.

    Uploaded pictures are no part of it: they are kept nowhere.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="search_sessions"
    )
    name = models.CharField(max_length=128, blank=True)
    # Shared with the members of a project, each of whom sees what their own rights allow.
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="search_sessions"
    )
    # The round that holds; later ones were undone and can be redone.
    position = models.PositiveIntegerField(default=0)
    is_notifying = models.BooleanField(default=False)
    # Vectors up to this key were looked at for new matches; for a search by words alone, texts
    # up to this time in microseconds.
    notified_through = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=~Q(name=""),
                name="search_session_owner_name_unique",
            ),
            models.CheckConstraint(
                condition=Q(is_notifying=False) | ~Q(name=""),
                name="search_session_notifying_is_saved",
            ),
        ]

    def __str__(self) -> str:
        return f"search {self.pk}"


class SearchRound(models.Model):
    """One question of a session, as the API takes it; position counts from 0."""

    session = models.ForeignKey(SearchSession, on_delete=models.CASCADE, related_name="rounds")
    position = models.PositiveIntegerField()
    query = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["session_id", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "position"], name="search_round_session_position_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.position}"


class SearchMatch(models.Model):
    """A new case that a saved search found after its owner last looked."""

    session = models.ForeignKey(SearchSession, on_delete=models.CASCADE, related_name="matches")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="search_matches")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="search_matches")
    score = models.FloatField()
    found_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "search matches"
        constraints = [
            models.UniqueConstraint(
                fields=["session", "series"], name="search_match_session_series_unique"
            ),
        ]
        indexes = [
            models.Index(
                fields=["session"],
                condition=Q(seen_at__isnull=True),
                name="search_match_unseen_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"match {self.pk}"
