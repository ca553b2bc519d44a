"""The bundles of the distribution keep to what is asked of everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import bundles
from inference.bundles.registry import BUNDLE_PIPELINES
from inference.bundles.scanning import scan_bundle
from inference.pipelines.bundle_metadata import check_metadata, read_metadata

DATA = Path(bundles.__file__).parent / "data"
# Read by the distribution's own code, without weights that a network would need.
BEFORE_BUNDLES = {"modality_body_part"}
SHIPPED = sorted(path for path in DATA.iterdir() if (path / "configs").is_dir())


@pytest.mark.parametrize("bundle", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_bundle_holds_no_code_and_says_what_it_is_for(bundle):
    assert scan_bundle(bundle) == ()
    assert (bundle / "docs" / "model_card.md").is_file()
    if bundle.name not in BEFORE_BUNDLES:
        check_metadata(bundle)
        metadata = read_metadata(bundle)
        assert metadata.declared.pipeline in BUNDLE_PIPELINES
        assert metadata.intended_use
        assert metadata.declared.inputs.get("modalities")
