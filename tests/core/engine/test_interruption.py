import os
import signal
import threading

import pytest

from retinue.engine import interruption as interruption_module
from retinue.engine.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_work_goes_on(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert interruption.signal is None
        os.kill(os.getpid(), number)
        assert interruption.signal == number
    assert signal.getsignal(number) is before


def test_the_second_one_is_the_programs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption_module, "SAME_REQUEST", -1.0)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert interruption.signal == signal.SIGINT


def test_what_comes_twice_at_once_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal tells every process of a group, and its launcher passes on what it was told."""
    monkeypatch.setattr(interruption_module, "SAME_REQUEST", 3600.0)
    with Interruption() as interruption:
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert interruption.signal == signal.SIGINT


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), Interruption():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_the_program_around_it_decides() -> None:
    seen = []

    def work() -> None:
        with Interruption() as interruption:
            seen.append((signal.getsignal(signal.SIGINT), interruption.signal))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.getsignal(signal.SIGINT), None)]
