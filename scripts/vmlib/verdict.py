# SPDX-License-Identifier: GPL-2.0
"""Judges a finished virtual machine from its kernel log, its taint, its report and QEMU's exit code."""

import re
from dataclasses import dataclass

# Statuses of the runner itself; the ones of timeout(1) and xargs(1) for the same meanings.
TIMED_OUT = 124
KERNEL_FAILED = 125

# Byte that the guest writes to isa-debug-exit, and what QEMU makes of it. A panic, a power-off and a
# guest without the device all end QEMU with 0, so 0 proves nothing.
EXIT_BYTE = 42
CLEAN_EXIT = EXIT_BYTE << 1 | 1

# Bits of /proc/sys/kernel/tainted that no test may set: bad page, died, warned, soft lockup.
BAD_TAINT = {5: "bad page", 7: "oops", 9: "warning", 14: "soft lockup"}

BAD_LINE = re.compile(
    r"Kernel panic|Oops:|BUG: |kernel BUG at|WARNING: .*CPU[:#]|general protection|unable to handle"
    r"|possible circular locking|possible recursive locking|inconsistent lock state"
    r"|suspicious RCU usage|bad unlock balance|held lock freed|possible irq lock inversion"
    r"|KASAN: |KCSAN: |UBSAN: |ODEBUG: |refcount_t: |list_(add|del) corruption|DMA-API: .*(error|warn|leak)"
    r"|self-detected stall|detected stalls|blocked for more than|soft lockup|hard LOCKUP"
    r"|\birq \d+: nobody cared|Disabling IRQ #|\bBUG [a-zA-Z]\S* \(|kobject_add_internal failed"
    r"|cannot create duplicate filename|unregister_netdevice: waiting"
    r"|rust_kernel: panicked at|Out of memory: Killed"
)


@dataclass
class Outcome:
    """What is known about a virtual machine that has ended; a None was never reported."""

    exit_code: int | None = None
    status: int | None = None
    taint_before: int | None = None
    taint_after: int | None = None
    leaked: tuple[str, ...] = ()
    # The guest's own sentence about why it could not go on.
    failure: str | None = None
    timed_out_s: float | None = None
    log: str = ""


def bad_line(log: str) -> str | None:
    """Returns the first line of a kernel log that reports a fault of the kernel."""
    for line in log.splitlines():
        if BAD_LINE.search(line):
            return re.sub(r"^\[[^\]]*\] ?", "", line.strip())
    return None


def judge(outcome: Outcome) -> tuple[int, str | None]:
    """Returns the exit status of the runner, and a sentence if it is not simply the command's."""
    line = bad_line(outcome.log)
    if line:
        return KERNEL_FAILED, f"the kernel reported: {line}"
    if outcome.failure:
        return KERNEL_FAILED, f"the guest failed: {outcome.failure}"
    if outcome.timed_out_s is not None:
        return TIMED_OUT, f"timed out after {outcome.timed_out_s:g} s"
    if outcome.taint_before is None:
        return KERNEL_FAILED, f"the guest ended (QEMU status {outcome.exit_code}) before the command was started"
    if outcome.status is None or outcome.taint_after is None:
        return KERNEL_FAILED, f"the guest ended (QEMU status {outcome.exit_code}) while the command ran"
    new = outcome.taint_after & ~outcome.taint_before
    words = [word for bit, word in BAD_TAINT.items() if new >> bit & 1]
    if words:
        return KERNEL_FAILED, f"the kernel became tainted: {', '.join(words)}"
    if outcome.leaked:
        return KERNEL_FAILED, f"left loaded at the end: {', '.join(outcome.leaked)}"
    if outcome.exit_code != CLEAN_EXIT:
        return KERNEL_FAILED, f"the guest did not end cleanly (QEMU status {outcome.exit_code})"
    return outcome.status, None
