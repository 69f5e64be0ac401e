# SPDX-License-Identifier: GPL-2.0
"""Tests of the command line, the profiles, the stream splitter and QEMU's arguments."""

import base64
import io
import socket
import subprocess
import threading
import unittest
from pathlib import Path

import main
import profiles
import qemu
import store

MARK = b"\x00END"


class CommandLine(unittest.TestCase):
    """Options are converted or refused with one sentence."""

    def test_command_keeps_its_options(self):
        options = main.parse(["--cpus", "2", "--", "ls", "--cpus", "--", "x"])
        self.assertEqual((options.cpus, options.command), (2, ["ls", "--cpus", "--", "x"]))

    def test_nonsense_is_refused(self):
        for line in ("", "--", "ls", "--cpus x -- ls", "--cpus 0 -- ls", "--mem 1.5 -- ls", "--cpu 2 -- ls"):
            with self.assertRaises(main.UsageError):
                main.parse(line.split())

    def test_request_survives_the_shell(self):
        options = main.parse(["--", "printf", "%s|", "a b", "", "it's", "two\nlines", "$x"])
        script = base64.b64decode(main.request(options, "mark")).decode() + '"$@"'
        output = subprocess.run(["dash", "-c", script], capture_output=True, check=True).stdout
        self.assertEqual(output, b"a b||it's|two\nlines|$x|")


class Profiles(unittest.TestCase):
    """The files in scripts/profiles."""

    def test_all_load(self):
        for name in profiles.names():
            self.assertTrue(profiles.load(name).about)

    def test_unknown_is_refused(self):
        for name in ("nope", "", "../profiles/base"):
            with self.assertRaises(profiles.ProfileError):
                profiles.load(name)


class Streams(unittest.TestCase):
    """However a stream is cut into reads, the mark is found and nothing else is lost."""

    def test_every_cut(self):
        stream = b"a\x00E\x00b\x00EN" + MARK
        for first in range(len(stream)):
            for second in range(first, len(stream)):
                held, out, ended = b"", b"", False
                for part in (stream[:first], stream[first:second], stream[second:]):
                    ready, held, ended = qemu.split_stream(held + part, MARK)
                    out += ready
                self.assertEqual((out, held, ended), (stream[: -len(MARK)], b"", True))


class Ended:
    """A QEMU that ends when it is told to."""

    def wait(self, _=None):
        return 85


class Ports(unittest.TestCase):
    """The guest's ports arrive in any order."""

    def test_a_report_after_the_end_of_the_streams_counts(self):
        machine = object.__new__(qemu.Vm)
        machine.outcome, machine.process, machine._pending = qemu.Outcome(), Ended(), b""
        ours, theirs = {}, {}
        for name in qemu.STREAMS:
            ours[name], theirs[name] = socket.socketpair()
        machine.ports = ours
        theirs["ctl"].sendall(b"STARTED 0\n")
        theirs["out"].sendall(b"x" + MARK)
        theirs["err"].sendall(MARK)
        late = threading.Timer(0.3, theirs["ctl"].sendall, [b"STATUS 7\nTAINT 0\nLEAKED \n"])
        late.start()
        sinks = {"out": io.BytesIO(), "err": io.BytesIO()}
        machine.run(b"request", MARK, 5, sinks)
        late.join()
        self.assertEqual((machine.outcome.status, sinks["out"].getvalue()), (7, b"x"))
        self.assertTrue(theirs["ctl"].recv(100).endswith(b"BYE\n"))
        for end in (*ours.values(), *theirs.values()):
            end.close()

    def test_half_a_report_is_none(self):
        for text in (b"", b"STATUS 0\nTAINT 0\n", b"STATUS 0\nTAINT 0\nLEAKED a"):
            self.assertFalse(qemu.has_report(text))
        for text in (b"STATUS 0\nTAINT 0\nLEAKED \n", b"FAIL no port\n"):
            self.assertTrue(qemu.has_report(text))


class Arguments(unittest.TestCase):
    """QEMU's arguments."""

    def machine(self, **changes):
        """Returns the arguments of a small machine as one string."""
        return " ".join(qemu.Machine(Path("k"), Path("i"), cpus=1, mem_mib=512, **changes).args())

    def test_counting_is_single_threaded(self):
        self.assertIn("tcg,thread=single", self.machine(icount=True))
        self.assertIn("-icount shift=0,sleep=off", self.machine(icount=True))
        self.assertNotIn("-icount", self.machine())

    def test_one_thread_suffices_where_it_is_asked_for(self):
        self.assertIn("tcg,thread=single", self.machine(one_thread=True))
        self.assertNotIn("-icount", self.machine(one_thread=True))
        self.assertIn("tcg,thread=multi", self.machine())

    def test_a_plugin_does_not_change_the_machine(self):
        self.assertEqual(self.machine(plugin=Path("p")), self.machine())

    def test_commas_in_paths_are_escaped(self):
        self.assertEqual(qemu.escape(Path("a,b")), "a,,b")


class Versions(unittest.TestCase):
    """Kernel releases are compared by number."""

    def test_ten_is_newer_than_nine(self):
        names = ["7.3.9+deb13-amd64", "7.3.10+deb13-amd64"]
        self.assertEqual(max(names, key=store.version), names[1])


if __name__ == "__main__":
    unittest.main()
