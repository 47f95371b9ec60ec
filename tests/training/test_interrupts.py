import os
import signal

import pytest

from stages.training import interrupts


def press(times: int = 1) -> None:
    """Press Ctrl-C."""
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("hearing")
def test_the_first_ctrl_c_is_held_back():
    with interrupts.held() as pressed:
        assert not pressed()
        press()
        assert pressed()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("hearing")
def test_the_second_ctrl_c_ends_the_block():
    with pytest.raises(KeyboardInterrupt), interrupts.held() as pressed:
        press(times=2)

    assert pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("hearing")
def test_ctrl_c_is_heard_again_after_the_block():
    with interrupts.held():
        pass
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("hearing")
def test_ctrl_c_is_heard_again_after_a_block_that_raised():
    with pytest.raises(ValueError, match="own"), interrupts.held():
        raise ValueError("its own")
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("hearing")
def test_ctrl_c_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.held() as pressed:
        press()
        assert not pressed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("hearing")
def test_a_handler_of_another_stays():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    with interrupts.held() as pressed:
        press()
        assert not pressed()
    press()

    assert heard == [True, True]
