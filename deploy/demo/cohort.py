"""Who was examined when, how, and what was found: the plan of the demonstration archive."""

import random
from dataclasses import dataclass
from functools import cache

from deploy.demo.people import PEOPLE, Person
from deploy.demo.uids import named_uid

CHEST_CT, ABDOMEN_CT, HEAD_CT = "chest CT", "abdomen CT", "head CT"
BRAIN_MR, CHEST_FILM, HAND_FILM = "brain MR", "chest film", "hand film"
NOTHING = "no finding"

# person, year and month, kind, finding, how much of it (1 = typical; grows or shrinks over time)
Row = tuple[int, str, str, str, float]
_ROWS: tuple[Row, ...] = (
    (1, "202303", CHEST_FILM, "lung nodule", 0.8),
    (1, "202304", CHEST_CT, "lung nodule", 0.7),
    (1, "202410", CHEST_CT, "lung nodule", 1.2),
    (2, "202301", CHEST_FILM, "pleural effusion", 1.2),
    (2, "202301", CHEST_CT, "pleural effusion", 1.2),
    (2, "202306", CHEST_FILM, "pleural effusion", 0.4),
    (3, "202305", CHEST_CT, "lung mass", 1.0),
    (3, "202308", CHEST_CT, "lung mass", 1.3),
    (3, "202308", BRAIN_MR, NOTHING, 0),
    (4, "202302", CHEST_FILM, "cardiomegaly", 1.0),
    (4, "202409", CHEST_CT, "emphysema", 1.0),
    (4, "202501", CHEST_FILM, "cardiomegaly", 1.15),
    (5, "202311", CHEST_FILM, "consolidation", 1.0),
    (5, "202312", CHEST_FILM, NOTHING, 0),
    (5, "202405", ABDOMEN_CT, "kidney stone", 1.0),
    (6, "202310", CHEST_CT, NOTHING, 0),
    (6, "202502", HAND_FILM, NOTHING, 0),
    (7, "202401", CHEST_FILM, "pneumothorax", 1.0),
    (7, "202402", CHEST_FILM, NOTHING, 0),
    (8, "202303", CHEST_CT, "emphysema", 0.9),
    (8, "202305", HEAD_CT, "infarct", 1.0),
    (8, "202307", HEAD_CT, "infarct", 1.1),
    (9, "202404", CHEST_CT, "consolidation", 1.0),
    (9, "202404", CHEST_FILM, "consolidation", 1.0),
    (9, "202406", CHEST_FILM, "consolidation", 0.5),
    (10, "202309", CHEST_FILM, NOTHING, 0),
    (10, "202309", HAND_FILM, "metacarpal fracture", 1.0),
    (11, "202402", CHEST_CT, "pleural effusion", 0.8),
    (11, "202403", ABDOMEN_CT, "ascites", 1.0),
    (12, "202306", ABDOMEN_CT, "liver metastases", 0.8),
    (12, "202312", ABDOMEN_CT, "liver metastases", 1.2),
    (12, "202312", CHEST_CT, NOTHING, 0),
    (13, "202304", ABDOMEN_CT, "kidney cyst", 1.0),
    (13, "202304", CHEST_FILM, "lung nodule", 1.0),
    (14, "202407", ABDOMEN_CT, "liver cyst", 1.0),
    (14, "202408", CHEST_FILM, NOTHING, 0),
    (15, "202303", ABDOMEN_CT, "kidney mass", 0.9),
    (15, "202310", ABDOMEN_CT, "kidney mass", 1.2),
    (15, "202501", CHEST_FILM, "pleural effusion", 0.9),
    (16, "202411", ABDOMEN_CT, NOTHING, 0),
    (16, "202412", CHEST_FILM, "consolidation", 1.1),
    (17, "202405", BRAIN_MR, "multiple sclerosis", 0.8),
    (17, "202503", BRAIN_MR, "multiple sclerosis", 1.1),
    (18, "202302", HEAD_CT, "intracerebral haemorrhage", 1.0),
    (18, "202303", HEAD_CT, "intracerebral haemorrhage", 0.7),
    (18, "202303", CHEST_FILM, "cardiomegaly", 0.9),
    (19, "202406", BRAIN_MR, "multiple sclerosis", 1.0),
    (19, "202407", HAND_FILM, NOTHING, 0),
    (20, "202309", BRAIN_MR, "meningioma", 1.0),
    (20, "202409", BRAIN_MR, "meningioma", 1.15),
    (21, "202401", HEAD_CT, NOTHING, 0),
    (21, "202401", CHEST_FILM, NOTHING, 0),
    (21, "202402", HAND_FILM, "distal radius fracture", 1.0),
    (22, "202410", BRAIN_MR, "glioma", 1.0),
    (22, "202501", BRAIN_MR, "glioma", 1.25),
    (23, "202308", HEAD_CT, "infarct", 0.9),
    (23, "202404", ABDOMEN_CT, "kidney cyst", 0.8),
    (24, "202305", BRAIN_MR, "glioma", 0.9),
    (24, "202305", HEAD_CT, "glioma", 0.9),
    (25, "202502", HEAD_CT, "extradural haematoma", 1.0),
    (25, "202502", HAND_FILM, "metacarpal fracture", 0.9),
    (25, "202502", CHEST_FILM, "pneumothorax", 1.2),
    (26, "202307", CHEST_CT, "lung nodule", 1.0),
    (26, "202308", CHEST_FILM, "lung nodule", 1.1),
    (27, "202403", CHEST_CT, NOTHING, 0),
    (27, "202411", BRAIN_MR, NOTHING, 0),
    (28, "202412", HAND_FILM, NOTHING, 0),
    (28, "202501", BRAIN_MR, NOTHING, 0),
)
BODY_PARTS = {
    CHEST_CT: "CHEST",
    ABDOMEN_CT: "ABDOMEN",
    HEAD_CT: "HEAD",
    BRAIN_MR: "BRAIN",
    CHEST_FILM: "CHEST",
    HAND_FILM: "HAND",
}


@dataclass(frozen=True)
class Visit:
    """One study of the plan."""

    number: int
    person: Person
    date: str
    time: str
    kind: str
    finding: str
    amount: float

    @property
    def key(self) -> str:
        """The name of everything that is random about this study."""
        return f"study {self.number} of {self.person.key}"

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID."""
        return named_uid(self.key)

    @property
    def accession_number(self) -> str:
        """Accession Number, at most 16 characters."""
        return f"D{self.date[2:6]}{self.number:05d}"

    @property
    def body_part(self) -> str:
        """Body Part Examined."""
        return BODY_PARTS[self.kind]

    @property
    def modality(self) -> str:
        """Modality; films of odd persons come from the older (CR) room."""
        if self.kind.endswith("film"):
            return "CR" if self.kind == CHEST_FILM and self.person.number % 3 == 1 else "DX"
        return self.kind[-2:]

    @property
    def with_contrast(self) -> bool:
        """Whether contrast medium was given for a CT of the trunk."""
        return self.finding not in {"emphysema", "kidney stone", "consolidation"} and (
            self.number % 5 != 0
        )


@cache
def visits() -> tuple[Visit, ...]:
    """All studies of the demonstration archive, in the order of their dates."""
    made = []
    for number, (person, month, kind, finding, amount) in enumerate(_ROWS, start=1):
        dice = random.Random(f"visit {number}")  # noqa: S311 no secret
        date = f"{month}{dice.randint(1, 28):02d}"
        time = f"{dice.randint(7, 18):02d}{dice.randint(0, 59):02d}{dice.randint(0, 59):02d}"
        made.append(Visit(number, PEOPLE[person - 1], date, time, kind, finding, amount))
    return tuple(sorted(made, key=lambda visit: (visit.date, visit.time)))


@dataclass(frozen=True)
class TrueLabel:
    """What is known about a study because it was drawn so."""

    study_instance_uid: str
    label_set: str
    label: str


def true_labels() -> list[TrueLabel]:
    """Ground truth of every study: modality, body part, finding."""
    labels = []
    for visit in visits():
        for label_set, label in (
            ("modality", visit.modality),
            ("body part", visit.body_part),
            ("finding", visit.finding),
        ):
            labels.append(TrueLabel(visit.study_instance_uid, label_set, label))
    return labels
