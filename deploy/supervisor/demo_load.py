"""The child that loads the demonstration studies, and its progress on our terminal."""

from collections.abc import Mapping
from pathlib import Path

from deploy.supervisor.child import Child, last_line
from deploy.supervisor.home import Home
from deploy.supervisor.programs import child_environ, management_spec
from deploy.supervisor.record import ProcessRecord
from deploy.supervisor.terminal import Terminal

NAME = "demo"


class DemoLoad:
    """Runs `load_demo` once, beside the program, through the same doors as everybody."""

    def __init__(
        self, home: Home, environ: Mapping[str, str], record: ProcessRecord, terminal: Terminal
    ) -> None:
        self.spec = management_spec(home, NAME, ("load_demo",), child_environ(environ))
        self.record = record
        self.terminal = terminal
        self.lines = LogLines(self.spec.log_file)
        self.child: Child | None = None
        self.latest = ""

    def start(self) -> None:
        self.lines.skip_to_end()
        self.child = Child(self.spec)
        self.record.add(NAME, self.child.pid)

    def tick(self) -> None:
        """Show what is new; say how it ended."""
        if self.child is None:
            return
        status = self.child.poll()
        for line in self.lines.read():
            self.latest = line
            self.terminal.progress(NAME, line)
        if status is None:
            return
        if status == 0:
            self.terminal.done(NAME, self.latest)
        else:
            self.terminal.warn(
                f"The demonstration studies could not be loaded "
                f"({last_line(self.spec.log_file)}); see {self.spec.log_file}."
            )
        self.stop()

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()
            self.record.remove(NAME)
            self.child = None


class LogLines:
    """Whole lines that were added to a file since the last look; log records in JSON left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def skip_to_end(self) -> None:
        self._offset = self.path.stat().st_size if self.path.exists() else 0

    def read(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                if self.path.stat().st_size < self._offset:
                    self._offset = 0  # rotated
                file.seek(self._offset)
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._offset += len(whole) + 1 if whole else 0
        # A progress bar redraws its line with carriage returns: its last state is what counts.
        lines = (
            line.rpartition("\r")[2].rstrip()
            for line in whole.decode("utf-8", "replace").split("\n")
        )
        return [line for line in lines if line.strip() and not line.startswith("{")]
