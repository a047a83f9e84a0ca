# SPDX-License-Identifier: GPL-2.0-only
"""Polling: a lab waits for the state it expects, and says what it saw where that never comes."""

import time


class Hopeless(AssertionError):
    """Raised by a polled function: the expected state can no longer come about."""


class Timeout(AssertionError):
    """The expected state did not come about in time."""


def wait_until(fn, timeout, what, interval=0.02):
    """Calls fn() until it returns something true, and returns that.

    An exception of fn() counts as "not yet" and is shown if the time runs out. `what` completes
    the sentence "waited N s for …"; it may be a function, called at the end, that shows more.
    """
    deadline = time.monotonic() + timeout
    error = None
    while True:
        try:
            result = fn()
            if result:
                return result
            error = None
        except Hopeless as e:
            raise Timeout(f"waited for {_text(what)}; {e}") from e
        except Exception as e:  # the state is not there yet; shown below if it never comes
            error = e
        if time.monotonic() >= deadline:
            break
        time.sleep(interval)
    seen = f"; last error: {type(error).__name__}: {error}" if error else ""
    raise Timeout(f"waited {timeout:g} s for {_text(what)}{seen}")


def _text(what):
    return what() if callable(what) else what
