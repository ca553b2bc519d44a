from bench.clients import Measured
from bench.report import Case, PeerTable, number, table


def measured(latency_ms: float, *errors: str) -> Measured:
    return Measured(latency_ms / 100, (latency_ms / 1000,) * 10, errors)


def test_the_ratio_says_how_many_times_better_we_are() -> None:
    stores, reads = (
        Case("store", "instances", by_rate=True),
        Case("read", "requests", by_rate=False),
    )
    for case in (stores, reads):
        for ours, peer in ((10, 20), (10, 40)):
            case.add("ours", measured(ours))
            case.add("peer", measured(peer))
    text = table([stores, reads], ["ours", "peer"])
    assert "ratio to peer" in text
    assert text.count("3.00 (2.00-4.00)") == 2


def test_a_server_without_the_work_has_dashes() -> None:
    case = Case("similar", "answers", by_rate=False)
    case.add("ours", measured(10))
    line = table([case], ["ours", "peer"]).splitlines()[-1]
    assert line == "| similar | answers | 100 | 10.0 | 10.0 | - | - | - | - |"


def test_one_server_needs_no_ratio() -> None:
    case = Case("similar", "answers", by_rate=False)
    case.add("ours", measured(10))
    assert "ratio" not in table([case], ["ours"])


def test_failed_work_is_marked_and_told() -> None:
    case = Case("store", "instances", by_rate=True)
    case.add("ours", measured(10, "503 busy"))
    assert "100 !" in table([case], ["ours"])
    assert case.errors() == ["store, ours: 503 busy"]


def test_numbers_have_three_digits_at_most() -> None:
    assert [number(v) for v in (1234.6, 12.34, 1.234, float("nan"))] == [
        "1235",
        "12.3",
        "1.23",
        "-",
    ]


def test_a_table_of_peers_is_told_row_by_row() -> None:
    told = PeerTable("ours", "peer")
    for name, latency, spent in (("ours", 10, 0.02), ("peer", 20, 0.05)):
        told.add("read", "requests", name, measured(latency, "late"), spent, is_rate=False)
    lines = [*told.head().splitlines(), told.row("read", 3)]
    assert {line.count("|") for line in lines} == {14}
    assert lines[-1].endswith("| 5.00 | 2.00 (2.00-2.00) | 3.00 | **no** |")
    assert "| 2.00 | 50.0 ! |" in lines[-1]
    assert told.errors() == ["read, ours: late", "read, peer: late"]
