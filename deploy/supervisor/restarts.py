"""When to start a dead process again, and when to say that it keeps dying."""

from collections import deque
from dataclasses import dataclass, field

QUICK_DEATHS = 5
QUICK_WINDOW_S = 60.0
FIRST_DELAY_S = 0.5
LAST_DELAY_S = 30.0
# Shorter lives than this count as one failing start after the other.
HEALTHY_AFTER_S = 30.0


@dataclass
class RestartPolicy:
    """Back-off of one process: 0.5, 1, 2, 4 ... 30 s, from the start again after a healthy run."""

    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=QUICK_DEATHS))
    in_a_row: int = 0
    is_reported: bool = False

    def delay_after_death(self, now: float, lived_s: float) -> float:
        """Seconds to wait before the next start."""
        if lived_s >= HEALTHY_AFTER_S:
            self.in_a_row = 0
            self.is_reported = False
        self.deaths.append(now)
        delay = min(FIRST_DELAY_S * 2.0**self.in_a_row, LAST_DELAY_S)
        self.in_a_row += 1
        return delay

    def should_report(self) -> bool:
        """Tell, once, that the last deaths came quickly after each other."""
        is_quick = (
            len(self.deaths) == QUICK_DEATHS and self.deaths[-1] - self.deaths[0] <= QUICK_WINDOW_S
        )
        if not is_quick or self.is_reported:
            return False
        self.is_reported = True
        return True
