#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures the ring engine against a floor, hand-written ring code without any check, and
`vgpio serve` against a floor of its own, the least that is a back end over vhost-user.

usage: scripts/bench.sh [--update | --counts]
  --update  write the figures to tests/bench/figures.txt and docs/performance.md
  --counts  instruction counts only: no clock is looked at

Without --update nothing in the tree changes, and an instruction count that is more than 2 %
above the one in tests/bench/figures.txt is a failure. Times are printed and never judged.
docs/performance.md says what the columns mean.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIGURES = ROOT / "tests" / "bench" / "figures.txt"
PAGE = ROOT / "docs" / "performance.md"
CC = "gcc-12"
TOLERANCE = 0.02
CROWD_TOLERANCE = 0.1 # how many of a hundred guests one turn finds is the scheduler's
RING = 256
WARNINGS = """-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-align
    -Wstrict-prototypes -Wmissing-prototypes -Werror""".split()
PHASES = ("add", "serve", "reap")
OPS = 3200
GROWTH_SIZES = (16, 64, 256, 1024, 4096, 32768)
GROWTH_LINES = (1, 16, 256, 4096, 65535)
# Of the back end: requests in a row, lines of each guest, guests.
SERVED = [(1, 64, 1), (32, 64, 1), (1, 65535, 1), (32, 65535, 1), (1, 64, 100), (32, 64, 100)]
SERVED_OPS = 3200
ARMED = 10000


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          **options).stdout


def build(out):
    """The library as an archive of -O2 objects, and the program that measures it."""
    config = (ROOT / "include/virtiogpio/config.h.in").read_text()
    config = re.sub(r"@VGPIO_CFG_\w+@", "1", config)
    config = re.sub(r"@PROJECT_VERSION_\w+@", "0", config)
    (out / "virtiogpio").mkdir()
    (out / "virtiogpio" / "config.h").write_text(config)
    include = ["-I", str(ROOT / "include"), "-I", str(out)]
    jobs, objects = [], {}
    for source in sorted((ROOT / "src").glob("*.c")):
        objects[source] = [CC, "-O2", "-std=c99", "-DVGPIO_BUILDING"]
    for source in [*(ROOT / "tests/bench").glob("*.c"), *(ROOT / "tests/bench/vu").glob("*.c"),
                   *(ROOT / "src/cli").glob("*.c")]:
        objects[source] = [CC, "-O2", "-std=c11", "-D_GNU_SOURCE", "-pthread", *WARNINGS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, command in objects.items():
            target = str(out / f"{source.parent.name}-{source.stem}.o")
            jobs.append(pool.submit(run, *command, *include, "-c", str(source), "-o", target))
    for job in jobs:
        job.result()
    library = sorted(map(str, out.glob("src-*.o")))
    run("ar", "rcs", str(out / "libvirtiogpio.a"), *library)
    programs = {"bench": out.glob("bench-*.o"), "vgpio": out.glob("cli-*.o"),
                "front": [out / "vu-front.o"], "floor": [out / "vu-floor.o"]}
    for name, parts in programs.items():
        # Bound at load time, so that no step pays for it.
        run(CC, "-pthread", "-Wl,-z,now", "-o", str(out / name), *sorted(map(str, parts)),
            str(out / "libvirtiogpio.a"))
    return out / "bench"


def count(bench, engine, shape, batch, size):
    """Instructions per op of each of the three steps, with all that they call."""
    with tempfile.NamedTemporaryFile() as profile:
        run("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile.name}",
            "--compress-strings=no", "--compress-pos=no", str(bench), "count", engine,
            shape, str(batch), str(size), str(OPS))
        lines = pathlib.Path(profile.name).read_text().splitlines()
    cost, step = dict.fromkeys(PHASES, 0), None
    for line in lines:
        if line.startswith("fn="):
            match = re.fullmatch(r"fn=(?:floor_split|floor_packed|ring|whole)_(\w+)", line)
            step = match[1] if match else None
        elif step in cost and line[:1].isdigit():
            cost[step] += int(line.split()[1])
    return [cost[phase] / OPS for phase in PHASES]


def pace(bench, engine, shape, batch):
    """Ratios to the split floor in the same shape of work: {how: ratio}."""
    ratios = {}
    for line in run(str(bench), "pace", engine, shape, str(batch)).splitlines():
        how, ratio, *rest = line.split()
        ratios[how] = None if ratio == "skipped:" else float(ratio)
    return ratios


# ---- a whole back end over vhost-user ----

@contextlib.contextmanager
def served(out, command, sockets, cpu=None):
    """A back end in a folder of its own, with relative names so that no figure depends on
    where that is. Yields the folder and the process."""
    with tempfile.TemporaryDirectory() as folder:
        pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
        process = subprocess.Popen(pin + command, cwd=folder, stdout=subprocess.DEVNULL,
                                   env={"PATH": os.environ["PATH"]})
        try:
            while not all(os.path.exists(os.path.join(folder, s)) for s in sockets):
                if process.poll() is not None:
                    sys.exit(f"the back end ended: {' '.join(command)}")
                time.sleep(0.01)
            yield folder, process
        finally:
            process.terminate()
            process.wait()


def serve_command(out, lines, sockets, sandbox="--no-sandbox"):
    """Without a filter of system calls: callgrind cannot run under one."""
    options = [word for socket in sockets for word in ("-s", socket)]
    return [str(out / "vgpio"), "serve", *options, "--sim", str(lines), sandbox]


def served_total(*what):
    """As one_life(); once more, twice, where valgrind itself failed, which on a busy machine
    it does now and then in its own locks."""
    for left in (2, 1, 0):
        try:
            return one_life(*what)
        except (subprocess.CalledProcessError, SystemExit, TypeError) as error:
            if left == 0:
                raise
            print(f"# valgrind: {error}: once more", flush=True)


def one_life(out, batch, lines, guests, ops):
    """User instructions of a server's whole life."""
    sockets = [f"s{i}" for i in range(guests)]
    with tempfile.NamedTemporaryFile() as profile:
        command = ["valgrind", "-q", "--tool=callgrind",
                   f"--callgrind-out-file={profile.name}",
                   *serve_command(out, lines, sockets)]
        with served(out, command, sockets) as (folder, _):
            run(str(out / "front"), "count", str(batch), str(ops), str(lines), *sockets,
                cwd=folder)
        text = pathlib.Path(profile.name).read_text()
    return int(re.search(r"^summary: (\d+)", text, re.M)[1])


def served_count(out, batch, lines, guests):
    """Per request: what a longer life costs more."""
    short, long = (served_total(out, batch, lines, guests, ops * SERVED_OPS)
                   for ops in (1, 2))
    return [(long - short) / SERVED_OPS]


def served_pace(out, batch, cpus, sandbox="--no-sandbox"):
    """{rate, p50, p99: (floor, vgpio, ratio)}; the front end on the first CPU, both back
    ends on the last."""
    with served(out, [str(out / "floor"), "f"], "f", cpus[-1]) as (floor, _), \
            served(out, serve_command(out, 64, "s", sandbox), "s", cpus[-1]) as (folder, _):
        lines = run("taskset", "-c", str(cpus[0]), str(out / "front"), "pace", str(batch),
                    "2000" if len(cpus) == 1 else "200", f"{floor}/f", f"{folder}/s").splitlines()
    return dict(zip(("rate", "p50", "p99"),
                    (tuple(map(float, line.split())) for line in lines)))


def measure_served_paces(out):
    cpus = sorted(os.sched_getaffinity(0))
    paces = {(n, batch): served_pace(out, batch, cpus[:n])
             for n in (1, 2) if n <= len(cpus) for batch in (1, 32)}
    paces["filtered", 1] = served_pace(out, 1, cpus[:1], "--sandbox")
    return paces


def idle(out):
    """What a server with many armed lines does while nothing happens: its threads, and by
    how much its CPU time (ticks) and its sleeps grow over a while."""
    def state(pid):
        status = dict(line.split(":", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        times = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[11:13]
        return int(status["Threads"]), (sum(map(int, times)),
                                        int(status["voluntary_ctxt_switches"]))

    with served(out, serve_command(out, ARMED, "s"), "s") as (folder, process):
        with subprocess.Popen([str(out / "front"), "armed", str(ARMED), "s"], cwd=folder,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as front:
            if front.stdout.readline() != "armed\n":
                sys.exit("the lines could not be armed")
            while ") S " not in pathlib.Path(f"/proc/{process.pid}/stat").read_text():
                time.sleep(0.01)  # it has answered, and is on its way to sleep
            threads, before = state(process.pid)
            time.sleep(1)
            _, after = state(process.pid)
            rest, _ = front.communicate()
        if front.returncode != 0:
            sys.exit(rest)
    return {"threads": threads, "ticks": after[0] - before[0], "sleeps": after[1] - before[1]}


def measure_counts(bench, shapes):
    """{(engine, shape, batch, size or lines): [add, serve, reap]}, all in one go."""
    wanted = [(engine, shape, batch, RING) for batch in (32, 1) for engine, shape in
              [("floor", "split"), ("floor", "packed")] + [("ring", s) for s in shapes]]
    layouts = [shape for shape in ("split", "packed") if shape in shapes]
    wanted += [("ring", shape, 8, size) for shape in layouts for size in GROWTH_SIZES]
    wanted += [("whole", shape, 32, lines) for shape in layouts for lines in GROWTH_LINES]
    wanted += [("whole", shape, 1, 256) for shape in layouts]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {key: pool.submit(count, bench, *key) for key in wanted}
        for key in SERVED:
            jobs["serve", *key] = pool.submit(served_count, bench.parent, *key)
        return {key: job.result() for key, job in jobs.items()}


def measure_paces(bench, shapes):
    wanted = [("floor", "packed")] + [("ring", shape) for shape in shapes]
    return {(*key, batch): pace(bench, *key, batch) for key in wanted for batch in (32, 1)}


# ---- the table ----

def title(engine, shape):
    return f"floor, {shape}" if engine == "floor" else shape.replace("-", ", ")


def counts_table(counts):
    rows = ["| per op | b32: all | add | device | reap | b1: all | add | device | reap |",
            "|---|---|---|---|---|---|---|---|---|"]
    for engine, shape, batch, size in counts:
        if batch == 32 and engine in ("floor", "ring"):
            cells = [title(engine, shape)]
            for b in (32, 1):
                steps = counts[engine, shape, b, size]
                cells += [f"{sum(steps):.0f}"] + [f"{step:.0f}" for step in steps]
            rows.append("| " + " | ".join(cells) + " |")
    return rows


def growth_table(counts, engine, values, word):
    rows = [f"| {word} | " + " | ".join(map(str, values)) + " |",
            "|---|" + "---|" * len(values)]
    for shape in ("split", "packed"):
        batch = 8 if engine == "ring" else 32
        cells = [counts.get((engine, shape, batch, value)) for value in values]
        if cells[0] is not None:
            rows.append(f"| {shape} | " + " | ".join(f"{sum(c):.0f}" for c in cells) + " |")
    return rows


def paces_table(paces):
    rows = ["| times the split floor | alone b32 | alone b1 | pipe b32 | pipe b1 |"
            " closed b32 | closed b1 |",
            "|---|---|---|---|---|---|---|"]
    for engine, shape, batch in paces:
        if batch == 32:
            cells = [title(engine, shape)]
            for how in ("alone", "pipe", "closed"):
                for b in (32, 1):
                    ratio = paces[engine, shape, b][how]
                    cells.append("-" if ratio is None else f"{ratio:.2f}")
            rows.append("| " + " | ".join(cells) + " |")
    return rows


def served_counts_table(counts):
    rows = ["| user instructions per request | b1 | b32 |", "|---|---|---|"]
    for _, lines, guests in SERVED[::2]:
        cells = [f"{counts['serve', batch, lines, guests][0]:.0f}" for batch in (1, 32)]
        text = f"{guests} guest{'s' if guests > 1 else ''} with {lines} lines"
        rows.append(f"| {text} | " + " | ".join(cells) + " |")
    return rows


def served_paces_table(served_paces):
    rows = ["| one request after the other | rate, floor | vgpio | ratio | p50 us, floor | vgpio"
            " | ratio | p99 us, floor | vgpio | ratio |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for (cpus, batch), figures in served_paces.items():
        where = {1: "one CPU", 2: "two CPUs", "filtered": "one CPU, --sandbox"}[cpus]
        cells = [f"{where}, b{batch}"]
        for name, (base, mine, ratio) in figures.items():
            form = "{:,.0f}" if name == "rate" else "{:.1f}"
            cells += [form.format(base), form.format(mine), f"{ratio:.2f}"]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def goals_table(counts, paces, served_paces):
    """What was set out to be reached, and what was."""
    rows = ["| goal | at most | stretch | reached |", "|---|---|---|---|"]

    def row(text, most, stretch, value, form="{:.0f}"):
        if value is not None:
            mark = "" if value <= most else " (not yet)"
            rows.append(f"| {text} | {most} | {stretch} | {form.format(value)}{mark} |")

    for shape, most, stretch in (("split", 136, 115), ("packed", 180, 150)):
        steps = counts.get(("ring", shape, 32, RING))
        if steps is None:
            continue
        if shape == "split":
            row("split round trip, b32", 260, 210, sum(steps))
        row(f"device, {shape}, b32", 125, 90, steps[1])
        row(f"driver add + reap, {shape}, b32", most, stretch, steps[0] + steps[2])
    for text, key, how, most, stretch in (
            ("two CPUs, split, pipe b32", ("ring", "split", 32), "pipe", 1.6, 1.25),
            ("two CPUs, split, closed b1", ("ring", "split", 1), "closed", 1.15, "-"),
            ("two CPUs, packed, closed b1", ("ring", "packed", 1), "closed", 0.65, 0.58)):
        row(text, most, stretch, paces.get(key, {}).get(how), "{:.2f}")
    for batch, most, stretch in ((1, 250, 150), (32, 200, 110)):
        row(f"back end over vhost-user, b{batch}", most, stretch,
            counts["serve", batch, 64, 1][0])
    if served_paces:
        row("back end, one CPU, p50 to the floor's", 1.06, 0.95,
            served_paces[1, 1]["p50"][2], "{:.2f}")
        rate = served_paces[1, 32]["rate"][2]
        mark = "" if rate >= 0.8 else " (not yet)"
        rows.append(f"| back end, one CPU, rate at b32 to the floor's | at least 0.8 | - | "
                    f"{rate:.2f}{mark} |")
    return rows


def tables(counts, paces, served_paces, idle_state, compiler):
    whole = {shape: counts.get(("whole", shape, 1, 256)) for shape in ("split", "packed")}
    text = [f"Compiler: {compiler}.", "", "Instructions, ring of 256:", ""]
    text += counts_table(counts)
    if paces:
        text += ["", "Time, as a ratio:", ""] + paces_table(paces)
    text += ["", "Goals:", ""] + goals_table(counts, paces, served_paces)
    text += ["", "Instructions per op at batch 8, by size of the ring:", ""]
    text += growth_table(counts, "ring", GROWTH_SIZES, "entries")
    text += ["", "A whole GET_VALUE at batch 32, through driver, ring, device and simulator, "
             "by number of lines:", ""]
    text += growth_table(counts, "whole", GROWTH_LINES, "lines")
    text += ["", "One at a time: " + ", ".join(
        f"{sum(steps):.0f} ({shape})" for shape, steps in whole.items() if steps) + "."]
    text += ["", "`vgpio serve` over vhost-user, half GET_VALUE and half SET_VALUE:", ""]
    text += served_counts_table(counts)
    if served_paces:
        text += ["", "The same in time, against the floor of a back end:", ""]
        text += served_paces_table(served_paces)
    text += ["", f"With {ARMED} armed lines it has {idle_state['threads']} thread; in a second "
             f"without an event it ran for {idle_state['ticks']} ticks and woke "
             f"{idle_state['sleeps']} times."]
    return text


# ---- committed figures ----

def key_text(key):
    return " ".join(map(str, key))


def compare(counts, committed):
    """How many counts are above what was committed, each named."""
    worse = 0
    for key, steps in counts.items():
        old = committed.pop(key_text(key), None)
        if old is None:
            print(f"FAIL  {key_text(key)}: no committed figure, see --update")
            worse += 1
            continue
        crowd = key[0] == "serve" and key[-1] > 1
        tolerance = CROWD_TOLERANCE if crowd else TOLERANCE
        for phase, before, after in zip(PHASES if len(old) > 1 else ["all"], old, steps):
            if after > before * (1 + tolerance):
                print(f"FAIL  {key_text(key)}, {phase}: {after:.1f} instructions, "
                      f"committed {before:.1f}")
                worse += 1
            elif after < before * (1 - tolerance):
                print(f"better {key_text(key)}, {phase}: {after:.1f} instructions, "
                      f"committed {before:.1f}")
    for key in committed:
        print(f"FAIL  {key}: committed, not measured any more")
    return worse + len(committed)


def read_figures():
    figures = {}
    for line in FIGURES.read_text().splitlines():
        if line and not line.startswith("#"):
            key, steps = line.split(": ")
            figures[key] = [float(step) for step in steps.split()]
    return figures


def write_figures(counts, text, compiler):
    lines = ["# SPDX-License-Identifier: BSD-3-Clause",
             "# Instructions per op: add, serve, reap; of a server: all. Written by scripts/bench.sh --update.",
             f"# {compiler}"]
    lines += [f"{key_text(key)}: " + " ".join(f"{step:.1f}" for step in steps)
              for key, steps in counts.items()]
    FIGURES.write_text("\n".join(lines) + "\n")
    page = PAGE.read_text()
    begin, end = "<!-- figures: scripts/bench.sh --update -->\n", "<!-- end of figures -->"
    head, rest = page.split(begin)
    PAGE.write_text(head + begin + "\n" + "\n".join(text) + "\n\n" + end + rest.split(end)[1])


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--update"], ["--counts"]):
        sys.exit(__doc__)
    if platform.machine() != "x86_64":
        print("skipped: the committed counts are those of x86-64")
        return
    compiler = run(CC, "--version").splitlines()[0]
    with tempfile.TemporaryDirectory() as out:
        bench = build(pathlib.Path(out))
        shapes = run(str(bench), "shapes").split()
        counts = measure_counts(bench, shapes)
        idle_state = idle(bench.parent)
        paces, served_paces = {}, {}
        if arguments != ["--counts"]:
            paces = measure_paces(bench, shapes)
            served_paces = measure_served_paces(bench.parent)
    text = tables(counts, paces, served_paces, idle_state, compiler)
    print("\n".join(text))
    if arguments == ["--update"]:
        write_figures(counts, text, compiler)
        return
    print()
    worse = compare(counts, read_figures())
    print(f"{len(counts)} figures compared, {worse} of them too high or missing")
    if idle_state != {"threads": 1, "ticks": 0, "sleeps": 0}:
        print(f"FAIL  {ARMED} armed lines, nothing happens: {idle_state}")
        worse += 1
    sys.exit(worse != 0)


main()
