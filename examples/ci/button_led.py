#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Boots Linux, presses its button, looks at its lamp. No root, no kernel modules.

usage: button_led.py      in the environment:
    VGPIO       the vgpio program, if it is not in PATH
    KERNEL      a User-Mode Linux kernel (run.sh has one built)
    INITRD      the guest's root (make_guest.sh)
    PYTHONPATH  the folder of virtiogpio.py
"""

import os
import select
import signal
import subprocess
import tempfile
import time
import unittest

import virtiogpio

HERE = os.path.dirname(os.path.realpath(__file__))
PATIENCE = 30  # seconds; a boot takes one


class Guest:
    """A machine on a socket of lines; what its console says can be waited for."""

    def __init__(self, socket):
        self.folder = tempfile.TemporaryDirectory()
        board = os.path.join(self.folder.name, "board.dtb")
        with open(os.path.join(HERE, "board.dts")) as source:
            subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", board, "-"],
                           input=source.read().replace("SOCKET", socket).encode(),
                           check=True)
        # A process group of its own: the kernel runs as several processes.
        self.process = subprocess.Popen(
            [os.environ["KERNEL"], "mem=64M", "initrd=" + os.environ["INITRD"],
             "rdinit=/init", "dtb=" + board, "uml_dir=" + self.folder.name,
             "con=null", "con0=null,fd:1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.said = b""
        self.seen = 0

    def until(self, text):
        """Waits for a text on the console, behind what was waited for before."""
        end = time.monotonic() + PATIENCE
        while True:
            at = self.said.find(text.encode(), self.seen)
            if at >= 0:
                self.seen = at + len(text)
                return
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            data = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not data:
                raise AssertionError("no '%s' on the console, but:\n%s"
                                     % (text, self.said.decode("ascii", "replace")))
            self.said += data

    def off(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


class ButtonAndLamp(unittest.TestCase):
    def setUp(self):
        self.server = virtiogpio.Server(["button", "led"])
        self.addCleanup(self.server.stop)
        self.board = self.server.control
        self.guest = Guest(self.server.socket)
        self.addCleanup(self.guest.off)
        self.guest.until("app: ready")

    def test_a_press_is_a_key(self):
        self.board.pull("button", 1)
        self.guest.until("app: key 28 is 1")
        self.board.pull("button", 0)
        self.guest.until("app: key 28 is 0")

    def test_the_lamp_follows(self):
        self.assertEqual(self.board.direction("led"), "out")
        self.board.watch("led")
        for _ in range(3):
            self.board.pull("button", 1)
            self.board.expect("led", 1, PATIENCE)
            self.board.pull("button", 0)
            self.board.expect("led", 0, PATIENCE)
        # Not once more than the button, and no event is missing.
        levels = [event.args[0] for event in self.board.events()]
        self.assertEqual(levels, [1, 0] * 3)

    def test_a_press_while_nobody_looks(self):
        """Two edges in one step: the guest cannot see the level, but it hears of them."""
        before = self.board.stats()["interrupts"]
        self.board.toggle("button")
        self.board.barrier()
        stats = self.board.stats()
        self.assertEqual(stats["interrupts"] + stats["latched"] + stats["merged"],
                         before + 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
