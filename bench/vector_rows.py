"""An archive of synthetic series with vectors, written straight into a scratch database."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from django.contrib.auth.models import User

    from bench.vectors import Vectors
    from inference.models import EmbeddingSpace

# Value of the filter, four characters, to its share of the series; drawn without regard to the
# vectors, which is the hard case for an index.
SHARES = {"S001": 0.001, "S010": 0.01, "S100": 0.1, "S500": 0.5, "REST": 0.389}
_BATCH = 20_000
_TRIGGERS = {
    "archive_study_projects": "study_projects_copies",
    "inference_embedding": "embedding_copies",
}
_TEXT_OID = 25
# Two series a study, two studies a patient; a block of rows with keys from `first` on.
_ROWS = (
    """
    INSERT INTO archive_patient (id, dicom_patient_id, issuer_of_patient_id, patient_name,
        patient_name_search, patient_sex, created_at)
    SELECT n, n::text, '', '', '', '', now() FROM generate_series(%(first)s / 4 + 1, %(last)s / 4) n
    """,
    """
    INSERT INTO archive_study (id, patient_id, study_instance_uid, accession_number,
        dicom_study_id, study_description, referring_physician_name,
        referring_physician_name_search, patient_age, timezone_offset_from_utc,
        specific_character_set, modalities_in_study, body_parts, number_of_study_related_series,
        number_of_study_related_instances, is_deidentified, created_at, updated_at)
    SELECT n, (n - 1) / 2 + 1, '2.25.2.' || n, '', '', '', '', '', '', '', '', '{}', '{}', 2, 2,
        false, now(), now() FROM generate_series(%(first)s / 2 + 1, %(last)s / 2) n
    """,
    """
    INSERT INTO archive_study_projects (study_id, project_id)
    SELECT n, %(project)s FROM generate_series(%(first)s / 2 + 1, %(last)s / 2) n
    """,
    """
    INSERT INTO archive_series (id, study_id, series_instance_uid, modality, series_description,
        body_part_examined, laterality, protocol_name, manufacturer, manufacturer_model_name,
        station_name, institution_name, frame_of_reference_uid, request_attributes,
        number_of_series_related_instances, created_at, updated_at)
    SELECT n, (n - 1) / 2 + 1, '2.25.3.' || n, 'CT', '', (%(values)s::text[])[n - %(first)s],
        '', '', '', '', '', '', '', '[]', 1, now(), now()
    FROM generate_series(%(first)s + 1, %(last)s) n
    """,
)


@dataclass
class VectorArchive:
    """The rows in the database and the same vectors in memory."""

    space: EmbeddingSpace
    user: User
    project_id: int
    vectors: npt.NDArray[np.float32]
    values: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype="U4"))
    shares: dict[str, float] = field(default_factory=lambda: SHARES)

    def grow(self, source: Vectors, count: int, rng: np.random.Generator) -> None:
        """Add series until there are so many; a multiple of 4."""
        from django.db import connection  # noqa: PLC0415 after setup

        first = len(self.vectors)
        added = rng.choice(list(self.shares), size=count - first, p=list(self.shares.values()))
        self.values = np.concatenate([self.values, added])
        with connection.cursor() as cursor:
            # The copies come with the rows here: a million calls of a trigger take minutes.
            for table, trigger in _TRIGGERS.items():
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            parts = [self.vectors]
            for start in range(first, count, _BATCH):
                # By blocks: reaching into an array of texts takes time by its length.
                numbers = {"first": start, "last": min(start + _BATCH, count)}
                values = self.values[start : start + _BATCH].tolist()
                for statement in _ROWS:
                    cursor.execute(
                        statement, {**numbers, "project": self.project_id, "values": values}
                    )
                block = source.draw(min(_BATCH, count - start), rng)
                self._copy(cursor, block, start)
                parts.append(block)
            for table, trigger in _TRIGGERS.items():
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
            cursor.execute("ANALYZE")
        self.vectors = np.concatenate(parts)

    def _copy(self, cursor: Any, block: npt.NDArray[np.float32], start: int) -> None:
        facts = [self._facts(value) for value in self.values[start : start + len(block)]]
        dimension = block.shape[1]
        row = np.dtype(
            [
                ("fields", ">i2"), ("n1", ">i4"), ("space", ">i8"), ("n2", ">i4"), ("level", "S6"),
                ("n3", ">i4"), ("study", ">i8"), ("n4", ">i4"), ("series", ">i8"),
                ("n5", ">i4"), ("created", ">i8"), ("n6", ">i4"), ("patient", ">i8"),
                ("n7", ">i4"), ("facts", f"V{len(facts[0])}"), ("n8", ">i4"), ("dim", ">i2"),
                ("unused", ">i2"), ("vector", ">f2", (dimension,)),
            ]
        )  # fmt: skip
        rows = np.zeros(len(block), row)
        series = start + 1 + np.arange(len(block))
        rows["fields"] = 8
        for length in ("n1", "n3", "n4", "n5", "n6"):
            rows[length] = 8
        rows["space"], rows["n2"], rows["level"] = self.space.pk, 6, b"series"
        rows["series"], rows["study"] = series, (series - 1) // 2 + 1
        rows["patient"] = (series - 1) // 4 + 1
        rows["n7"], rows["facts"] = len(facts[0]), np.array(facts, dtype=f"V{len(facts[0])}")
        rows["n8"], rows["dim"], rows["vector"] = 4 + 2 * dimension, dimension, block
        columns = "space_id, level, study_id, series_id, created_at, patient_key, facts, vector"
        table = f"inference_embedding ({columns})"
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
            copy.write(rows.tobytes())
            copy.write(struct.pack(">h", -1))

    def _facts(self, value: str) -> bytes:
        facts = ("modality=CT", f"project={self.project_id}", "sex=", "laterality=", "standard")
        texts = sorted([f"body_part={value}", *facts])
        packed = b"".join(struct.pack(">i", len(text)) + text.encode() for text in texts)
        return struct.pack(">iiiii", 1, 0, _TEXT_OID, len(texts), 1) + packed

    def rows_with(self, value: str | None) -> npt.NDArray[np.int64]:
        """Return the positions of the vectors that a filter lets pass."""
        return np.flatnonzero(self.values == value) if value else np.arange(len(self.values))


def make_archive(dimension: int) -> VectorArchive:
    """Return an empty archive: a space, a project and an asker who reads it."""
    from django.contrib.auth.models import User  # noqa: PLC0415 after setup

    from archive.models import Membership, Project  # noqa: PLC0415
    from inference.models import EmbeddingSpace, ModelVersion  # noqa: PLC0415

    version = ModelVersion.objects.create(name="bench", version="1", task="embed")
    space = EmbeddingSpace.objects.create(
        name="bench", dimension=dimension, model_version=version, is_default=True
    )
    project = Project.objects.create(name="Bench", slug="bench")
    user = User.objects.create_user("bench")
    Membership.objects.create(user=user, project=project, role="viewer")
    return VectorArchive(space, user, project.pk, np.zeros((0, dimension), dtype=np.float32))
