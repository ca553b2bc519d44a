"""Keep the program's processes running, and end them in order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.supervisor.child import Child, ChildSpec, last_line
from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.interrupts import StopWish
from deploy.supervisor.record import ProcessRecord
from deploy.supervisor.restarts import RestartPolicy
from deploy.supervisor.services import ServiceGroup

TICK_S = 0.2


@dataclass
class Supervisor:
    """Watches services and programs of one home from the main thread.

    Parameters
    ----------
    services : the embedded services, running
    stages : programs in the order in which they start and stop
    warn : shows one sentence to the person at the terminal
    """

    services: ServiceGroup
    stages: Sequence[Sequence[ChildSpec]]
    record: ProcessRecord
    warn: Callable[[str], None]
    children: dict[str, Child] = field(default_factory=dict)
    policies: dict[str, RestartPolicy] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        for stage in self.stages:
            for spec in stage:
                self._start_program(spec)

    def watch(self, wish: StopWish, on_tick: Callable[[], None] = lambda: None) -> None:
        """Restart what dies until a stop is wished."""
        while not wish.wait(TICK_S):
            self.tick(wish)
            on_tick()

    def tick(self, wish: StopWish) -> None:
        """Look once at every process."""
        for name, child in {**self.services.children, **self.children}.items():
            if name not in self.due and child.poll() is not None:
                self._note_death(name, child)
        now = time.monotonic()
        for name in [name for name, moment in self.due.items() if moment <= now]:
            self._start_again(name, wish)

    def stop(self) -> None:
        """Doors first, so that nothing new comes in; then workers, with their tasks finished."""
        self.due.clear()
        for stage in self.stages:
            running = [child for spec in stage if (child := self.children.pop(spec.name, None))]
            for child in running:
                child.ask_to_stop()
            for child in running:
                child.stop()
                self.record.remove(child.name)

    def _start_program(self, spec: ChildSpec) -> None:
        child = Child(spec)
        self.children[spec.name] = child
        self.record.add(spec.name, child.pid)

    def _start_again(self, name: str, wish: StopWish) -> None:
        if name in self.services.services:
            try:
                with wish.breaking():
                    self.services.restart(name)
            except ServiceStartError:
                self._note_death(name, self.services.children[name])
                return
        else:
            self._start_program(self.children[name].spec)
        del self.due[name]

    def _note_death(self, name: str, child: Child) -> None:
        child.stop()  # what it left in its group goes before the next one comes
        now = time.monotonic()
        policy = self.policies.setdefault(name, RestartPolicy())
        self.due[name] = now + policy.delay_after_death(now, now - child.started_at)
        if policy.should_report():
            log_file = child.spec.log_file
            self.warn(
                f"{name} keeps stopping ({last_line(log_file)}); "
                f"it is tried again every half minute, see {log_file}."
            )
