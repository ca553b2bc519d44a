from django.urls import path

from archive.api import forwarding, prefetch_rules

urlpatterns = [
    path("peers", forwarding.PeersView.as_view(), name="peer-list"),
    path("peers/<int:pk>", forwarding.PeerView.as_view(), name="peer-detail"),
    path("peers/<int:pk>/echo", forwarding.PeerEchoView.as_view(), name="peer-echo"),
    path("forwarding-rules", forwarding.ForwardingRulesView.as_view(), name="forwarding-rules"),
    path(
        "forwarding-rules/<int:pk>",
        forwarding.ForwardingRuleView.as_view(),
        name="forwarding-rule",
    ),
    path("prefetch-rules", prefetch_rules.PrefetchRulesView.as_view(), name="prefetch-rule-list"),
    path(
        "prefetch-rules/<int:pk>",
        prefetch_rules.PrefetchRuleView.as_view(),
        name="prefetch-rule-detail",
    ),
    path("forwards", forwarding.ForwardsView.as_view(), name="forward-list"),
    path("fetches", forwarding.FetchesView.as_view(), name="fetch-list"),
]
