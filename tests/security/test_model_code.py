"""Nothing that comes with a model runs before an admin trusted it (T24)."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 what is refused
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from django.test import Client

from archive.audit.types import Asker
from inference.bundles.registry import register_bundle
from inference.errors import BundleNotTrustedError
from tests.builders.declared_bundles import make_declared_bundle

if TYPE_CHECKING:
    from inference.models import ModelVersion

pytestmark = pytest.mark.django_db


class Canary:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.mkdir, (str(self.path),))


def _poisons(canary: Path) -> dict[str, bytes]:
    """Return files that run code in whoever loads them carelessly, by their kind."""
    plain = pickle.dumps(Canary(canary))
    folder = canary.parent / "made"
    folder.mkdir(exist_ok=True)
    torch.save({"weights": Canary(canary)}, folder / "new.pt")
    torch.save(Canary(canary), folder / "old.pt", _use_new_zipfile_serialization=False)
    np.save(folder / "array.npy", np.array([Canary(canary)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(folder / "data.npz", "w") as packed:
        packed.write(folder / "array.npy", "arr_0.npy")
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {"model.pkl": plain, "model.pt": plain, "model.pth": plain, **made}


@pytest.mark.parametrize("name", ["model.pt", "new.pt", "old.pt"])
def test_t24_no_code_from_models_by_weights(tmp_path, name) -> None:
    canary = tmp_path / "canary"
    bundle = make_declared_bundle(tmp_path / "b")
    (bundle / "models" / "model.pt").write_bytes(_poisons(canary)[name])

    version = register_bundle(
        asker=Asker(door="test"), bundle_dir=bundle, models_dir=tmp_path / "models", name="small"
    )

    assert version.checks["trust_needed"], "refused, with the reason"
    assert not version.checks["passed"]
    assert not canary.exists()


def test_t24_no_code_from_models_in_folders_that_others_can_reach(
    tmp_path, settings, archive_admin
) -> None:
    """A pickle beside everything that a model or a cache lies in."""
    canary = tmp_path / "canary"
    settings.TWINSIGHT_MODELS_DIR = tmp_path / "models"
    bundle = make_declared_bundle(tmp_path / "b")
    version = register_bundle(
        asker=Asker(door="test"), bundle_dir=bundle, models_dir=tmp_path / "models", name="small"
    )
    assert version.checks["passed"]
    folders = [tmp_path / "models", *(p for p in (tmp_path / "models").rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o700)
        for name, content in _poisons(canary).items():
            if not (folder / name).exists():
                (folder / name).write_bytes(content)
    browser = Client()
    browser.force_login(archive_admin)
    for path in ("/models/", "/models/small/", "/runs/", "/similar/"):
        assert browser.get(path).status_code in {200, 404}
    # The files are no longer those that were tried: this version runs no more.
    with pytest.raises(BundleNotTrustedError):
        _trusted_files(version)
    assert not canary.exists()


def _trusted_files(version: ModelVersion) -> None:
    from inference.bundles.trust import trusted_copy

    with trusted_copy(Path(version.bundle_path), version.digest):
        pass


@pytest.mark.parametrize(
    "expression",
    ["$__import__('os').mkdir('{0}')", "$open('{0}', 'w')", "$(lambda: open('{0}', 'w'))()"],
)
def test_t24_no_code_from_models_by_expressions(tmp_path, expression) -> None:
    canary = tmp_path / "canary"
    bundle = make_declared_bundle(tmp_path / "b")
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["run"] = [expression.format(canary)]
    config["extra"] = {"_target_": "os.system", "command": f"touch {canary}"}
    path.write_text(json.dumps(config))

    version = register_bundle(
        asker=Asker(door="test"), bundle_dir=bundle, models_dir=tmp_path / "models", name="small"
    )

    assert version.checks["trust_needed"]
    assert not canary.exists()
