"""Measurements as one table: rate, latencies, and the ratio to the peer of the same run."""

import statistics
from dataclasses import dataclass, field

from bench.clients import Measured


@dataclass
class Case:
    """One kind of work: what each server did in each round."""

    work: str
    unit: str
    by_rate: bool
    rounds: dict[str, list[Measured]] = field(default_factory=dict)

    def add(self, name: str, measured: Measured) -> None:
        """Keep a round of a server."""
        self.rounds.setdefault(name, []).append(measured)

    def cells(self, name: str) -> list[str]:
        """Rate, p50 and p95 of a server: the median of its rounds."""
        rounds = self.rounds.get(name)
        if not rounds:
            return ["-", "-", "-"]
        values = (
            statistics.median(m.rate for m in rounds),
            statistics.median(m.percentile_ms(0.5) for m in rounds),
            statistics.median(m.percentile_ms(0.95) for m in rounds),
        )
        failed = sum(len(m.errors) for m in rounds)
        shown = [number(value) for value in values]
        return [f"{shown[0]}{' !' if failed else ''}", *shown[1:]]

    def ratio(self, ours: str, peer: str) -> str:
        """How many times better we are than the peer: median (lowest to highest round)."""
        pairs = zip(self.rounds.get(ours, []), self.rounds.get(peer, []), strict=False)
        ratios = [
            a.rate / b.rate if self.by_rate else b.percentile_ms(0.5) / a.percentile_ms(0.5)
            for a, b in pairs
            if a.latencies_s and b.latencies_s
        ]
        if not ratios:
            return "-"
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"

    def errors(self) -> list[str]:
        """Tell what went wrong, with the server's name."""
        return [
            f"{self.work}, {name}: {error}"
            for name, rounds in self.rounds.items()
            for measured in rounds
            for error in measured.errors
        ]


def number(value: float) -> str:
    """Three significant digits at most, without an exponent."""
    if value != value:  # noqa: PLR0124 not a number
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(cases: list[Case], names: list[str]) -> str:
    """Return a Markdown table; with a second server the last column is the ratio to it."""
    heads = ["work", "unit"]
    for name in names:
        heads += [f"{name} /s", "p50 ms", "p95 ms"]
    if len(names) > 1:
        heads.append(f"ratio to {names[1]}")
    lines = ["| " + " | ".join(heads) + " |", "|---|---" + "|---:" * (len(heads) - 2) + "|"]
    for case in cases:
        cells = [case.work, case.unit]
        for name in names:
            cells += case.cells(name)
        if len(names) > 1:
            cells.append(case.ratio(names[0], names[1]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


class PeerTable:
    """A Markdown table of two servers that can be told line by line: ratio, goal, verdict."""

    def __init__(self, ours: str, peer: str) -> None:
        self._names = (ours, peer)
        self._cases: dict[str, Case] = {}
        self._spent: dict[tuple[str, str], list[float]] = {}

    def add(
        self,
        work: str,
        unit: str,
        name: str,
        measured: Measured,
        processor_s: float,
        *,
        is_rate: bool,
    ) -> None:
        """Keep a round of a server, with the processor's time that it took in it."""
        self._cases.setdefault(work, Case(work, unit, is_rate)).add(name, measured)
        units = len(measured.latencies_s) * measured.units
        spent = processor_s * 1000 / units if units else float("nan")
        self._spent.setdefault((work, name), []).append(spent)

    def head(self) -> str:
        """Return the lines above the rows."""
        heads = ["work", "unit"]
        for name in self._names:
            heads += [f"{name} /s", "p50 ms", "p95 ms", "CPU ms"]
        line = f"| {' | '.join([*heads, 'ratio', 'goal'])} | |"
        return f"{line}\n|---|---|{'---:|' * 10}---|"

    def row(self, work: str, goal: float) -> str:
        """Return the row of some work: medians of its rounds; a goal of 0 is none."""
        case = self._cases[work]
        ratio = case.ratio(*self._names)
        reached = ratio != "-" and float(ratio.split()[0]) >= goal
        aim, verdict = (number(goal), "yes" if reached else "**no**") if goal else ("", "")
        cells = [case.work, case.unit]
        for name in self._names:
            spent = self._spent.get((work, name), [float("nan")])
            cells += [*case.cells(name), number(statistics.median(spent))]
        return f"| {' | '.join([*cells, ratio, aim, verdict])} |"

    def errors(self) -> list[str]:
        """Tell what went wrong in all rows."""
        return [problem for case in self._cases.values() for problem in case.errors()]
