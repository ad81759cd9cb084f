"""What a run was measured on: machine, versions, commit, date. No path and no name of a host."""

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apsw
import zmq


def machine() -> dict[str, Any]:
    """What it was measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libzmq": zmq.zmq_version(),
        "pyzmq": zmq.pyzmq_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "event_loop": "uvloop" if _has_uvloop() else "asyncio",
    }


def machine_line() -> str:
    """The same for a person."""
    return ", ".join(f"{name} {value}" for name, value in machine().items())


def origin() -> dict[str, str]:
    """Which version was measured, and when; `commit` is empty outside a clone."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        told = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=20
        )
        commit = told.stdout.strip()
    except OSError:  # no git here
        commit = ""
    return {
        "version": version("cnmessage"),
        "commit": commit,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401, PLC0415
    except ImportError:
        return False
    return sys.implementation.name == "cpython"
