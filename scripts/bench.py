#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures the ring engine against a floor: hand-written ring code without any check.

usage: scripts/bench.sh [--update | --counts]
  --update  write the figures to tests/bench/figures.txt and docs/performance.md
  --counts  instruction counts only: no clock is looked at

Without --update nothing in the tree changes, and an instruction count that is more than 2 %
above the one in tests/bench/figures.txt is a failure. Times are printed and never judged.
docs/performance.md says what the columns mean.
"""
import concurrent.futures
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIGURES = ROOT / "tests" / "bench" / "figures.txt"
PAGE = ROOT / "docs" / "performance.md"
CC = "gcc-12"
TOLERANCE = 0.02
RING = 256
WARNINGS = """-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-align
    -Wstrict-prototypes -Wmissing-prototypes -Werror""".split()
PHASES = ("add", "serve", "reap")
OPS = 3200
GROWTH_SIZES = (16, 64, 256, 1024, 4096, 32768)
GROWTH_LINES = (1, 16, 256, 4096, 65535)


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
        if not source.name.endswith("_linux.c"):
            objects[source] = [CC, "-O2", "-std=c99", "-DVGPIO_BUILDING"]
    for source in sorted((ROOT / "tests/bench").glob("*.c")):
        objects[source] = [CC, "-O2", "-std=c11", "-D_GNU_SOURCE", "-pthread", *WARNINGS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, command in objects.items():
            target = str(out / f"{source.parent.name}-{source.stem}.o")
            jobs.append(pool.submit(run, *command, *include, "-c", str(source), "-o", target))
    for job in jobs:
        job.result()
    library = sorted(map(str, out.glob("src-*.o")))
    run("ar", "rcs", str(out / "libvirtiogpio.a"), *library)
    # Bound at load time, so that no step pays for it.
    run(CC, "-pthread", "-Wl,-z,now", "-o", str(out / "bench"),
        *sorted(map(str, out.glob("bench-*.o"))), str(out / "libvirtiogpio.a"))
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
        if batch == 32 and engine != "whole":
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


def goals_table(counts, paces):
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
    return rows


def tables(counts, paces, compiler):
    whole = {shape: counts.get(("whole", shape, 1, 256)) for shape in ("split", "packed")}
    text = [f"Compiler: {compiler}.", "", "Instructions, ring of 256:", ""]
    text += counts_table(counts)
    if paces:
        text += ["", "Time, as a ratio:", ""] + paces_table(paces)
    text += ["", "Goals:", ""] + goals_table(counts, paces)
    text += ["", "Instructions per op at batch 8, by size of the ring:", ""]
    text += growth_table(counts, "ring", GROWTH_SIZES, "entries")
    text += ["", "A whole GET_VALUE at batch 32, through driver, ring, device and simulator, "
             "by number of lines:", ""]
    text += growth_table(counts, "whole", GROWTH_LINES, "lines")
    text += ["", "One at a time: " + ", ".join(
        f"{sum(steps):.0f} ({shape})" for shape, steps in whole.items() if steps) + "."]
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
        for phase, before, after in zip(PHASES, old, steps):
            if after > before * (1 + TOLERANCE):
                print(f"FAIL  {key_text(key)}, {phase}: {after:.1f} instructions, "
                      f"committed {before:.1f}")
                worse += 1
            elif after < before * (1 - TOLERANCE):
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
             "# Instructions per op: add, serve, reap. Written by scripts/bench.sh --update.",
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
        paces = {} if arguments == ["--counts"] else measure_paces(bench, shapes)
    text = tables(counts, paces, compiler)
    print("\n".join(text))
    if arguments == ["--update"]:
        write_figures(counts, text, compiler)
        return
    print()
    worse = compare(counts, read_figures())
    print(f"{len(counts)} figures compared, {worse} of them too high or missing")
    sys.exit(worse != 0)


main()
