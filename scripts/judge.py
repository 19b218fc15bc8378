#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Judges the suites for devices and for drivers: faults with a name are put into the
library's own device and driver, and `vgpio check` and `vgpio trap` have to find each, by a
test that names the rule it breaks.

usage: scripts/judge.sh [--quick] [--only PATTERN] [--jobs N] [--list]
  --quick         eight of them, some of each file
  --only PATTERN  those whose name matches, as in a shell
  --jobs N        so many at a time (default: one for each CPU, at most 4)
  --list          print them, run nothing

tests/mutants/*.toml says what a mutant is: a text that stands exactly once in a file, what
comes in its place, and the rule that is broken then. One that does not fit any more is an
error. Everything happens in a temporary folder, on copies. Exit status: 0 if all that was
run was caught, and the library as it is passes.
"""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TABLES = ROOT / "tests" / "mutants"
LEAST = 40
BAD = ("FAIL", "WEDGED", "CRASHED")
# Of one run, whatever the mutant does; tests have deadlines of their own.
PATIENCE = 90
OPTIONS = {"check": "--packed", "trap": ""}
DEVICE = 'exec {vgpio} serve -s "$SOCKET" --control "$CONTROL" --sim led,button,,r {options}'
# How long the tools wait for an answer, and a whole run may take. With nothing changed answers
# come, however late, and a tool that gave up would leave its line armed: a finding. After a
# fault they may never come; the trap says so after a second, and who asks has to be there
# still: on a busy machine that takes the longer of the two.
ANSWERS, NO_ANSWERS, BUSY = ("15000", "80s"), ("1500", "20s"), ("5000", "60s")
# Each command ends by itself, whatever the device does.
DRIVER = """v={vgpio} s=$SOCKET
try() {{ "$@" > /dev/null || [ $? -lt 128 ] || exit 139; }}
try {driver} "$s" {patience}
try "$v" get -c "$s" --timeout {patience}ms --numeric 0 1 2
try "$v" set -c "$s" --timeout {patience}ms -t0 3=1
try "$v" info -c "$s" --timeout {patience}ms
try "$v" mon -c "$s" --timeout {patience}ms --idle-timeout 2s -n 3 1
"""


class Wrong(Exception):
    """The list or the build is not what it should be."""


# ---- the list ----

def load():
    mutants = []
    for table in sorted(TABLES.glob("*.toml")):
        entries = tomllib.loads(table.read_text())
        for mutant in entries["mutant"]:
            mutant["judge"] = entries["judge"]
            mutants.append(mutant)
    names = [m["name"] for m in mutants]
    for name in names:
        if names.count(name) > 1:
            raise Wrong(f"{name}: two mutants of one name")
    if len(names) < LEAST:
        raise Wrong(f"{len(names)} mutants, and {LEAST} are the least")
    return mutants


def mutated(mutant):
    """The text of the file with the fault in it."""
    text = (ROOT / mutant["file"]).read_text()
    if text.count(mutant["from"]) != 1:
        raise Wrong(f"{mutant['name']}: its text stands {text.count(mutant['from'])} times in "
                    f"{mutant['file']}, not once")
    return text.replace(mutant["from"], mutant["to"])


def sample(mutants):
    """Eight of them, spread over the list."""
    step = (len(mutants) + 7) // 8
    return mutants[step // 2::step]


# ---- builds ----

def compile_commands():
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    return {entry["file"]: shlex.split(entry["command"]) for entry in commands
            if "vgpio_objects.dir" in entry["command"]}


def build(folder, mutant, commands):
    """A vgpio with that fault."""
    unit = mutant.get("compile", mutant["file"])
    source = folder / pathlib.Path(unit).name
    source.write_text((ROOT / unit).read_text())
    # A header beside the file that is compiled comes before the one of that name.
    (folder / pathlib.Path(mutant["file"]).name).write_text(mutated(mutant))
    command = list(commands[str(ROOT / unit)])
    command[command.index("-c") + 1] = str(source)
    command[command.index("-o") + 1] = str(folder / "mutant.o")
    command = [word for word in command if word != "-Werror"]
    flags = mutant.get("flags", "").split()
    run(command + ["-w", "-I", str(ROOT / "src"), *flags], BUILD, mutant)
    # The library comes last: of the changed file the archive's member is not looked at.
    link(folder, [*flags, str(folder / "mutant.o")], mutant)


def link(folder, objects, mutant):
    """Both programs that are judged; without objects: of the library as it is."""
    for name, main_object in (("vgpio", BUILD / "CMakeFiles/vgpio.dir/src/cli/vgpio.c.o"),
                              ("driver", BUILD / "mutants/driver.o")):
        run(["gcc", "-o", str(folder / name), str(main_object), *objects,
             str(BUILD / "libvgpio_cli.a"), str(BUILD / "libvirtiogpio.a")], BUILD, mutant)


def build_driver():
    (BUILD / "mutants").mkdir(exist_ok=True)
    run(["gcc", "-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic",
         "-Wconversion", "-Wshadow", "-Werror", "-I", str(ROOT / "include"), "-I",
         str(BUILD / "include"), "-I", str(ROOT / "src"), "-c", str(TABLES / "driver.c"),
         "-o", "mutants/driver.o"], BUILD, {"name": "driver.c"})


def run(command, cwd, mutant):
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Wrong(f"{mutant['name']}: does not build\n{done.stdout}")


# ---- judging ----

def command_of(judge, folder, options, only, patience=NO_ANSWERS):
    vgpio, driver = (shlex.quote(str(folder / name)) for name in ("vgpio", "driver"))
    judged = [str(BUILD / "vgpio"), judge, "--timeout"]
    if judge == "check":
        judged += ["500ms", "--spawn", DEVICE.format(vgpio=vgpio, options=options)]
    else:
        judged += [patience[1], "--spawn",
                   DRIVER.format(vgpio=vgpio, driver=driver, patience=patience[0]),
                   *options.split(), *([] if only else ["--watch"])]
    return judged + (["--only", only] if only else [])


def findings(command, folder, enough):
    """(id, rule) of all that the suite finds wrong, up to the first that is enough."""
    found = []
    with open(folder / "stderr", "a", encoding="utf-8") as stderr, \
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True,
                             start_new_session=True,
                             env=os.environ | {"ASAN_OPTIONS": "abort_on_error=1"}
                             ) as process:
        # SIGTERM lets it take the device along.
        timer = threading.Timer(PATIENCE, process.send_signal, [signal.SIGTERM])
        timer.start()
        for line in process.stdout:
            words = line.split()
            if line[:1] != " " and words and words[0] in BAD:
                found.append((words[1], words[2]))
                if enough(words[2]):
                    process.send_signal(signal.SIGTERM)
                    break
        process.stdout.read()
        timer.cancel()
    return found


def judge(mutant, commands):
    """What caught it, and what else was found if that was not the rule it breaks."""
    with tempfile.TemporaryDirectory(prefix="vgpio-judge-") as name:
        folder = pathlib.Path(name)
        build(folder, mutant, commands)
        options = mutant.get("options", OPTIONS[mutant["judge"]])

        def names_rule(rule):
            return rule == mutant["rule"]
        # A fault that shows for some moments only may be missed on a busy machine.
        looks = [(only, NO_ANSWERS) for only in (mutant["rule"], *mutant.get("again", []))]
        for only, patience in (*looks, (mutant["rule"], BUSY), ("", BUSY)):
            found = findings(command_of(mutant["judge"], folder, options, only, patience),
                             folder, names_rule)
            if found and names_rule(found[-1][1]):
                return found[-1], []
        return None, found


def baseline(mutants):
    """The library as it is passes all that the mutants are judged by."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="vgpio-judge-") as name:
        folder = pathlib.Path(name)
        link(folder, [], {"name": "no mutant"})
        runs = {(m["judge"], m.get("options", OPTIONS[m["judge"]]), only) for m in mutants
                for only in (m["rule"], "")}
        for judged, options, only in sorted(runs):
            command = command_of(judged, folder, options, only, ANSWERS)
            for test, rule in findings(command, folder, lambda _: False):
                wrong.append(f"{judged} {options}: {test} ({rule})")
    return wrong


def report(mutant, caught, found):
    if caught:
        print(f"caught    {mutant['name']:26} {mutant['judge']:6} {mutant['rule']:12} "
              f"{caught[0]}", flush=True)
    else:
        others = ", ".join(sorted({f"{test} ({rule})" for test, rule in found})[:6])
        print(f"SURVIVED  {mutant['name']:26} {mutant['judge']:6} {mutant['rule']:12} "
              f"{'found by others: ' + others if found else 'nothing was found'}", flush=True)
    return caught is not None


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="*")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count()))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return 0
    mutants = load()
    for mutant in mutants:
        mutated(mutant)  # all must fit, also those that are not run
    if options.quick:
        mutants = sample(mutants)
    mutants = [m for m in mutants if fnmatch.fnmatch(m["name"], options.only)]
    if not mutants:
        raise Wrong("no mutant is called so")
    if options.list:
        for m in mutants:
            print(f"{m['name']:26} {m['judge']:6} {m['rule']:12} {m['file']}")
        return 0
    build_driver()
    wrong = baseline(mutants)
    for text in wrong:
        print(f"WRONG     nothing was changed, and yet: {text}")
    commands = compile_commands()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [(m, pool.submit(judge, m, commands)) for m in mutants]
        killed = sum(report(m, *job.result()) for m, job in jobs)
    print(f"{killed} of {len(mutants)} mutants caught by the rule they break "
          f"({100 * killed // len(mutants)} %)")
    return 0 if killed == len(mutants) and not wrong else 1


try:
    sys.exit(main())
except Wrong as error:
    sys.exit(f"judge: {error}")
