import os
import signal

import pytest

from stages.training.runtime import interrupts


def press(times: int = 1) -> None:
    """Press Ctrl-C."""
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("python_sigint")
def test_the_first_ctrl_c_is_deferred():
    with interrupts.deferred_sigint() as pressed:
        assert not pressed()
        press()
        assert pressed()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_the_second_ctrl_c_ends_the_block():
    with pytest.raises(KeyboardInterrupt), interrupts.deferred_sigint() as pressed:
        press(times=2)

    assert pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_is_heard_again_after_the_block():
    with interrupts.deferred_sigint():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_is_heard_again_after_a_block_that_raised():
    with pytest.raises(ValueError, match="own"), interrupts.deferred_sigint():
        raise ValueError("its own")
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.deferred_sigint() as pressed:
        press()
        assert not pressed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("python_sigint")
def test_a_handler_of_another_stays():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    with interrupts.deferred_sigint() as pressed:
        press()
        assert not pressed()
    press()

    assert heard == [True, True]


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_ends_the_process_while_a_library_waits_and_raises_again_after_it():
    with interrupts.default_sigint():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt):
        press()
    with pytest.raises(ValueError, match="own"), interrupts.default_sigint():
        raise ValueError("its own")

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("python_sigint")
def test_ctrl_c_that_is_ignored_stays_so_while_a_library_waits():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.default_sigint():
        press()

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
