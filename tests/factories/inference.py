"""Rows of the AI, one factory a model."""

import factory
from factory.django import DjangoModelFactory

from inference.models import ModelVersion, RoutingRule, Run


class ModelVersionFactory(DjangoModelFactory):
    class Meta:
        model = ModelVersion

    name = factory.Sequence(lambda n: f"model-{n}")
    version = "1"
    task = ModelVersion.Task.CLASSIFY
    state = ModelVersion.State.ACTIVE
    pipeline = "linear_head"
    digest = factory.Sequence(lambda n: f"{n:064x}")


class RoutingRuleFactory(DjangoModelFactory):
    class Meta:
        model = RoutingRule

    model_version = factory.SubFactory(ModelVersionFactory)


class RunFactory(DjangoModelFactory):
    class Meta:
        model = Run

    model_version = factory.SubFactory(ModelVersionFactory)
    study = factory.SelfAttribute("series.study")
