"""Take models in: check a bundle, copy it into the installation, and write it down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from archive.audit import bundles as audit
from archive.audit import services as trust_audit
from archive.errors import InvalidRequestError
from inference.bundles.scanning import scan_bundle
from inference.bundles.trust import digest_bundle, install_bundle
from inference.bundles.unpacking import unpacked
from inference.errors import BundleInvalidError
from inference.models import ModelVersion, RoutingRule
from inference.pipelines.bundle_metadata import check_metadata, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from archive.audit.types import Asker
    from inference.pipelines.bundle_metadata import BundleMetadata

# What may run the files of a bundle; everything else is the distribution's own.
BUNDLE_PIPELINES = frozenset(
    {"bundle", "classifier", "embedder", "heatmap_detector", "brain_tissue"}
)
_EMBEDDER_INPUT = (3, (224, 224))
# It stands in addresses.
_NAME = re.compile(r"^\w[\w .+-]{0,63}$")
_MOST_CARD = 100_000
_ON_A_GPU = frozenset({"bundle", "brain_tissue", "heatmap_detector"})
_CARDS = ("docs/model_card.md", "docs/README.md", "README.md")


@dataclass(frozen=True)
class _Candidate:
    """A bundle that was unpacked and checked, not yet copied."""

    digest: str
    metadata: BundleMetadata
    checks: dict[str, Any]
    is_trusted: bool


def register_bundle(
    *,
    asker: Asker,
    bundle_dir: Path,
    models_dir: Path,
    name: str,
    trust_digest: str = "",
    source: str = "",
    pinned_digest: str = "",
) -> ModelVersion:
    """Check a MONAI bundle, copy it into the installation and register it as a draft.

    Parameters
    ----------
    asker
        who registers it, for the audit trail
    bundle_dir
        folder or zip of a bundle, as MONAI lays it out; ``metadata.json`` may say more under
        ``twinsight``, see `inference.pipelines.bundle_metadata.Declaration`
    models_dir
        folder of installed models
    name
        how the archive calls it; the version is the bundle's own
    trust_digest
        the digest that an admin read and trusts; the bundle's scripts and expressions run then
    source
        where it came from, for the record
    pinned_digest
        another digest than this is refused

    Returns
    -------
    The version. One whose code nobody trusted yet is there, was not run, and can't be.

    Raises
    ------
    BundleInvalidError
        It is no bundle, its weights don't load, its output isn't what it says, or it failed on a
        phantom or took too much time or memory.
    InvalidRequestError
        A digest is not this bundle's, or the version is registered with other files.
    """
    if not _NAME.match(name):
        raise InvalidRequestError("A model's name is 1 to 64 letters, digits, spaces or . _ + -")
    with unpacked(bundle_dir) as folder:
        digest = digest_bundle(folder)
        _require_digest(digest, pinned_digest, "The bundle's digest is {}, not the one asked for.")
        _require_digest(
            trust_digest and digest,
            trust_digest,
            "The bundle's digest is {}, not the one that is trusted.",
        )
        metadata = _read_checked(folder)
        known = ModelVersion.objects.filter(name=name, version=metadata.version).first()
        if known is not None and known.digest != digest:
            message = f"{known} is registered with other files; give the bundle a new version."
            raise InvalidRequestError(message)
        is_trusted = bool(trust_digest) or (known is not None and known.is_trusted)
        checks = check_bundle(folder, metadata, is_trusted=is_trusted)
        candidate = _Candidate(digest, metadata, checks, is_trusted)
        installed = install_bundle(folder, models_dir, name)
    return _write(asker, candidate, name, installed, source or str(bundle_dir))


def check_bundle(folder: Path, metadata: BundleMetadata, *, is_trusted: bool) -> dict[str, Any]:
    """Read a bundle for code, and try it where it may run.

    Parameters
    ----------
    folder
        private copy of the bundle
    metadata
        of it
    is_trusted
        whether an admin trusted these files

    Returns
    -------
    ``trust_needed`` (reasons), ``passed``, ``checked_at``, and what `try_bundle` measured

    Raises
    ------
    BundleInvalidError
        As for `register_bundle`.
    """
    reasons = list(scan_bundle(folder))
    checks: dict[str, Any] = {
        "trust_needed": reasons,
        "passed": False,
        "checked_at": timezone.now().isoformat(timespec="seconds"),
    }
    if reasons and not is_trusted:
        return checks
    # By name: it needs packages that a web process doesn't have.
    try_bundle: Callable[..., dict[str, Any]] = import_string(
        "inference.bundles.dry_run.try_bundle"
    )
    return checks | try_bundle(folder, metadata, is_trusted=bool(reasons)) | {"passed": True}


def _read_checked(folder: Path) -> BundleMetadata:
    check_metadata(folder)
    metadata = read_metadata(folder)
    if metadata.declared.pipeline not in BUNDLE_PIPELINES:
        allowed = ", ".join(sorted(BUNDLE_PIPELINES))
        raise BundleInvalidError(f"configs/metadata.json: twinsight.pipeline is none of {allowed}.")
    if metadata.declared.pipeline == "embedder":
        _require_embedder(folder, metadata)
    return metadata


def _require_embedder(folder: Path, metadata: BundleMetadata) -> None:
    """Web processes embed questions: by ONNX, and by the one preparation of pictures they know."""
    image = metadata.image
    if metadata.kind != "embed" or (image.channels, image.spatial_shape) != _EMBEDDER_INPUT:
        message = "An embedder's task is embed, and its input 3 channels of 224 by 224."
        raise BundleInvalidError(message)
    if len(list((folder / "models").glob("*.onnx"))) != 1:
        raise BundleInvalidError("An embedder has one ONNX file in models/.")


def _require_digest(digest: str, wanted: str, message: str) -> None:
    if wanted and digest != wanted:
        raise InvalidRequestError(message.format(digest))


def _write(
    asker: Asker, found: _Candidate, name: str, installed: Path, source: str
) -> ModelVersion:
    with transaction.atomic():
        version, is_new = ModelVersion.objects.get_or_create(
            name=name,
            version=found.metadata.version,
            defaults=_columns(found, installed) | {"source": source, "registered_by": _user(asker)},
        )
        if is_new:
            _add_rules(version, found.metadata)
            audit.record_model_registered(
                asker, model=str(version), digest=found.digest, source=source
            )
        newly_trusted = found.is_trusted and not version.is_trusted
        version.checks, version.is_trusted = found.checks, found.is_trusted
        version.bundle_path = str(installed)
        version.save(update_fields=["checks", "is_trusted", "bundle_path"])
        if newly_trusted or (is_new and found.is_trusted):
            trust_audit.record_model_trusted(asker, model=str(version), digest=found.digest)
    return version


def _columns(found: _Candidate, installed: Path) -> dict[str, Any]:
    metadata, declared = found.metadata, found.metadata.declared
    inputs = dict(declared.inputs)
    if metadata.modality:
        inputs.setdefault("modalities", [metadata.modality])
    return {
        "task": metadata.kind,
        "pipeline": declared.pipeline,
        "digest": found.digest,
        "bundle_path": str(installed),
        "description": metadata.description or metadata.name,
        "licence": declared.licence[:120],
        "intended_use": metadata.intended_use,
        "inputs": inputs,
        "labels": declared.labels or [{"name": label} for label in metadata.labels.values()],
        "metrics": declared.metrics,
        "config": _queue(declared.pipeline) | declared.config,
        "card": _card(installed),
        "is_trusted": False,
    }


def _queue(pipeline: str) -> dict[str, Any]:
    """Say which workers take a model: those with a GPU, where there are any, for large networks."""
    return {"queue": "gpu"} if pipeline in _ON_A_GPU else {}


def _card(installed: Path) -> str:
    path = next((installed / one for one in _CARDS if (installed / one).is_file()), None)
    if path is None:
        return ""
    return path.read_text(encoding="utf-8", errors="replace").replace("\x00", "")[:_MOST_CARD]


def _user(asker: Asker) -> Any:
    is_person = asker.user is not None and asker.user.is_authenticated
    return asker.user if is_person else None


def _add_rules(version: ModelVersion, metadata: BundleMetadata) -> None:
    """Give a new version the rules of the one before, or one from what it says it is for."""
    former = ModelVersion.objects.filter(name=version.name).exclude(pk=version.pk).first()
    rules = list(former.routing_rules.all()) if former is not None else []
    for rule in rules:
        projects = list(rule.projects.all())
        rule.pk, rule.model_version = None, version
        rule._state.adding = True  # noqa: SLF001 Django's documented way to copy a row
        rule.save()
        rule.projects.set(projects)
    if not rules:
        inputs = version.inputs
        add_rule(
            version=version,
            modalities=inputs.get("modalities") or (),
            body_parts=inputs.get("body_parts") or (),
            minimum_instances=int(inputs.get("minimum_instances") or 1),
        )


def add_rule(
    *,
    version: ModelVersion,
    modalities: Iterable[str] = (),
    body_parts: Iterable[str] = (),
    description_contains: str = "",
    minimum_instances: int = 1,
) -> None:
    """Let the model run on series that match all of these; empty lists match everything.

    Parameters
    ----------
    modalities, body_parts
        DICOM's terms
    description_contains
        part of the series description, in any case
    minimum_instances
        smaller series are left alone
    """
    RoutingRule.objects.create(
        model_version=version,
        modalities=sorted(modalities),
        body_parts=sorted(body_parts),
        description_contains=description_contains,
        minimum_instances=minimum_instances,
    )
