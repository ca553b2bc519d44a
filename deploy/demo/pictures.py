"""From a visit to the pictures of its series: which phantom, which slices, which findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from deploy.demo import cohort
from deploy.demo.abdomen import Abdomen, AbdomenFindings, abdomen_slice
from deploy.demo.chest import Chest, ChestFindings, chest_slice
from deploy.demo.chest_radiograph import ChestFilmFindings, chest_film
from deploy.demo.cohort import Visit
from deploy.demo.hand_radiograph import hand_film, hand_of
from deploy.demo.head import Head, Lesion, head_of
from deploy.demo.head_scans import head_ct_slice, head_mr_slice
from deploy.demo.noise import Grid, Image, named_rng
from deploy.demo.torso import build_of

CT_SIZE, MR_SIZE, CHEST_FILM_SIZE, HAND_FILM_SIZE = 256, 256, 640, 512


@dataclass(frozen=True)
class Series:
    """One series to make: pictures are made one by one, when asked for."""

    visit: Visit
    number: int
    description: str
    protocol: str
    grid: Grid
    heights_mm: tuple[float, ...]
    thickness_mm: float
    picture: Callable[[float], Image]
    details: dict[str, Any] = field(default_factory=dict)


def series_of(visit: Visit) -> list[Series]:
    """Plan the series of a visit."""
    makers: dict[str, Callable[[Visit], list[Series]]] = {
        cohort.CHEST_CT: _chest_ct,
        cohort.ABDOMEN_CT: _abdomen_ct,
        cohort.HEAD_CT: _head_ct,
        cohort.BRAIN_MR: _brain_mr,
        cohort.CHEST_FILM: _chest_film,
        cohort.HAND_FILM: _hand_film,
    }
    return makers[visit.kind](visit)


def _side(visit: Visit) -> int:
    """Return the side that a person's findings prefer: the same in every study."""
    return -1 if visit.person.number % 2 else 1


def _heights(visit: Visit, top: float, count: int, step: float) -> tuple[float, ...]:
    """Heights from head to feet; nobody lies in exactly the same place twice."""
    start = top + round(float(named_rng(visit.key, "place").uniform(-step / 2, step / 2)), 1)
    return tuple(round(start - step * index, 1) for index in range(count))


def _nodule_spot(visit: Visit) -> tuple[float, float, float]:
    """Return where this person's nodule is: the same on film and CT."""
    rng = named_rng(visit.person.key, "nodule")
    return _side(visit) * rng.uniform(66, 84), rng.uniform(-30, 0), rng.uniform(6, 44)


def _chest_findings(visit: Visit) -> ChestFindings:
    side, amount = _side(visit), visit.amount
    spot = _nodule_spot(visit)
    return {
        "lung nodule": ChestFindings(nodule=9.5 * amount, nodule_at=spot),
        "lung mass": ChestFindings(nodule=20 * amount, nodule_at=spot, spiculated=True),
        "pleural effusion": ChestFindings(effusion=46 * amount, side=side),
        "consolidation": ChestFindings(consolidation=42 * amount, side=side),
        "emphysema": ChestFindings(emphysema=amount),
    }.get(visit.finding, ChestFindings())


def _chest(visit: Visit, findings: ChestFindings) -> Chest:
    person = visit.person
    build = build_of(person.key, is_female=person.is_female)
    return Chest(person.key, build, findings, visit.with_contrast, 9.0)


def _chest_ct(visit: Visit) -> list[Series]:
    chest = _chest(visit, _chest_findings(visit))
    grid = Grid(CT_SIZE, chest.build.field_of_view_mm / CT_SIZE)
    description = "Thorax 9.0 B50f" + (" +C" if chest.contrast else "")
    return [
        Series(
            visit,
            2,
            description,
            "ThoraxRoutine",
            grid,
            _heights(visit, 110, 27, 9),
            9.0,
            lambda z: chest_slice(chest, visit.key, grid, z),
            {
                "WindowCenter": ["-600", "40"],
                "WindowWidth": ["1500", "400"],
                "WindowCenterWidthExplanation": ["LUNG", "MEDIASTINUM"],
                "ConvolutionKernel": "B50f",
                "KVP": "120",
            },
        )
    ]


def _abdomen_findings(visit: Visit, width: float) -> AbdomenFindings:
    side, amount = _side(visit), visit.amount
    rng = named_rng(visit.person.key, "metastases")
    spots = tuple(
        (
            (-width * rng.uniform(0.3, 0.85), rng.uniform(-45, 40), rng.uniform(20, 85)),
            rng.uniform(6, 14) * amount,
        )
        for _ in range(9)
    )
    return {
        "liver metastases": AbdomenFindings(liver_metastases=spots),
        "liver cyst": AbdomenFindings(liver_cyst=19 * amount),
        "kidney cyst": AbdomenFindings(kidney_cyst=18 * amount, side=side),
        "kidney mass": AbdomenFindings(kidney_mass=21 * amount, side=side),
        "kidney stone": AbdomenFindings(stone=True, side=side),
        "ascites": AbdomenFindings(ascites=24 * amount),
    }.get(visit.finding, AbdomenFindings())


def _abdomen_ct(visit: Visit) -> list[Series]:
    person = visit.person
    build = build_of(person.key, is_female=person.is_female)
    grid = Grid(CT_SIZE, build.field_of_view_mm / CT_SIZE)
    findings = _abdomen_findings(visit, build.width - build.fat - 17)
    abdomen = Abdomen(person.key, build, findings, visit.with_contrast, 8.0)
    phase = " portal venous" if abdomen.contrast else " native"
    return [
        Series(
            visit,
            2,
            "Abdomen 8.0 B30f" + phase,
            "AbdomenRoutine",
            grid,
            _heights(visit, 104, 27, 8),
            8.0,
            lambda z: abdomen_slice(abdomen, visit.key, grid, z),
            {
                "WindowCenter": "50",
                "WindowWidth": "380",
                "WindowCenterWidthExplanation": "ABDOMEN",
                "ConvolutionKernel": "B30f",
                "KVP": "120",
            },
        )
    ]


def _lesions(visit: Visit) -> tuple[Lesion, ...]:
    side, amount = _side(visit), visit.amount
    rng = named_rng(visit.person.key, "lesions")
    if visit.finding == "multiple sclerosis":
        return tuple(
            Lesion(
                "plaque",
                (
                    rng.choice((-1, 1)) * rng.uniform(15, 30),
                    rng.uniform(-38, 42),
                    rng.uniform(10, 42),
                ),
                rng.uniform(3.2, 6.5) * amount,
            )
            for _ in range(14)
        )
    spot = (side * rng.uniform(26, 34), rng.uniform(-24, 18), rng.uniform(14, 28))
    edge = (side * 50.0, rng.uniform(-30, 10), rng.uniform(22, 36))
    return {
        "intracerebral haemorrhage": (Lesion("bleed", spot, 18 * amount),),
        "infarct": (Lesion("infarct", (side * 46.0, spot[1], spot[2]), 27 * amount),),
        "glioma": (Lesion("glioma", spot, 17 * amount),),
        "meningioma": (Lesion("meningioma", edge, 14 * amount),),
        "extradural haematoma": (Lesion("extradural", (side * 40.0, 0, 22), 17 * amount),),
    }.get(visit.finding, ())


def _head_ct(visit: Visit) -> list[Series]:
    head = head_of(visit.person.key, visit.person.age_on(visit.date), _lesions(visit))
    grid = Grid(CT_SIZE, 245 / CT_SIZE)
    return [
        Series(
            visit,
            2,
            "Schädel nativ 5.0 H31s" if visit.person.number == 23 else "Head native 5.0 H31s",
            "HeadSeq",
            grid,
            _heights(visit, 70, 23, 5.5),
            5.5,
            lambda z: head_ct_slice(head, visit.key, grid, z),
            {
                "WindowCenter": ["40", "600"],
                "WindowWidth": ["80", "2800"],
                "WindowCenterWidthExplanation": ["BRAIN", "BONE"],
                "ConvolutionKernel": "H31s",
                "KVP": "120",
            },
        )
    ]


_MR_SERIES = {
    "T1": (
        "T1 SE tra",
        {"RepetitionTime": "520", "EchoTime": "11", "FlipAngle": "90", "EchoTrainLength": "1"},
    ),
    "T2": (
        "T2 TSE tra",
        {"RepetitionTime": "4200", "EchoTime": "98", "FlipAngle": "150", "EchoTrainLength": "9"},
    ),
    "FLAIR": (
        "T2 FLAIR tra",
        {
            "RepetitionTime": "8500",
            "EchoTime": "118",
            "InversionTime": "2440",
            "FlipAngle": "150",
            "EchoTrainLength": "16",
        },
    ),
}


def _brain_mr(visit: Visit) -> list[Series]:
    head = head_of(visit.person.key, visit.person.age_on(visit.date), _lesions(visit))
    grid = Grid(MR_SIZE, 235 / MR_SIZE)
    second = "FLAIR" if visit.finding == "multiple sclerosis" else "T2"
    heights = _heights(visit, 68, 18, 7)
    made = []
    for number, contrast in enumerate(("T1", second), start=2):
        description, details = _MR_SERIES[contrast]
        window = {"WindowCenter": "480", "WindowWidth": "960"}
        made.append(
            Series(
                visit,
                number,
                description,
                description.replace(" ", "_"),
                grid,
                heights,
                6.0,
                partial(_mr_picture, head, visit.key, grid, contrast),
                {**window, **details},
            )
        )
    return made


def _mr_picture(head: Head, study: str, grid: Grid, contrast: str, z_mm: float) -> Image:
    return head_mr_slice(head, study, grid, z_mm, contrast)


def _chest_film(visit: Visit) -> list[Series]:
    side, amount = _side(visit), visit.amount
    x, _, z = _nodule_spot(visit)
    findings = {
        "lung nodule": ChestFilmFindings(nodule=12 * amount, nodule_at=(x, -z)),
        "pleural effusion": ChestFilmFindings(effusion=38 * amount, side=side),
        "consolidation": ChestFilmFindings(consolidation=36 * amount, side=side),
        "pneumothorax": ChestFilmFindings(pneumothorax=27 * amount, side=side),
        "cardiomegaly": ChestFilmFindings(big_heart=1 + 0.3 * amount),
    }.get(visit.finding, ChestFilmFindings())
    chest = _chest(visit, ChestFindings())
    field_mm = round(2 * chest.build.width + 46)
    grid = Grid(CHEST_FILM_SIZE, field_mm / CHEST_FILM_SIZE)
    return [
        Series(
            visit,
            1,
            "Thorax p.a.",
            "Thorax pa",
            grid,
            (0.0,),
            0,
            lambda _z: chest_film(chest, findings, visit.key, grid),
            {"ViewPosition": "PA", "KVP": "125", "ImageLaterality": "U"},
        )
    ]


def _hand_film(visit: Visit) -> list[Series]:
    person, is_right = visit.person, _side(visit) < 0
    fracture = {"metacarpal fracture": "metacarpal", "distal radius fracture": "radius"}
    hand = hand_of(
        person.key,
        is_female=person.is_female,
        is_right=is_right,
        fracture=fracture.get(visit.finding, ""),
    )
    grid = Grid(HAND_FILM_SIZE, 250 / HAND_FILM_SIZE)
    side = "R" if is_right else "L"
    return [
        Series(
            visit,
            1,
            f"Hand {side} p.a.",
            "Hand pa",
            grid,
            (0.0,),
            0,
            lambda _z: hand_film(hand, visit.key, grid),
            {"ViewPosition": "PA", "KVP": "50", "ImageLaterality": side},
        )
    ]


def stored_values(image: Image, *, offset: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Whole numbers of 12 bits, as the scanner stores them."""
    return np.clip(np.rint(image + offset), 0, 4095).astype(np.uint16)
