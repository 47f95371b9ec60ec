import os
import signal
from contextlib import nullcontext

import pytest

from stages.common import signals
from stages.training.runtime import interrupts

pytestmark = pytest.mark.usefixtures("system_handlers")


def press(times: int = 1) -> None:
    """Press Ctrl-C."""
    send(*[signal.SIGINT] * times)


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.usefixtures("python_sigint")
def test_the_first_ctrl_c_is_deferred():
    with interrupts.deferred() as pressed:
        assert not pressed()
        press()
        assert pressed()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_the_second_ctrl_c_ends_the_block():
    with pytest.raises(KeyboardInterrupt), interrupts.deferred() as pressed:
        press(times=2)

    assert pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_is_heard_again_after_the_block():
    with interrupts.deferred():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_is_heard_again_after_a_block_that_raised():
    with pytest.raises(ValueError, match="own"), interrupts.deferred():
        raise ValueError("its own")
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.deferred() as pressed:
        press()
        assert not pressed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("python_sigint")
def test_a_handler_of_another_stays():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    with interrupts.deferred() as pressed:
        press()
        assert not pressed()
    press()

    assert heard == [True, True]


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_ends_the_process_while_a_library_waits_and_raises_again_after_it():
    with interrupts.default():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt):
        press()
    with pytest.raises(ValueError, match="own"), interrupts.default():
        raise ValueError("its own")

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_that_is_ignored_stays_so_while_a_library_waits():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.default():
        press()

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("inside", [signals.raised, nullcontext], ids=["a command", "no command"])
@pytest.mark.parametrize("number", signals.REQUESTS)
def test_a_signal_is_deferred_however_often_it_comes(number: int, inside: type):
    """A closed terminal and its shell both send SIGHUP; systemd sends SIGTERM, then SIGHUP."""
    with inside():
        before = signal.getsignal(number)
        with interrupts.deferred() as first:
            assert first() == 0
            send(number, *signals.REQUESTS, *signals.REQUESTS)
            assert first() == number
        assert signal.getsignal(number) is before


def test_none_that_follows_disturbs_the_end_of_the_process():
    def end() -> None:
        with interrupts.deferred():
            send(signal.SIGTERM)
            raise ValueError("its end")

    with signals.raised():
        with pytest.raises(ValueError, match="its end"):
            end()
        send(signal.SIGTERM, signal.SIGHUP)

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("python_sigint")
def test_the_second_ctrl_c_after_a_signal_ends_the_block():
    with pytest.raises(KeyboardInterrupt), interrupts.deferred() as first:
        send(signal.SIGTERM, signal.SIGINT, signal.SIGINT)

    assert first() == signal.SIGTERM


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does it
    with interrupts.deferred() as first:
        send(signal.SIGHUP)

    assert first() == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", signals.REQUESTS)
def test_a_signal_ends_the_process_while_a_library_waits(number: int):
    with signals.raised():
        with interrupts.default():
            assert signal.getsignal(number) is signal.SIG_DFL
        with pytest.raises(signals.Stopped):
            send(number)
