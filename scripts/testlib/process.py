# SPDX-License-Identifier: GPL-2.0
"""Child processes that end in time, together with all that they started."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

# How long a child may take to end after SIGTERM, in seconds.
_GRACE_S = 5
_children = set()
_lock = threading.Lock()


def outer_environment():
    """Returns the environment without what a make that runs us says to makes it starts itself."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}


def enter_root(top):
    """Starts this program again inside of the build root, unless it runs there already."""
    if "RVM_IN_ROOT" not in os.environ:
        os.execv(top / "scripts" / "root", ["root", os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def _end(child):
    """Ends a child and its process group, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
            return


def run(command, cwd, timeout_s, separate=False):
    """Runs a command to its end; returns (status, output, errors).

    Errors are part of the output unless `separate`. The status is 124 if the command was ended for taking
    longer than `timeout_s`, 127 if it could not be started.
    """
    try:
        child = subprocess.Popen(  # pylint: disable=consider-using-with
            command,
            cwd=cwd,
            env=outer_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if separate else subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        message = f"cannot run {command[0]}: {error.strerror}"
        return 127, "" if separate else message, message if separate else ""
    with _lock:
        _children.add(child)
    try:
        out, err = child.communicate(timeout=timeout_s)
        status = child.returncode
    except subprocess.TimeoutExpired:
        _end(child)
        out, err = child.communicate()
        out += f"\nended after {timeout_s} s\n".encode()
        status = 124
    finally:
        with _lock:
            _children.discard(child)
    return status, out.decode(errors="replace"), (err or b"").decode(errors="replace")


def end_all():
    """Ends all children that still run."""
    with _lock:
        children = list(_children)
    for child in children:
        _end(child)
