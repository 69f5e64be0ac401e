# SPDX-License-Identifier: GPL-2.0
"""Tests of the verdict on a finished machine."""

import dataclasses
import unittest

from verdict import CLEAN_EXIT, KERNEL_FAILED, TIMED_OUT, Outcome, bad_line, judge

GOOD = Outcome(exit_code=CLEAN_EXIT, status=0, taint_before=0, taint_after=1 << 12 | 1 << 13)


class Judge(unittest.TestCase):
    """Each field of an outcome alone can spoil it."""

    def verdict(self, **changes):
        """Judges a good outcome with some fields changed."""
        return judge(dataclasses.replace(GOOD, **changes))

    def test_status_is_the_commands(self):
        for status in (0, 1, 124, 125, 255):
            self.assertEqual(self.verdict(status=status), (status, None))

    def test_exit_code_zero_is_a_failure(self):
        self.assertEqual(self.verdict(exit_code=0)[0], KERNEL_FAILED)

    def test_missing_report_is_a_failure(self):
        self.assertIn("while the command ran", self.verdict(status=None)[1])
        self.assertIn("while the command ran", self.verdict(taint_after=None)[1])
        self.assertIn("before the command", self.verdict(taint_before=None)[1])

    def test_only_new_taint_counts(self):
        for bit in (5, 7, 9, 14):
            self.assertEqual(self.verdict(taint_after=1 << bit)[0], KERNEL_FAILED)
            self.assertEqual(self.verdict(taint_before=1 << bit, taint_after=1 << bit)[0], 0)

    def test_leaked_modules_are_named(self):
        self.assertEqual(self.verdict(leaked=("a", "b")), (KERNEL_FAILED, "left loaded at the end: a, b"))

    def test_timeout_yields_to_a_kernel_fault(self):
        self.assertEqual(self.verdict(timed_out_s=3, status=None)[0], TIMED_OUT)
        self.assertEqual(self.verdict(timed_out_s=3, log="[1.0] Oops: 0002")[0], KERNEL_FAILED)

    def test_guests_failure_is_passed_on(self):
        self.assertIn("modprobe igb", self.verdict(failure="modprobe igb")[1])


class BadLine(unittest.TestCase):
    """Lines of the kernel log."""

    def test_faults_are_found(self):
        for line in (
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "Oops: Oops: 0000 [#1] SMP NOPTI",
            "WARNING: CPU: 0 PID: 9 at mm/slub.c:1 kfree+0x1/0x2",
            "WARNING: mm/slub.c:1 at kfree+0x1/0x2, CPU#0: sh/9",
            "WARNING: possible circular locking dependency detected",
            "WARNING: suspicious RCU usage",
            "UBSAN: array-index-out-of-bounds in a.c:1:2",
            "refcount_t: underflow; use-after-free.",
            "rust_kernel: panicked at a.rs:1:2",
            "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
            "Disabling IRQ #11",
            "BUG kmalloc-64 (Tainted: G           O      ): Right Redzone overwritten",
            "BUG rvm_cache (Not tainted): Poison overwritten",
            "kobject: kobject_add_internal failed for x with -EEXIST, don't try to register things with the same name",
            "sysfs: cannot create duplicate filename '/class/x'",
            "unregister_netdevice: waiting for veth0 to become free. Usage count = 2",
            "INFO: task sh:9 blocked for more than 120 seconds.",
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
        ):
            self.assertEqual(bad_line(f"[    1.5] fine\n[    2.0] {line}\n"), line)

    def test_ordinary_lines_are_not(self):
        for line in (
            "nvme nvme0: Ignoring bogus Namespace Identifiers",
            "irq_mod: loading out-of-tree module taints kernel.",
            "DMAR: Intel(R) Virtualization Technology for Directed I/O",
            "DMA-API: preallocated 65536 debug entries",
            "irq 11: somebody cared",
            "DEBUG x (y)",
            "virtio-pci: WARNING: option ignored",
        ):
            self.assertIsNone(bad_line(line))


if __name__ == "__main__":
    unittest.main()
