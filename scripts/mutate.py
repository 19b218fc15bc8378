#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Mutation run over the core: small faults are put into the library one at a time, and the
unit tests have to notice.

usage: scripts/mutate.sh [--seed N] [--count N] [--jobs N] [--at FILE[:LINE]] [--list]
                         [--general] [--check-equivalents] [--self-check]
  --seed N             which mutants are drawn, and in which order (default 1)
  --count N            how many that could be noticed (default 300; 0 = all there are)
  --jobs N             so many at a time (default 2)
  --at FILE[:LINE]     only those of one file, or of one line
  --general            in a build without the short ways (VGPIO_CFG_FAST), which otherwise
                       hide most of drvq_split.c and devq_split.c from the tests
  --list               print the mutants that would be drawn, run nothing
  --check-equivalents  run those of tests/mutation-equivalents.txt: none may be noticed
  --self-check         run made-up mutants whose fate is known

A mutant is one operator, constant, statement or return value changed. The file is compiled
anew (a header: all files that include it), the unit tests that contain it are linked again
and run until one fails, crashes or takes too long: the mutant is killed. Code that the
compiler makes the same machine code of is no mutant; those that change nothing but cost
(tests/mutation-equivalents.txt) are counted apart. Everything happens in a temporary
folder, on copies. Exit status: 0 if no mutant survived.
"""
import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
EQUIVALENTS = ROOT / "tests" / "mutation-equivalents.txt"
# The core. Of port.h no run on one machine shows anything: the test of interleavings has
# its own mutants of the barriers.
FILES = """wire.c mem.c mem.h ring.h devq.h devq.c devq_fast.c devq_packed.c devq_resume.c devq_split.c drvq.h drvq.c
    drvq_fast.c drvq_packed.c drvq_split.c
    device.c device_config.c device_impl.h device_irq.c device_queue.c device_req.c driver.c driver_std.c
    sim.c wiring.c loop.c mmio_dev.c mmio_bus.c sync.c vhost_user.c vhost_user_ring.c
    vhost_user_front.c vhost_user_str.c
    vhost_user_priv.h internal.h""".split()

OPERATORS = {
    "+": ["-"], "-": ["+"], "++": ["--"], "--": ["++"], "+=": ["-="], "-=": ["+="],
    "<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"], "==": ["!="], "!=": ["=="],
    "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"], "^": ["&"], "&=": ["|="],
    "|=": ["&="], "<<": [">>"], ">>": ["<<"], "!": [""], "~": [""],
}
TOKEN = re.compile(r"""(?P<word>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*)
    |(?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^<>!~=])
    """, re.X)
HIDDEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DECLARATION = re.compile(r"(static|const|unsigned|signed|int|char|short|long|void|struct|enum"
                         r"|union|size_t|u?int\w*_t|vgpio_\w+)\b(?!\()")
CONTROL = re.compile(r"(if|for|while|do|switch|else|case|default|return|\})\b|[{}]")

# Of an equivalent that a test of threads may notice, if they happen to meet.
CHANCE = "= By chance"

Mutant = collections.namedtuple("Mutant", "file function line source what start end text")


class Failed(Exception):
    """The run itself cannot go on."""


# ---- what can be changed ----------------------------------------------------------------

def mask(text):
    """The text with comments and literals blanked, of the same length."""
    return HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def active_lines(argv, path):
    """Numbers of the lines that the preprocessor lets through."""
    out = subprocess.run(argv + ["-E", "-fdirectives-only", "-w", str(path)],
                         capture_output=True, text=True, check=True).stdout
    lines, here, number = set(), False, 0
    for line in out.splitlines():
        marker = re.match(r'# (\d+) "(.*?)"', line)
        if marker:
            number, here = int(marker.group(1)), os.path.basename(marker.group(2)) == path.name
            continue
        if here and line.strip() and not line.lstrip().startswith("#"):
            lines.add(number)
        number += 1
    return lines


def functions(lines):
    """Name of the function whose body a line is in, or None. Bodies begin and end in
    column 0."""
    name, names, head = None, [], ""
    for line in lines:
        names.append(name)
        if line.startswith("{"):
            found = re.findall(r"(\w+)\s*\(", head)
            name = found[0] if found else "?"
        elif line.startswith("}"):
            name, head = None, ""
        elif name is None:
            plain = line.strip() and not line.startswith("#")
            head = head + line if plain and not line.rstrip().endswith(";") else ""
    return names


def number_changes(text):
    digits = re.match(r"0[xX][0-9a-fA-F]+|\d+", text).group()
    value, suffix = int(digits, 0), text[len(digits):]
    as_text = hex if digits[:2].lower() == "0x" else str
    return [as_text(value + 1 if value != 1 else 0) + suffix]


def token_changes(code):
    """(start, end, new text, description) of the operators and constants of a line."""
    seen = collections.Counter()
    for m in TOKEN.finditer(code):
        old, new = m.group(), []
        if m.lastgroup == "number" and not (m.start() and code[m.start() - 1] == "["
                                            and DECLARATION.match(code.strip())):
            new = number_changes(old)
        elif m.lastgroup == "op" and old in OPERATORS:
            # As the code is formatted, exactly the binary operators stand between blanks.
            binary = code[m.end():m.end() + 1] in ("", " ")
            if binary or old in ("!", "~", "++", "--"):
                new = OPERATORS[old]
        if not new:
            continue
        seen[old] += 1
        nth = "" if seen[old] == 1 else " (%d)" % seen[old]
        for text in new:
            yield m.start(), m.end(), text, "%s -> %s%s" % (old, text or "nothing", nth)


def statement_changes(code, first, names, on):
    """The same of whole statements, which may take several lines; `first` is the number of
    the first character of each line."""
    i = 0
    before = ";"
    while i < len(code):
        start, stripped = i, code[i].strip()
        i += 1
        if not stripped:
            continue
        fresh = before[-1:] in ";{}:"
        before = stripped
        if not fresh or names[start] is None or start + 1 not in on:
            continue
        returns = re.match(r"return\b", stripped)
        if DECLARATION.match(stripped) or CONTROL.match(stripped) and not returns \
                or re.match(r"\(void\)\w+[;,]|\w+:$|\w+ +\*?\w+( =|;)", stripped) \
                and not re.match(r"(goto|return)\b", stripped):
            continue
        whole = stripped
        while not whole.endswith(";") and not whole.endswith("{") and i < len(code):
            whole += " " + code[i].strip()
            i += 1
        before = whole
        if not whole.endswith(";"):
            continue
        begin = first[start] + len(code[start]) - len(code[start].lstrip())
        end = first[i - 1] + len(code[i - 1].rstrip())
        if not returns or whole == "return;":
            yield start, begin, end, ";", "delete statement"
        elif whole != "return 0;":
            yield start, begin, end, "return 0;", "return 0"
        else:
            yield start, begin, end, "return 1;", "return 1"


def mutants_of(name, path, argv):
    """Every mutant of a file."""
    text = path.read_text()
    on = active_lines(argv, path)
    code, lines = mask(text).split("\n"), text.split("\n")
    names, first, at = functions(code), [], 0
    for line in code:
        first.append(at)
        at += len(line) + 1
    found = []
    for i, line in enumerate(code):
        if names[i] is None or i + 1 not in on or line.lstrip().startswith("#"):
            continue
        for start, end, new, what in token_changes(line):
            found.append((i, first[i] + start, first[i] + end, new, what))
    found += statement_changes(code, first, names, on)
    found.sort()
    return [Mutant(name, names[i], i + 1, lines[i].strip(), what, start, end, new)
            for i, start, end, new, what in found]


# ---- what is compiled and run -------------------------------------------------------------

Test = collections.namedtuple("Test", "name link files cpu wall")


class Plan:
    """A library's sources in one folder, how each is compiled (argv without source and
    output), which files a header goes into, and the tests with their link commands, in
    which "@" stands for the objects of the mutant."""

    def __init__(self, source, compile_with, users, tests, equivalents):
        self.source, self.compile_with, self.users = source, compile_with, users
        self.tests, self.equivalents = tests, equivalents

    def mutants(self):
        found = []
        for name in sorted(self.users):
            argv = self.compile_with[self.users[name][0]]
            found += mutants_of(name, self.source / name, argv)
        return found


def shell(argv, **kw):
    done = subprocess.run(argv, capture_output=True, text=True, **kw)
    if done.returncode != 0:
        raise Failed("%s\n%s%s" % (shlex.join(map(str, argv)), done.stdout, done.stderr))
    return done.stdout


def run_test(program, folder, cpu, wall):
    """None if it passed, else why it did not."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))

    with subprocess.Popen([program], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=limits, start_new_session=True) as p:
        try:
            status = p.wait(wall)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            return "hangs"
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "does not end"
    if status < 0:
        return "crashes"
    return "fails" if status != 0 else None


class Worker:
    """Tries mutants on a copy of the sources of its own."""

    def __init__(self, plan, folder):
        self.plan, self.folder = plan, pathlib.Path(folder)
        self.folder.mkdir()
        self.source = self.folder / "src"
        shutil.copytree(plan.source, self.source)
        self.reference = {}
        self.kills = collections.Counter()

    def compile(self, name, out):
        argv = self.plan.compile_with[name]
        return subprocess.run(argv + ["-c", "-o", str(out), str(self.source / name)],
                              capture_output=True, check=False).returncode == 0

    def object_of(self, name):
        if name not in self.reference:
            out = self.folder / (name + ".ref.o")
            if not self.compile(name, out):
                raise Failed("%s does not compile as it is" % name)
            self.reference[name] = out.read_bytes()
        return self.reference[name]

    def objects(self, mutant):
        """Objects that differ from what they were, or None if one does not compile."""
        users = self.plan.users[mutant.file]
        for name in users:
            self.object_of(name)
        path = self.source / mutant.file
        text = path.read_text()
        path.write_text(text[:mutant.start] + mutant.text + text[mutant.end:])
        try:
            changed = []
            for name in users:
                out = self.folder / (name + ".o")
                if not self.compile(name, out):
                    return None
                if out.read_bytes() != self.reference[name]:
                    changed.append((name, str(out)))
            return changed
        finally:
            path.write_text(text)

    def tests_for(self, changed):
        names = {name for name, _ in changed}
        tests = [t for t in self.plan.tests if names & t.files]
        return sorted(tests, key=lambda t: (-self.kills[t.name], t.cpu))

    def fate(self, mutant):
        changed = self.objects(mutant)
        if changed is None:
            return "does not compile", ""
        if not changed:
            return "same machine code", ""
        for test in self.tests_for(changed):
            objects = [out for name, out in changed if name in test.files]
            link = []
            for word in test.link:
                link += objects if word == "@" else [word]
            program = str(self.folder / "program")
            shell(link + ["-o", program])
            why = run_test(program, self.folder, test.cpu, test.wall)
            if why:
                self.kills[test.name] += 1
                return "killed", "%s %s" % (test.name, why)
        return "survived", ""


# ---- the library as it is built ----------------------------------------------------------------

def scratch_copy(path, folder):
    copy = folder / re.sub(r"\W", "_", str(path))
    if not copy.exists():
        shutil.copy(path, copy)
    return str(copy)


def compile_commands(files):
    """How each source is compiled. -O1 is quick and still drops what changes nothing; what
    the preset debug would see of undefined behaviour ends the test here."""
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.parent != ROOT / "src" or path.name not in files:
            continue
        words = shlex.split(entry["command"])
        if "vgpio_objects.dir" not in words[words.index("-o") + 1]:
            continue  # compiled once more, for a test of its own
        kept = [w for w in words[:words.index("-o")]
                if not re.match(r"-(g|O\d?|W.*)$", w)]
        commands[path.name] = kept + ["-O1", "-g0", "-Werror=uninitialized",
                                        "-fsanitize=undefined",
                                        "-fsanitize-undefined-trap-on-error"]
    return commands


def users_of(files, commands):
    """The sources themselves, and for a header those that include it."""
    users = {name: [name] for name in commands}
    for name, argv in commands.items():
        for path in shell(argv + ["-MM", str(ROOT / "src" / name)]).replace("\\", "").split():
            path = pathlib.Path(path)
            if path.suffix == ".h" and path.parent == ROOT / "src" and path.name in files:
                users.setdefault(path.name, []).append(name)
    missing = set(files) - set(users)
    if missing:
        raise Failed("not compiled, or included nowhere: %s" % ", ".join(sorted(missing)))
    return users


def library_test(link_txt, folder, files):
    """A unit test, linked once as it is: what of the library is in it, how long it runs."""
    name = link_txt.parent.name.removesuffix(".dir")
    words = shlex.split(link_txt.read_text())
    link, placed, skip = [], False, False
    for word in words:
        path = BUILD / "tests" / word
        if skip or word == "-o":
            skip = not skip
            continue
        if word.endswith((".o", ".a")):
            if word.endswith(".a") and not placed:
                link, placed = link + ["@"], True
            word = scratch_copy(path.resolve(), folder)
        link.append(word)
    program = folder / name
    said = shell([w for w in link if w != "@"] + ["-Wl,-t,-t", "-o", str(program)])
    members = {m for m in re.findall(r"(\w+\.c)\.o\b", said) if m in files}
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    why = run_test(str(program), folder, 300, 600)
    if why:
        raise Failed("%s %s as it is" % (name, why))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = spent.ru_utime + spent.ru_stime - cpu.ru_utime - cpu.ru_stime
    # Far more than it takes: the machine may be busy, and what only became slow is not
    # wrong.
    return Test(name, link, members, int(3 + 10 * cpu),
                20 + 20 * (time.monotonic() - began))


def library_plan(folder):
    source = folder / "sources"
    shutil.copytree(ROOT / "src", source)
    commands = compile_commands(FILES)
    users = users_of(FILES, commands)
    tests = []
    for link_txt in sorted((BUILD / "tests" / "CMakeFiles").glob("unit_*.dir/link.txt")):
        test = library_test(link_txt, folder, commands)
        if test.files:
            tests.append(test)
    if not tests:
        raise Failed("there are no unit tests in %s" % BUILD)
    return Plan(source, commands, users, tests, read_equivalents(EQUIVALENTS))


def read_equivalents(path):
    """Stanzas of: file:function, source line, mutation, reason in one or more lines."""
    known = {}
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", path.read_text())):
        lines = [line.strip() for line in stanza.strip().splitlines()]
        if not lines:
            continue
        if len(lines) < 4 or ":" not in lines[0]:
            raise Failed("%s: not a whole stanza:\n%s" % (path, stanza))
        known[tuple(lines[0].split(":")) + (lines[1], lines[2])] = " ".join(lines[3:])
    return known


def key(m):
    return m.file, m.function, m.source, m.what


# ---- the run ----------------------------------------------------------------------------------

worker = None


def start_worker(plan, folder, counter):
    global worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with counter.get_lock():
        counter.value += 1
        number = counter.value
    worker = Worker(plan, os.path.join(folder, "worker%d" % number))


def try_one(mutant):
    try:
        if key(mutant) in worker.plan.equivalents and not worker.plan.check_equivalents:
            return mutant, "equivalent", ""
        return (mutant,) + worker.fate(mutant)
    except Failed as e:
        return mutant, "error", str(e)


def run(plan, mutants, count, jobs, folder, show):
    """Fates of the first `count` mutants that could be noticed."""
    counter = multiprocessing.Value("i", 0)
    counted, fates = 0, []
    with multiprocessing.Pool(jobs, start_worker, (plan, str(folder), counter)) as pool:
        for mutant, fate, why in pool.imap(try_one, mutants):
            if fate == "error":
                raise Failed(why)
            fates.append((mutant, fate, why))
            show(mutant, fate, why)
            counted += fate in ("killed", "survived", "equivalent")
            if count and counted >= count:
                break
        pool.terminate()
    return fates


def report(fates, seed, possible):
    n = collections.Counter(fate for _, fate, _ in fates)
    late = sum(1 for _, fate, why in fates if fate == "killed" and
               why.endswith(("does not end", "hangs")))
    counted = n["killed"] + n["survived"] + n["equivalent"]
    print("\nseed %s, %d mutants of %d places that were drawn (there are %d)"
          % (seed, counted, len(fates), possible))
    print("  %4d killed, %d of them because a test did not end" % (n["killed"], late))
    print("  %4d survived" % n["survived"])
    print("  %4d known to be equivalent" % n["equivalent"])
    print("  %4d not counted: the same machine code" % n["same machine code"])
    print("  %4d not counted: did not compile" % n["does not compile"])
    for mutant, fate, _ in fates:
        if fate == "survived":
            print("survived: src/%s:%d (%s): %s\n    %s" % (
                mutant.file, mutant.line, mutant.function, mutant.what, mutant.source))
    could = n["killed"] + n["survived"]
    print("score: %.1f %% (%d of %d)" % (100.0 * n["killed"] / could if could else 0.0,
                                         n["killed"], could))
    return n["survived"]


def show_progress(mutant, fate, why):
    print("%-17s src/%s:%d %s%s" % (fate, mutant.file, mutant.line, mutant.what,
                                    "  [%s]" % why if why else ""), flush=True)


def stale_equivalents(plan, mutants):
    there = {key(m) for m in mutants}
    return [k for k in plan.equivalents if k not in there]


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--at")
    for flag in ("--general", "--list", "--check-equivalents", "--self-check", "--help", "-h"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    if args.help or args.h:
        print(__doc__.strip())
        return 0
    if args.general:
        global BUILD
        BUILD = ROOT / "build-general"
    os.nice(10)
    with tempfile.TemporaryDirectory(prefix="vgpio-mutate-") as name:
        folder = pathlib.Path(name)
        if args.self_check:
            return self_check(folder)
        return mutate(args, folder)


def mutate(args, folder):
    plan = library_plan(folder)
    plan.check_equivalents = args.check_equivalents
    mutants = plan.mutants()
    possible = len(mutants)
    # The other build lacks some lines that are there.
    stale = [] if args.general else stale_equivalents(plan, mutants)
    for k in stale:
        print("%s: there is no such place any more: %s" % (EQUIVALENTS.name, k))
    if args.check_equivalents:
        mutants = [m for m in mutants if key(m) in plan.equivalents]
        args.count = 0
    if args.at:
        where, _, line = args.at.partition(":")
        mutants = [m for m in mutants if m.file == os.path.basename(where)
                   and (not line or m.line == int(line))]
        args.count = 0
    random.Random(args.seed).shuffle(mutants)
    if args.list:
        for m in mutants[:args.count or None]:
            print("src/%s:%d (%s): %s\n    %s" % (m.file, m.line, m.function, m.what, m.source))
        return 0
    fates = run(plan, mutants, args.count, args.jobs, folder, show_progress)
    if args.check_equivalents:
        wrong = [m for m, fate, _ in fates if fate != "survived" and
                 not (fate == "killed" and plan.equivalents[key(m)].startswith(CHANCE))]
        for m in wrong:
            print("%s: this one can be told: %s" % (EQUIVALENTS.name, key(m)))
        print("%d equivalents, %d wrong, %d stale" % (len(fates), len(wrong), len(stale)))
        return 1 if wrong or stale else 0
    survived = report(fates, args.seed, possible)
    return 1 if survived or stale else 0


# ---- does it work? ---------------------------------------------------------------------------------

SAMPLE = """
int sum(int n)
{
    int s = 0;
    while (n > 0) {
        s += n;
        n--;
    }
#ifdef NEVER
    s = 5 + 7;
#endif
    if (s == 0) { /* 1 + 1 "in a comment" is nothing to change */
        return 0;
    }
    return s > 2 ? s : s + 4;
}
"""
SAMPLE_TEST = "int sum(int n); int main(void) { return sum(0) != 0 || sum(4) != 10; }"
SAMPLE_FATES = {
    "n > 0: > -> >=": "survived",  # adds a zero
    "n--: -- -> ++": "killed",  # does not end
    "n--: delete statement": "killed",  # likewise
    "s += n: += -> -=": "killed",
    "s == 0: == -> !=": "killed",
    "return 0: return 1": "killed",
    "return s: return 0": "killed",
    "s > 2: > -> >=": "survived",  # no case of 2
    "s + 4: 4 -> 5": "survived",  # no case below 3
    "n > 0: 0 -> 1": "equivalent" # listed below, wrongly
}


def self_check(folder):
    """The whole way over a sample of one function, with fates known beforehand."""
    source = folder / "sources"
    source.mkdir()
    (source / "sample.c").write_text(SAMPLE)
    (folder / "test.c").write_text(SAMPLE_TEST)
    shell(["cc", "-c", "-o", str(folder / "test.o"), str(folder / "test.c")])
    test = Test("sample", ["cc", str(folder / "test.o"), "@"], {"sample.c"}, 1, 20)
    listed = {("sample.c", "sum", "while (n > 0) {", "0 -> 1"): "for the check"}
    plan = Plan(source, {"sample.c": ["cc", "-O1", "-w"]}, {"sample.c": ["sample.c"]}, [test],
                listed)
    plan.check_equivalents = False
    mutants = plan.mutants()
    fates = run(plan, mutants, 0, 1, folder, lambda *_: None)
    bad = len([m for m in mutants if "5 + 7" in m.source or m.what.startswith("1 ")])
    for words, want in SAMPLE_FATES.items():
        text, _, what = words.partition(": ")
        got = [fate for m, fate, _ in fates if text in m.source and m.what == what]
        if got != [want]:
            print("%s: %s instead of %s" % (words, got, want))
            bad += 1
    print("%d made-up mutants, %d fates known beforehand, %d wrong"
          % (len(fates), len(SAMPLE_FATES), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        print("mutate: %s" % failure, file=sys.stderr)
        sys.exit(2)
