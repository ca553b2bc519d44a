import pytest

from bench.protocols import Size, _is_chosen, works


@pytest.mark.parametrize(
    ("only", "chosen"),
    [("", True), ("stow,wado", True), (" c-find , WADO", True), ("c-find,c-move", False)],
)
def test_rows_are_chosen_by_parts_of_their_names(only: str, *, chosen: bool) -> None:
    assert _is_chosen("WADO instance", only) is chosen


def test_rows_have_the_same_names_in_every_round() -> None:
    size = Size(fill=20, instances=20, requests=5, seed="s")
    names = [[work.name for work in works(size, number)] for number in (0, 1)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
