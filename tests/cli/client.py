# SPDX-License-Identifier: BSD-3-Clause
"""The Python client on the real server. usage: client.py VGPIO FOLDER-OF-VIRTIOGPIO.PY"""

import os
import socket
import sys
import tempfile
import threading
import unittest

VGPIO, FOLDER = sys.argv[1:3]
sys.path.insert(0, FOLDER)
sys.dont_write_bytecode = True
import virtiogpio  # noqa: E402


# What has to come does, however busy the machine is.
PATIENCE = 100


class OnServer(unittest.TestCase):
    def setUp(self):
        self.server = virtiogpio.Server(["led", "button", None, "ethernet reset"],
                                        vgpio=VGPIO, timeout=PATIENCE)
        self.ctl = self.server.control

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)
        self.assertFalse(os.path.exists(self.server.folder))

    def test_lines(self):
        self.assertEqual(self.ctl.value("led"), 0)
        self.ctl.pull("led", 1)
        self.ctl.pull(2, True)
        self.ctl.pull("ethernet reset", 1)
        self.assertEqual(self.ctl.value(0), 1)
        self.assertEqual(self.ctl.values(), [1, 0, 1, 1])
        self.assertEqual(self.ctl.direction("led"), "none")
        self.assertIn("watch", self.ctl.commands)

    def test_info_and_stats(self):
        info = self.ctl.info()
        self.assertEqual(info["lines"], 4)
        self.assertEqual(info["connected"], 0)
        self.assertEqual(info["names"], ["led", "button", None, "ethernet reset"])
        self.ctl.toggle("button", 5)
        stats = self.ctl.stats()
        self.assertEqual(stats["dropped"], 10)
        self.assertEqual(stats["interrupts"], 0)
        with virtiogpio.Server(3, vgpio=VGPIO, timeout=PATIENCE) as other:
            self.assertEqual(other.control.info()["names"], [None] * 3)

    def test_wait(self):
        self.assertFalse(self.ctl.wait("led", 1, 0))
        with self.assertRaises(AssertionError):
            self.ctl.expect("led", 1, 0.001)
        with virtiogpio.Control(self.ctl.path, PATIENCE) as other:
            pulled = threading.Timer(0.01, lambda: other.pull("led", 1))
            pulled.start()
            self.ctl.expect("led", 1, PATIENCE)
            pulled.join()

    def test_events(self):
        self.ctl.watch("led")
        self.ctl.pull("button", 1)
        self.ctl.pull("led", 1)
        self.ctl.toggle("led", 1, 0.002)
        events = self.ctl.events()
        self.assertEqual([(e.number, e.kind, e.line, e.args) for e in events],
                         [(1, "change", 0, (1,)), (2, "change", 0, (0,)),
                          (3, "change", 0, (1,))])
        self.assertGreaterEqual(events[2].ns - events[1].ns, 1000000)
        self.assertIsNone(self.ctl.next_event(0))
        self.ctl.unwatch()
        self.ctl.pull("led", 0)
        self.assertEqual(self.ctl.events(), [])
        self.ctl.watch()
        self.ctl.watch_messages()
        self.ctl.pull("button", 0)
        self.assertEqual([e.kind for e in self.ctl.events()], ["change", "dropped"])

    def test_lost_events(self):
        """Nobody reads; all are accounted for all the same."""
        self.ctl.watch()
        with virtiogpio.Control(self.ctl.path, PATIENCE) as other:
            other.toggle("led", 100000)
        seen = lost = number = 0
        for event in self.ctl.events():
            if event.kind == "lost":
                lost += event.args[0]
                number += event.args[0]
            else:
                seen += 1
                number += 1
            self.assertEqual(event.number, number)
        self.assertEqual(seen + lost, 200000)
        self.assertGreater(lost, 0)
        self.assertGreater(seen, 1000)

    def test_errors(self):
        with self.assertRaisesRegex(virtiogpio.CommandError, "no line is named 'nobody'"):
            self.ctl.value("nobody")
        for bad in ("", "value 0\nvalue 1", "value \0"):
            with self.assertRaises(ValueError):
                self.ctl.ask(bad)
        self.assertEqual(self.ctl.value("led"), 0)

    def test_late_answer(self):
        with self.assertRaises(virtiogpio.Timeout):
            self.ctl.ask("wait led 1 60000", timeout=0.01)
        with virtiogpio.Control(self.ctl.path, PATIENCE) as other:
            other.pull("led", 1)
        self.assertEqual(self.ctl.value("button"), 0)
        self.assertEqual(self.ctl.value("led"), 1)


class Alone(unittest.TestCase):
    def serve(self, text):
        """A server that says one thing and hangs up; returns its path."""
        path = os.path.join(self.folder.name, "s")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(1)

        def run():
            peer, _ = listener.accept()
            with peer, listener:
                peer.sendall(text)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(100):
                    pass

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(os.unlink, path)
        return path

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def refused(self, text, reason):
        path = self.serve(text)
        with self.assertRaisesRegex(virtiogpio.Closed, reason):
            virtiogpio.Control(path, PATIENCE)
        self.doCleanups()
        self.setUp()

    def test_other_servers(self):
        self.refused(b"error unknown command\n", "no server of this protocol")
        self.refused(b"ok protocol=2\n", "protocol 2")
        self.refused(b"HTTP/1.0 400\n", "not an answer")
        self.refused(b"event x\n", "not an event")
        self.refused(b"", "hung up")

    def test_nobody(self):
        path = os.path.join(self.folder.name, "s")
        with self.assertRaises(virtiogpio.Timeout):
            virtiogpio.Control(path, timeout=0.02)
        with self.assertRaises(virtiogpio.Closed):
            virtiogpio.Control(self.folder.name + "/" + "x" * 200)

    def test_server_that_does_not_start(self):
        with self.assertRaisesRegex(virtiogpio.Closed, "status 2"):
            virtiogpio.Server(["twice", "twice"], vgpio=VGPIO, timeout=PATIENCE)
        with self.assertRaises(OSError):
            virtiogpio.Server(1, vgpio=os.path.join(self.folder.name, "no"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
