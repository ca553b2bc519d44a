from inference.portal.model_rows import check_lines, input_lines, metric_lines


def test_inputs_are_told_in_words():
    inputs = {
        "modalities": ["CT"],
        "age_to": 17,
        "contrast": False,
        "slice_spacing_mm": [0.5, 3],
        "dimensions": 3,
        "minimum_instances": 20,
        "accept_unknown": ["age"],
    }
    assert input_lines(inputs) == [
        ("Modality", "CT"),
        ("Age in years", "to 17"),
        ("Contrast agent", "none"),
        ("Slice spacing", "0.5\N{EN DASH}3 mm"),
        ("Dimensions", "3"),
        ("Images", "at least 20"),
        ("Accepted where unstated", "Age"),
    ]
    assert input_lines({}) == []


def test_checks_leave_out_what_was_not_measured():
    assert check_lines({}) == []
    assert check_lines({"is_offline": True, "seconds": 2}) == [
        ("Whole process", "2.0 s"),
        ("Network", "shut off"),
    ]


def test_metrics_are_flat():
    assert metric_lines({"auc": 0.5, "by": {"sex_f": 1}, "ci": [1, 2]}) == [
        ("auc", "0.500"),
        ("by: sex f", "1"),
    ]
