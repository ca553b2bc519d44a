"""The models that run out of the box: their files, rows, routing rules and embedding space."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from inference import bundles
from inference.bundles.embedder import ensure_embedder
from inference.bundles.registry import add_rule
from inference.bundles.trust import digest_bundle
from inference.models import EmbeddingSpace, ModelVersion
from inference.pipelines.embedding import DIMENSION, SPACE_NAME, file_digest, find_embedder
from inference.similarity.spaces import register_space

HEAD_BUNDLE = Path(bundles.__file__).parent / "data" / "modality_body_part"


@dataclass(frozen=True)
class DefaultModel:
    """One model of the distribution."""

    name: str
    version: str
    task: str
    pipeline: str
    description: str
    modalities: tuple[str, ...] = ()
    minimum_instances: int = 1
    config: dict[str, Any] = field(default_factory=dict)


EMBEDDER = DefaultModel(
    name=SPACE_NAME,
    version="1",
    task=ModelVersion.Task.EMBED,
    pipeline="lite0",
    description="EfficientNet-lite0, blocks 0 to 12, mean and deviation: 384 numbers an image.",
)
HEAD = DefaultModel(
    name="modality-body-part",
    version="1",
    task=ModelVersion.Task.CLASSIFY,
    pipeline="linear_head",
    description="Modality and body part, by a linear head on the embedding.",
)
CT_SEGMENTATION = DefaultModel(
    name="ct-body-bone-lung",
    version="1",
    task=ModelVersion.Task.SEGMENT,
    pipeline="ct_threshold",
    description="Body, bone and lung on CT by thresholds and connected components.",
    modalities=("CT",),
    minimum_instances=8,
)
DEFAULTS = (EMBEDDER, HEAD, CT_SEGMENTATION)


def are_defaults_installed() -> bool:
    """Whether every default model has its row and its file; cheap, loads no model."""
    names = [model.name for model in DEFAULTS]
    rows = ModelVersion.objects.filter(name__in=names).count()
    has_space = EmbeddingSpace.objects.filter(name=SPACE_NAME).exists()
    return (
        rows >= len(names)
        and has_space
        and find_embedder(settings.TWINSIGHT_MODELS_DIR) is not None
    )


def install_defaults() -> list[str]:
    """Write the embedder where it is missing and register what is not; return what is there.

    Raises
    ------
    ModelUnavailableError
        The packages of the ``worker`` extra are not installed.
    """
    embedder = ensure_embedder(Path(settings.TWINSIGHT_MODELS_DIR))
    version = _register(EMBEDDER, digest=file_digest(embedder), path=embedder)
    register_space(model_version=version, dimension=DIMENSION, is_default=True, name=SPACE_NAME)
    _register(HEAD, digest=digest_bundle(HEAD_BUNDLE), path=HEAD_BUNDLE)
    _register(CT_SEGMENTATION, digest=_code_digest(), path=None)
    return [f"{model.name} {model.version}" for model in DEFAULTS]


def _code_digest() -> str:
    """Return what stands for the weights of a model that has none: its pipeline's code."""
    return file_digest(Path(bundles.__file__).parents[1] / "pipelines" / "segmentation.py")


def _register(model: DefaultModel, *, digest: str, path: Path | None) -> ModelVersion:
    """Make the row and its rule once; a site's own changes to them stay."""
    with transaction.atomic():
        version, is_new = ModelVersion.objects.get_or_create(
            name=model.name,
            version=model.version,
            defaults={
                "task": model.task,
                "pipeline": model.pipeline,
                "state": ModelVersion.State.PROMOTED,
                "digest": digest,
                "bundle_path": str(path or ""),
                "description": model.description,
                "is_trusted": True,
                "config": model.config,
            },
        )
        if is_new:
            add_rule(
                version=version,
                modalities=model.modalities,
                minimum_instances=model.minimum_instances,
            )
        elif path is not None and version.bundle_path != str(path):
            version.bundle_path = str(path)
            version.digest = digest
            version.save(update_fields=["bundle_path", "digest"])
    return version
