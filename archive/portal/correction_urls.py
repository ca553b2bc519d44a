from django.urls import path

from archive.portal import corrections, identities, messages

urlpatterns = [
    path("corrections/", corrections.correction_list, name="correction-list"),
    path("corrections/unmatched/", corrections.unmatched_list, name="unmatched-list"),
    path(
        "corrections/studies/<portal_uid:study_uid>/",
        corrections.correction_study,
        name="correction-study",
    ),
    path(
        "corrections/studies/<portal_uid:study_uid>/<slug:act>/",
        corrections.correction_act,
        name="correction-act",
    ),
    path("corrections/<int:pk>/undo/", corrections.correction_undo, name="correction-undo"),
    path("messages/", messages.message_list, name="message-list"),
    path("messages/<int:pk>/retry/", messages.message_retry, name="message-retry"),
    path("identity/<int:pk>/<slug:act>/", identities.identity_decide, name="identity-decide"),
]
