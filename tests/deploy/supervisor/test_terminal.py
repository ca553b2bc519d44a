import io

import pytest

from deploy.supervisor.terminal import Terminal


class Stream(io.TextIOWrapper):
    def __init__(self, *, encoding: str = "utf-8", is_tty: bool = False) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding=encoding)
        self.is_tty = is_tty

    def isatty(self) -> bool:
        return self.is_tty

    @property
    def text(self) -> str:
        return self.written.getvalue().decode(self.encoding)


def everything(terminal: Terminal) -> None:
    terminal.title("Twinsight", "/srv/home")
    terminal.done("schema", "up to date")
    terminal.step("demo", "12 of 60")
    terminal.field("password", "x y z", "shown only this once")
    terminal.warn("dicom keeps stopping.")
    terminal.say()
    terminal.say("Ctrl-C stops everything.")


def test_pipe_gets_plain_lines():
    stream = Stream()
    everything(Terminal(stream))
    assert "\x1b" not in stream.text
    lines = [line.strip() for line in stream.text.splitlines() if line.strip()]
    assert lines == [
        "Twinsight  /srv/home",
        "✓ schema       up to date",
        "• demo         12 of 60",
        "password     x y z  shown only this once",
        "! dicom keeps stopping.",
        "Ctrl-C stops everything.",
    ]


def test_terminal_gets_colour(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Stream(is_tty=True)
    everything(Terminal(stream))
    assert "\x1b[32m✓\x1b[0m" in stream.text


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    stream = Stream(is_tty=True)
    everything(Terminal(stream))
    assert "\x1b" not in stream.text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_stream_without_utf8_gets_plain_marks(encoding):
    stream = Stream(encoding=encoding)
    everything(Terminal(stream))
    assert "+ schema" in stream.text


def test_stream_that_nobody_reads_does_not_stop_the_archive():
    stream = Stream()
    terminal = Terminal(stream)
    stream.close()
    everything(terminal)


def test_what_takes_time_is_replaced_on_a_terminal_and_not_shown_elsewhere():
    shown, piped = Stream(is_tty=True), Stream()
    for stream in (shown, piped):
        terminal = Terminal(stream)
        terminal.working("schema", "looking")
        terminal.done("schema", "up to date")
    assert "looking" in shown.text.split("\r\x1b[K")[0]
    assert "up to date" in shown.text.split("\r\x1b[K")[1]
    assert "looking" not in piped.text
    assert "\r" not in piped.text


def test_progress_is_one_line_on_a_terminal_and_many_elsewhere():
    shown, piped = Stream(is_tty=True), Stream()
    for stream in (shown, piped):
        terminal = Terminal(stream)
        for number in range(3):
            terminal.progress("demo", f"{number} of 3")
        terminal.done("demo", "3 of 3")
    assert shown.text.count("\n") == 1
    assert piped.text.count("\n") == 4
