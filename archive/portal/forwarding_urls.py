from django.urls import path

from archive.portal import fetches, forwarding, peers, quotas

urlpatterns = [
    path("peers/", peers.peer_list, name="peer-list"),
    path("peers/new/", peers.peer_edit, name="peer-new"),
    path("peers/<int:pk>/", peers.peer_edit, name="peer-edit"),
    path("peers/<int:pk>/echo/", peers.peer_echo, name="peer-echo"),
    path("peers/<int:pk>/delete/", peers.peer_delete, name="peer-delete"),
    path("forwarding/", forwarding.forwarding, name="forwarding"),
    path("forwarding/send/", forwarding.send, name="send"),
    path("forwarding/rules/new/", forwarding.rule_edit, name="forwarding-rule-new"),
    path("forwarding/rules/try/", forwarding.rule_try, name="forwarding-rule-try"),
    path("forwarding/rules/<int:pk>/", forwarding.rule_edit, name="forwarding-rule"),
    path(
        "forwarding/rules/<int:pk>/<slug:act>/",
        forwarding.rule_act,
        name="forwarding-rule-act",
    ),
    path("forwarding/queue/<int:peer>/<slug:act>/", forwarding.queue_act, name="queue-act"),
    path(
        "forwarding/queue/<int:peer>/studies/<int:study>/<slug:act>/",
        forwarding.queue_act,
        name="queue-study-act",
    ),
    path("fetches/", fetches.fetch_list, name="fetch-list"),
    path("fetches/search/", fetches.fetch_search, name="fetch-search"),
    path("fetches/new/", fetches.fetch_queue, name="fetch-new"),
    path("fetches/<int:pk>/<slug:act>/", fetches.fetch_act, name="fetch-act"),
    path("fetches/rules/new/", fetches.prefetch_new, name="prefetch-new"),
    path("fetches/rules/<int:pk>/<slug:act>/", fetches.prefetch_act, name="prefetch-act"),
    path("quotas/", quotas.quota_list, name="quota-list"),
]
