"""The research-only models of the distribution, registered in shadow: for reviewers."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from inference import bundles
from inference.bundles.registry import add_rule
from inference.bundles.trust import digest_bundle
from inference.models import ModelVersion
from inference.pipelines.bundle_metadata import read_metadata

_DATA = Path(bundles.__file__).parent / "data"
NAMES = ("finding-cxr", "finding-brain-mr", "finding-breast-us")
# Trained on phantoms alone: `python manage.py train_detector`.
DETECTOR = "lung-nodule-ct"


def folder_of(name: str) -> Path:
    """Return where a head's bundle lies in the distribution."""
    return _DATA / name.replace("-", "_")


def are_heads_registered() -> bool:
    """Whether every head has its row."""
    rows = ModelVersion.objects.filter(name__in=NAMES).values("name").distinct()
    return rows.count() >= len(NAMES)


def register_finding_heads() -> list[ModelVersion]:
    """Register the heads that are not yet; what a site made of them since stays.

    Returns
    -------
    All of them.
    """
    return [_register(name) for name in NAMES]


def is_detector_registered() -> bool:
    """Whether the nodule detector has its row."""
    return ModelVersion.objects.filter(name=DETECTOR).exists()


def register_detector() -> ModelVersion:
    """Register the nodule detector unless it is there; what a site made of it since stays."""
    return _register(DETECTOR)


def _register(name: str) -> ModelVersion:
    path = folder_of(name)
    metadata, digest = read_metadata(path), digest_bundle(path)
    declared = metadata.declared
    with transaction.atomic():
        version, is_new = ModelVersion.objects.get_or_create(
            name=name,
            version=metadata.version,
            defaults={
                "task": metadata.kind,
                "pipeline": declared.pipeline,
                "state": ModelVersion.State.SHADOW,
                "digest": digest,
                "bundle_path": str(path),
                "description": metadata.description,
                "source": "Twinsight's distribution",
                "licence": declared.licence[:120],
                "intended_use": metadata.intended_use,
                "is_trusted": True,
                "inputs": declared.inputs,
                "labels": declared.labels,
                "metrics": declared.metrics,
                "config": declared.config,
                "card": (path / "docs" / "model_card.md").read_text(encoding="utf-8"),
            },
        )
        if is_new:
            add_rule(
                version=version,
                modalities=declared.inputs.get("modalities", ()),
                minimum_instances=declared.inputs.get("minimum_instances", 1),
            )
        elif version.bundle_path != str(path) or version.digest != digest:
            # The program was moved, or brought newer files of the same version.
            version.bundle_path, version.digest = str(path), digest
            version.save(update_fields=["bundle_path", "digest"])
    return version
