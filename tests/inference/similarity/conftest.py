"""The real encoder, exported once a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from archive.models import Instance, Project
    from inference.models import EmbeddingSpace


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from inference.bundles.embedder import ensure_embedder

    return ensure_embedder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def real_space(db: None, encoder_file: Path) -> EmbeddingSpace:
    """A space of 384 dimensions whose encoder is there."""
    from tests.builders.vectors import make_space

    space = make_space(dimension=384)
    space.model_version.bundle_path = str(encoder_file)
    space.model_version.save()
    return space


@pytest.fixture
def space(db: None) -> EmbeddingSpace:
    """A small space without an encoder."""
    from tests.builders.vectors import make_space

    return make_space()


@pytest.fixture(scope="session")
def png() -> bytes:
    """A grey ramp of 40 x 30 pixels."""
    import io

    import numpy as np
    from PIL import Image

    ramp = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def stored_instance(project: Project) -> tuple[Instance, npt.NDArray[np.uint8]]:
    """An ingested CT slice without a vector, and its display values."""
    from archive.dicom.rendering import render_frame
    from archive.ingest.services import ingest_files
    from archive.ingest.spooling import spool_stream
    from archive.ingest.types import IncomingFile, Origin
    from archive.models import Instance
    from tests.builders.datasets import as_part10, make_dataset

    ds = make_dataset()
    with spool_stream([as_part10(ds)]) as spool:
        ingest_files(files=[IncomingFile(spool=spool)], origin=Origin("test", project=project))
    return Instance.objects.get(sop_instance_uid=ds.SOPInstanceUID), render_frame(ds)
