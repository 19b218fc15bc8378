# SPDX-License-Identifier: BSD-3-Clause
"""The outside of simulated GPIO lines: a client for the control socket of `vgpio serve`.

    import virtiogpio

    with virtiogpio.Server(["button", "led"]) as server:
        ...                                 # start a guest on server.socket
        server.control.pull("button", 1)
        server.control.expect("led", 1, timeout=2)

One file, nothing but the standard library, Python 3.6 or later: copy it into your project or
put its folder into PYTHONPATH. The protocol is described in docs/control.md. A line is a number
or a name. Times are in seconds. A call that gets no answer in time raises Timeout, and the
connection goes on: an answer that comes later is thrown away.

Use a connection from one thread at a time.
"""

import collections
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROTOCOL = 1

#: number: counts the events asked for, lost ones included; ns: the server's clock; kind: as in
#: docs/control.md; line: a number, or None; args: the words behind it, numbers as int.
Event = collections.namedtuple("Event", "number ns kind line args")


class Error(Exception):
    """Whatever this module raises on purpose."""


class CommandError(Error):
    """The server answered `error`; the text is its reason."""


class Timeout(Error):
    """No answer, or no server, in time."""


class Closed(Error):
    """The connection ended, or the other side does not speak this protocol."""


def _number(word):
    if word.isdigit():
        return int(word)
    return int(word, 16) if word.startswith("0x") else word


def _parse_event(text):
    words = text.split(" ")
    try:
        line = None if words[4] == "-" else int(words[4])
        return Event(int(words[1]), int(words[2]), words[3], line,
                     tuple(_number(w) for w in words[5:]))
    except (IndexError, ValueError):
        raise Closed("not an event: %r" % text)


class Control:
    """A connection to a control socket.

    path     of the socket; the server may still be starting
    timeout  how long each answer, and the connecting, may take
    """

    def __init__(self, path, timeout=5.0):
        self.path = path
        self.timeout = timeout
        self._events = collections.deque()
        self._pending = b""
        self._owed = 0  # answers still to come that nobody wants any more
        self._socket = self._connect(time.monotonic() + timeout)
        try:
            hello = dict(w.split("=", 1) for w in self.ask("hello").split(" ") if "=" in w)
            if hello.get("protocol") != str(PROTOCOL):
                raise Closed("%s: protocol %s" % (path, hello.get("protocol")))
        except CommandError as error:
            self.close()
            raise Closed("%s: no server of this protocol: %s" % (path, error))
        except Error:
            self.close()
            raise
        self.commands = hello.get("commands", "").split(",")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._socket.close()

    def fileno(self):
        """For select(); next_event(0) until it is None says what came."""
        return self._socket.fileno()

    def _connect(self, due):
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                s.connect(self.path)
                return s
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError) as error:
                s.close()
                if time.monotonic() >= due:
                    raise Timeout("%s: %s" % (self.path, error.strerror))
                time.sleep(0.005)
            except OSError as error:
                s.close()
                raise Closed("%s: %s" % (self.path, error))

    # --- lines from the server ---

    def _line(self, due):
        """The next line, or None when the time is over."""
        while b"\n" not in self._pending:
            self._socket.settimeout(max(due - time.monotonic(), 0.000001))
            try:
                data = self._socket.recv(65536)
            except (socket.timeout, BlockingIOError):
                return None
            except OSError as error:
                raise Closed("%s: %s" % (self.path, error))
            if not data:
                raise Closed("%s: the server hung up" % self.path)
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode("ascii", "replace")

    def ask(self, command, timeout=None):
        """Any command of the protocol; returns what follows `ok `."""
        if not command or "\n" in command or not command.isprintable():
            raise ValueError("not a command of one line: %r" % command)
        due = time.monotonic() + (self.timeout if timeout is None else timeout)
        self._socket.settimeout(max(due - time.monotonic(), 0.000001))
        try:
            self._socket.sendall(command.encode("ascii") + b"\n")
        except OSError as error:
            self._socket.close()  # half a command cannot be taken back
            raise Closed("%s: %s" % (self.path, error))
        while True:
            line = self._line(due)
            if line is None:
                self._owed += 1
                raise Timeout("%s: no answer to '%s' in time" % (self.path, command))
            if line.startswith("event "):
                self._events.append(_parse_event(line))
            elif self._owed > 0:
                self._owed -= 1
            elif line == "ok" or line.startswith("ok "):
                return line[3:]
            elif line.startswith("error"):
                raise CommandError(line[6:])
            else:
                raise Closed("%s: not an answer: %r" % (self.path, line))

    @staticmethod
    def _name(line):
        line = str(line)
        return '"%s"' % line if " " in line else line

    # --- commands ---

    def pull(self, line, level):
        """Applies a level to a line from the outside."""
        self.ask("pull %s %d" % (self._name(line), level))

    def value(self, line):
        """The level a line shows: what the guest drives, or else the pull."""
        return int(self.ask("value %s" % self._name(line)))

    def values(self):
        """The levels of all lines, as a list; None for one that cannot be read."""
        return [int(c) if c.isdigit() else None for c in self.ask("values")]

    def direction(self, line):
        """"none", "out" or "in"."""
        return self.ask("dir %s" % self._name(line))

    def wait(self, line, level, timeout):
        """True as soon as the line has that level, if only for an instant; False if it has
        not in time."""
        ms = int(timeout * 1000)
        try:
            self.ask("wait %s %d %d" % (self._name(line), level, ms), timeout + self.timeout)
            return True
        except CommandError as error:
            if str(error) == "timeout":
                return False
            raise

    def expect(self, line, level, timeout):
        """The same, but fails the test (AssertionError) if it has not in time."""
        if not self.wait(line, level, timeout):
            raise AssertionError("line %s is not %d after %g s" % (line, level, timeout))

    def toggle(self, line, count=1, period=0.0):
        """Pulses away from the pull and back; returns when all are made."""
        self.ask("toggle %s %d %d" % (self._name(line), count, int(period * 1e6)),
                 count * period + self.timeout)

    def fault(self, line, words):
        """A line of a board misbehaves: fault("led", "set-value err times 1")."""
        self.ask("fault %s %s" % (self._name(line), words))

    def heal(self, line):
        """The line has no faults any more."""
        self.ask("heal %s" % self._name(line))

    def barrier(self):
        """Returns once every change before it is delivered, kept, merged or dropped."""
        self.ask("barrier")

    def stats(self):
        """The counters, as a dict of int."""
        return {k: _number(v) for k, v in
                (w.split("=", 1) for w in self.ask("stats").split(" "))}

    def info(self):
        """What `info` says, as a dict; `names` is a list, None for a line without one."""
        text, names = self.ask("info").split("names=", 1)
        info = {k: _number(v) for k, v in (w.split("=", 1) for w in text.split())}
        info["names"] = [n or None for n in names.split(",")]
        info["names"] += [None] * (info["lines"] - len(info["names"]))
        return info

    # --- events ---

    def watch(self, line=None):
        """Asks for an event whenever that line changes, or any."""
        self.ask("watch changes" if line is None else "watch changes " + self._name(line))

    def watch_messages(self):
        """Asks for events about what guest and device say to each other."""
        self.ask("watch messages")

    def unwatch(self):
        self.ask("unwatch")

    def next_event(self, timeout=None):
        """The next event, or None if none came in time. One of kind "lost" stands for those
        that nobody took off in time."""
        if self._events:
            return self._events.popleft()
        due = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            line = self._line(due)
            if line is None:
                return None
            if line.startswith("event "):
                return _parse_event(line)
            if self._owed == 0:
                raise Closed("%s: an answer to no question: %r" % (self.path, line))
            self._owed -= 1

    def events(self):
        """All events that came before this call, as a list: behind barrier(), all there
        are."""
        self.ask("hello")
        events = list(self._events)
        self._events.clear()
        return events


class Server:
    """`vgpio serve` with simulated lines, in a temporary folder, until stop().

    lines    a number of lines, or a list of names; a name of None or "" is a line without one
    args     more options of `vgpio serve`
    vgpio    the program; without it $VGPIO, or else the one in PATH
    timeout  how long its start, each answer, and its end may take

    socket is the path that the guest's front end connects to, control a Control.
    """

    def __init__(self, lines, args=(), vgpio=None, timeout=5.0):
        program = vgpio or os.environ.get("VGPIO") or "vgpio"
        sim = str(lines) if isinstance(lines, int) else ",".join(n or "" for n in lines)
        self.control = None
        self.timeout = timeout
        self.folder = tempfile.mkdtemp(prefix="vgpio-")
        self.socket = os.path.join(self.folder, "gpio")
        try:
            self._process = subprocess.Popen(
                [program, "serve", "--socket-path", self.socket, "--sim", sim, "--control",
                 os.path.join(self.folder, "control")] + list(args))
        except OSError:
            shutil.rmtree(self.folder)
            raise
        try:
            self.control = self._reach(timeout)
        except Error:
            self.stop()
            raise

    def _reach(self, timeout):
        due = time.monotonic() + timeout
        path = os.path.join(self.folder, "control")
        while not os.path.exists(path):
            if self._process.poll() is not None:
                raise Closed("vgpio serve ended with status %d" % self._process.returncode)
            if time.monotonic() >= due:
                raise Timeout("vgpio serve does not listen")
            time.sleep(0.005)
        return Control(path, timeout)

    def stop(self):
        """Ends the server; returns its exit status."""
        if self.control is not None:
            self.control.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self._process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
