"""What a series shows, by a linear head on its embedding, as statements and as SR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archive.retrieve.datasets import load_dataset
from inference.models import Embedding
from inference.pipelines.classification import MODALITY, Classification, LinearHead, classify_series
from inference.pipelines.embedding import SPACE_NAME
from inference.results import codes
from inference.results.sr import build_classification_sr, statement_uid
from inference.results.types import Evaluation
from inference.runs.execution.embedding import ensure_embedded
from inference.runs.execution.inputs import image_instances
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.runs.types import FindingValue, RunOutcome
from inference.similarity.spaces.registry import find_space

if TYPE_CHECKING:
    from inference.models import Run
    from inference.results.types import ResultIdentity


def run_classification(run: Run) -> RunOutcome:
    """Say modality and body part of a series, with probabilities.

    The vectors are those of the similarity search; where they are missing they are made first.
    What the header says of the modality is believed, not blindly: the pixels can outvote it.

    Raises
    ------
    UnsupportedInputError
        None of its images could be decoded, or the head does not know such images.
    """
    # Of the space that the head was fitted on, whichever is searched by default.
    space = find_space(run.model_version.config.get("space") or SPACE_NAME, in_any_state=True)
    _, _, device = ensure_embedded(space.model_version, run.series)
    rows = Embedding.objects.filter(
        space=space, series=run.series, level=Embedding.Level.INSTANCE
    ).order_by("instance_id")
    vectors = np.stack([np.asarray(row.vector, dtype=np.float32) for row in rows])
    head = LinearHead.load(Path(run.model_version.bundle_path))
    statements = classify_series(head, vectors, modality=run.series.modality)
    identity = identity_of(run, "sr", f"{run.model_version.name}: classification")
    return RunOutcome(
        device=device,
        findings=tuple(
            FindingValue(
                kind="classification",
                name=one.kind,
                label=one.label,
                probability=round(one.probability, 4),
                tracking_uid=statement_uid(identity, number),
            )
            for number, one in enumerate(statements, start=1)
        ),
        outputs={"sr": _store_report(run, statements, device, identity)},
    )


def _store_report(
    run: Run,
    statements: tuple[Classification, ...],
    device: str,
    identity: ResultIdentity,
) -> str:
    sources = image_instances(run.series)
    return store_once(
        run,
        identity,
        lambda: build_classification_sr(
            source_datasets=[load_dataset(row, stop_before_pixels=True) for row in sources],
            evaluations=[_evaluation(one) for one in statements],
            algorithm=algorithm_of(run, device=device),
            identity=identity,
        ),
    )


def _evaluation(statement: Classification) -> Evaluation:
    if statement.kind == MODALITY:
        return Evaluation(
            name=codes.MODALITY,
            value=codes.modality_code(statement.label),
            probability=statement.probability,
        )
    return Evaluation(
        name=codes.BODY_PART,
        value=codes.body_part_code(statement.label),
        probability=statement.probability,
    )
