"""A thread that steps back behind the rest of this machine, so that moving files makes nobody's chat wait.

On Linux a niceness belongs to a thread, and threads that it starts, libzmq's among them, inherit it.
Elsewhere nothing changes. Must not know what the thread does.
"""

import contextlib
import os
import sys
import threading

_NICENESS = 10


def step_back() -> None:
    """Let others of this machine go first, from now on, in this thread; there is no way back."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
