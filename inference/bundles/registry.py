"""Which model versions there are, which are trusted, and which run by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from archive.audit import services as audit
from archive.errors import InvalidRequestError, NotVisibleError
from inference.bundles.trust import digest_bundle, install_bundle
from inference.models import ModelVersion, RoutingRule
from inference.pipelines.bundle_metadata import read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from archive.audit.types import Asker


def register_bundle(
    *, asker: Asker, bundle_dir: Path, models_dir: Path, name: str, trust_digest: str = ""
) -> ModelVersion:
    """Copy a MONAI bundle into the installation and register it; it runs nowhere by that.

    Parameters
    ----------
    asker
        who registers it, for the audit trail
    bundle_dir
        folder of a segmentation bundle, as MONAI lays it out
    models_dir
        folder of installed models
    name
        how the archive calls it; the version is the bundle's own
    trust_digest
        the digest that an admin read and trusts; the bundle's scripts and expressions run then

    Raises
    ------
    BundleInvalidError
        The folder is no bundle.
    InvalidRequestError
        ``trust_digest`` is not this bundle's, or the version is registered with other files.
    """
    digest = digest_bundle(bundle_dir)
    if trust_digest and trust_digest != digest:
        raise InvalidRequestError(f"The bundle's digest is {digest}, not the one that is trusted.")
    metadata = read_metadata(bundle_dir)
    installed = install_bundle(bundle_dir, models_dir)
    with transaction.atomic():
        version, is_new = ModelVersion.objects.get_or_create(
            name=name,
            version=metadata.version,
            defaults={
                "task": ModelVersion.Task.SEGMENT,
                "pipeline": "bundle",
                "digest": digest,
                "bundle_path": str(installed),
                "description": metadata.description or metadata.name,
            },
        )
        if version.digest != digest:
            message = f"{version} is registered with other files; give the bundle a new version."
            raise InvalidRequestError(message)
        if is_new:
            add_rule(version=version, modalities=[metadata.modality] if metadata.modality else [])
        if trust_digest and not version.is_trusted:
            version.is_trusted = True
            version.save(update_fields=["is_trusted"])
            audit.record_model_trusted(asker, model=str(version), digest=digest)
    return version


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


def set_state(*, name: str, version: str, state: str) -> ModelVersion:
    """Promote a version (it runs on new series), or retire it.

    Raises
    ------
    NotVisibleError
        There is no such version.
    InvalidRequestError
        It may not run: its code is not trusted.
    """
    rows = ModelVersion.objects.filter(name=name)
    row = rows.filter(version=version).first() if version else rows.first()
    if row is None:
        raise NotVisibleError(f"There is no model {name} {version}".rstrip() + ".")
    promoting = state == ModelVersion.State.ACTIVE
    if promoting and row.pipeline == "bundle" and not row.is_trusted:
        raise InvalidRequestError(f"{row} is not trusted: register it with --trust {row.digest}")
    row.state = state
    row.save(update_fields=["state"])
    return row


def all_versions() -> list[ModelVersion]:
    """Return every registered version, by name, the newest first."""
    return list(
        ModelVersion.objects.prefetch_related("routing_rules").order_by("name", "-created_at")
    )
