from django.urls import path

from archive.api import tokens

urlpatterns = [
    path("tokens", tokens.TokensView.as_view(), name="token-list"),
    path("tokens/<int:pk>", tokens.TokenView.as_view(), name="token"),
    path("tokens/<int:pk>/rotate", tokens.TokenRotationView.as_view(), name="token-rotate"),
]
