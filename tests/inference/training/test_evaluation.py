import numpy as np
import pytest

from inference.training.evaluation import (
    PatientDraws,
    auc,
    calibration,
    evaluate_classifier,
    macro_auc,
)
from inference.training.subgroups import evaluate_subgroups, warnings_of

RNG = np.random.default_rng(0)


def sure(classes, count, *, right=0.9):
    """Probabilities that name the class with that certainty."""
    rest = (1 - right) / (count - 1)
    found = np.full((len(classes), count), rest)
    found[np.arange(len(classes)), classes] = right
    return found


def test_auc_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    scores = RNG.integers(0, 8, 200) / 8.0
    positive = RNG.random(200) < scores

    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert auc(scores, np.zeros(200, dtype=bool)) is None


def test_figures_are_those_of_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

    truth = RNG.integers(0, 3, 150)
    said = np.where(RNG.random(150) < 0.7, truth, RNG.integers(0, 3, 150))
    figures = evaluate_classifier(
        sure(said, 3), truth, ["a", "b", "c"], [str(i) for i in range(150)]
    )

    assert figures["accuracy"][0] == pytest.approx((said == truth).mean(), abs=1e-4)
    assert figures["macro_f1"][0] == pytest.approx(f1_score(truth, said, average="macro"), abs=1e-4)
    assert figures["balanced_accuracy"][0] == pytest.approx(
        balanced_accuracy_score(truth, said), abs=1e-4
    )
    assert figures["confusion"] == confusion_matrix(truth, said).tolist()
    low, high = figures["accuracy"][1:]
    assert low < figures["accuracy"][0] < high


def test_intervals_are_wider_where_a_patient_has_many_images():
    is_right = np.repeat(RNG.random(20) < 0.6, 10)
    apart = PatientDraws([str(i) for i in range(200)]).interval(lambda rows: is_right[rows].mean())
    together = PatientDraws([str(i // 10) for i in range(200)]).interval(
        lambda rows: is_right[rows].mean()
    )

    assert apart[0] == together[0]
    assert together[2] - together[1] > 2 * (apart[2] - apart[1])


def test_calibration_is_perfect_where_certainty_is_frequency():
    truth = np.array([0] * 80 + [1] * 20)
    probabilities = np.tile([0.8, 0.2], (100, 1))

    assert calibration(probabilities, truth)["ece"] == pytest.approx(0)
    assert calibration(sure(np.zeros(100, dtype=int), 2, right=1.0), truth)["ece"] == 0.2


def test_group_with_two_of_three_classes_tells_these_two_apart():
    truth = np.array([0, 0, 1, 1])
    # The third class takes most of it everywhere; the other two are told apart perfectly.
    probabilities = np.array([[0.2, 0.1, 0.7]] * 2 + [[0.01, 0.09, 0.9]] * 2)

    assert macro_auc(probabilities, truth) == 1.0
    assert macro_auc(probabilities[:2], truth[:2]) is None


def test_group_that_does_worse_is_warned_of_and_others_are_not():
    truth = RNG.integers(0, 2, 400)
    scanner = np.array(["One", "Two"])[np.arange(400) % 2]
    share = np.where(scanner == "Two", 0.6, 0.95)
    said = np.where(RNG.random(400) < share, truth, 1 - truth)
    facts = [{"scanner": name, "sex": "FM"[i // 2 % 2]} for i, name in enumerate(scanner)]

    found = evaluate_subgroups(sure(said, 2), truth, [str(i) for i in range(400)], facts)

    assert {row["group"]: row["is_worse"] for row in found["scanner"]} == {
        "One": False,
        "Two": True,
    }
    assert not any(row["is_worse"] for row in found["sex"])
    (warning,) = warnings_of(found)
    assert warning.startswith("Does worse where scanner is Two")


def test_few_cases_are_not_judged():
    truth = np.zeros(30, dtype=int)
    truth[::2] = 1
    said = truth.copy()
    said[:5] = 1 - said[:5]
    facts = [{"scanner": "Rare" if i < 5 else "Usual"} for i in range(30)]

    found = evaluate_subgroups(sure(said, 2), truth, [str(i) for i in range(30)], facts)

    assert not any(row["is_worse"] for row in found["scanner"])
