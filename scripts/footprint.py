#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Code, stack, RAM and struct sizes of the library on small CPUs at -Os.

usage: scripts/footprint.sh [--update]
  --update  write the tables to docs/footprint.md

Without --update nothing in the tree changes, and a table that is not the committed one is a
failure. Another version of the compiler measures something else: then that is said, and
nothing is compared.
"""
import collections
import difflib
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "footprint.md"
DESIGN = ROOT / "docs" / "design.md"
Cpu = collections.namedtuple("Cpu", "name cross flags")
CPUS = [Cpu("Cortex-M0+", "arm-none-eabi-", ["-mcpu=cortex-m0plus", "-mthumb"]),
        Cpu("Cortex-M4", "arm-none-eabi-", ["-mcpu=cortex-m4", "-mthumb"]),
        Cpu("rv32imac", "riscv64-unknown-elf-", ["-march=rv32imac", "-mabi=ilp32"])]
M0 = CPUS[0]
FLAGS = ["-Os", "-std=c99", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
         "-DVGPIO_BUILDING"]
ALL = re.findall(r"@(VGPIO_CFG_\w+)@",
                 (ROOT / "include/virtiogpio/config.h.in").read_text())

DEVICE_CHAINS = ["devq.c", "devq_split.c"]
DRIVER_CHAINS = ["drvq.c", "drvq_split.c"]
DEVICE_RING = DEVICE_CHAINS + ["devq_fast.c"]
DRIVER_RING = DRIVER_CHAINS + ["drvq_fast.c"]
DRIVER = ["driver.c", "driver_std.c"]
DEVICE = ["device.c", "device_config.c", "device_irq.c", "device_queue.c", "device_req.c",
          "devq_resume.c"]
PACKED = ["devq_packed.c", "drvq_packed.c"]
LEAN = ["SPLIT"]
FULL = [option.replace("VGPIO_CFG_", "") for option in ALL]
WITHOUT_PACKED = [option for option in FULL if option != "PACKED"]

DRIVER_CALLS = ["vgpio_drv_init_abi", "vgpio_drv_start", "vgpio_drv_stop", "vgpio_drv_submit",
                "vgpio_drv_flush", "vgpio_drv_poll", "vgpio_drv_rearm",
                "vgpio_mmio_bus_init_abi", "vgpio_mmio_bus_ack", "vgpio_mmio_bus_ops"]


class OnM0(int):
    """A limit for the Cortex-M0+ alone."""

    def __str__(self):
        return f"{int(self)} on M0+"


# name, options that are on, files, functions that are kept (all if none is named), the most
# it may take. A set is linked with --gc-sections, as firmware is.
SETS = [
    ("split engine, driver side", LEAN, DRIVER_CHAINS, [], OnM0(800)),
    ("split engine, device side", LEAN, DEVICE_CHAINS, [], OnM0(800)),
    ("split engine, both sides", LEAN, DRIVER_CHAINS + DEVICE_CHAINS, [], OnM0(1434)),
    ("on top, driver side: requests of two pieces, many in a call (drvq_fast.c)", LEAN,
     ["drvq_fast.c"], [], None),
    ("on top, device side: requests taken and answered whole (devq_fast.c)", LEAN,
     ["devq_fast.c"], [], None),
    ("all of `queue.h`, both sides", LEAN, DRIVER_RING + DEVICE_RING, [], None),
    ("the same with every option of split rings", WITHOUT_PACKED,
     DRIVER_RING + DEVICE_RING, [], None),
    ("both layouts, both sides, every option", FULL,
     DRIVER_RING + DEVICE_RING + PACKED, [], None),
    ("guest memory (mem.c)", LEAN, ["mem.c"], [], None),
    ("codec (wire.c), without names", LEAN, ["wire.c"], [], None),
    ("codec, with names", FULL, ["wire.c"], [], None),
    ("GPIO driver on split rings, without interrupts or a bus", LEAN,
     ["wire.c"] + DRIVER_RING + DRIVER,
     ["vgpio_drv_init_abi", "vgpio_drv_start", "vgpio_drv_stop", "vgpio_drv_submit",
      "vgpio_drv_flush", "vgpio_drv_poll", "vgpio_drv_rearm"], None),
    ("MMIO bus of the driver", LEAN, ["mmio_bus.c"], [], 900),
    ("the same with `VGPIO_CFG_MMIO_IO` and `_QUEUE_STOP`", ["SPLIT", "MMIO_IO", "QUEUE_STOP"],
     ["mmio_bus.c"], [], None),
    ("smallest GPIO driver: codec, split ring, driver, MMIO bus", LEAN,
     ["wire.c", "mmio_bus.c"] + DRIVER_RING + DRIVER,
     DRIVER_CALLS, 3584),
    ("the same with interrupts", ["SPLIT", "IRQ"],
     ["wire.c", "mmio_bus.c"] + DRIVER_RING + DRIVER, DRIVER_CALLS + ["vgpio_drv_unmask"],
     None),
    ("GPIO device on split rings, without interrupts or a transport", LEAN,
     ["wire.c", "mem.c"] + DEVICE_RING + DEVICE, [], None),
    ("everything but vhost-user, every option", FULL, ["*"], [], None),
]

STRUCTS = """vgpio_drvq vgpio_drvq_slot vgpio_drv vgpio_drv_slot vgpio_devq vgpio_chain vgpio_dev
    vgpio_line vgpio_req vgpio_sim vgpio_sim_line vgpio_loop vgpio_mmio_dev
    vgpio_mmio_bus vgpio_vu vgpio_vuf vgpio_draft_dev vgpio_bridge vgpio_bridge_line
    vgpio_vq_setup vgpio_wiring vgpio_wiring_pin vgpio_wiring_wire""".split()

# Deepest chains of direct calls below these, worst first; what users' functions and the
# other side of a seam take comes on top.
STACK_FILES = ["mem.c", *DEVICE_RING, *DRIVER_RING, *PACKED, *DEVICE, *DRIVER, "wire.c",
               "loop.c", "mmio_dev.c", "mmio_bus.c", "sim.c", "sync.c",
               "wiring.c"]


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def sources(files):
    if files == ["*"]:
        return sorted(path for path in (ROOT / "src").glob("*.c")
                      if not path.name.startswith("vhost_user") and
                      not path.name.endswith("_linux.c"))
    return [ROOT / "src" / name for name in files if (ROOT / "src" / name).exists()]


def write_config(out, options):
    text = (ROOT / "include/virtiogpio/config.h.in").read_text()
    for option in ALL:
        text = text.replace(f"@{option}@", str(int(option[len("VGPIO_CFG_"):] in options)))
    text = re.sub(r"@PROJECT_VERSION_\w+@", "0", text)
    (out / "virtiogpio").mkdir(parents=True)
    (out / "virtiogpio" / "config.h").write_text(text)
    return ["-I", str(ROOT / "include"), "-I", str(out)]


def compile_all(out, cpu, options, files):
    include = write_config(out, options)
    objects = []
    for source in sources(files):
        objects.append(str(out / f"{source.stem}.o"))
        run(f"{cpu.cross}gcc", *cpu.flags, *FLAGS, "-fcallgraph-info=su", *include, "-c", str(source),
            "-o", objects[-1])
    return objects


def public_names(cpu, objects):
    names = []
    for line in run(f"{cpu.cross}nm", "--defined-only", "-g", *objects).splitlines():
        names += line.split()[2:3]
    return [name for name in names if "_split_" not in name and "_packed_" not in name]


def undefined(cpu, objects):
    names = {kind: set(run(f"{cpu.cross}nm", "-g", "--format=just-symbols", kind,
                           *objects).split())
             for kind in ("--undefined-only", "--defined-only")}
    return sorted(names["--undefined-only"] - names["--defined-only"])


def text_of(out, cpu, options, files, roots):
    """Bytes of code and constants that remain; anything else is an error."""
    objects = compile_all(out, cpu, options, files)
    keep = [f"-Wl,-u,{name}" for name in roots or public_names(cpu, objects)]
    whole = str(out / "set.elf")
    # Not a partial link: on RISC-V the linker makes most calls shorter, to what is outside as
    # well, which in firmware is no further away.
    outside = [f"-Wl,--defsym={name}=0" for name in undefined(cpu, objects)]
    run(f"{cpu.cross}gcc", *cpu.flags, "-nostdlib", "-Wl,--gc-sections,--entry=0",
        *outside, *keep, *objects, "-o", whole)
    for line in run(f"{cpu.cross}size", *objects).splitlines()[1:]:
        if line.split()[1:3] != ["0", "0"]:
            sys.exit(f"it has data: {line}")
    return int(run(f"{cpu.cross}size", whole).splitlines()[1].split()[0])


# ---- RAM ----

def ram_of(out, cpu):
    """Bytes of all static variables of a whole program but the board's."""
    include = write_config(out, FULL)
    target = str(out / "guest.o")
    run(f"{cpu.cross}gcc", *cpu.flags, "-Os", "-std=c11", "-ffreestanding", *include, "-c",
        str(ROOT / "examples/04_rtos_guest.c"), "-o", target)
    return sum(map(int, run(f"{cpu.cross}size", target).splitlines()[1].split()[1:3]))


# ---- stack ----

def indirect(place):
    """Whom a call through a pointer reaches, by the words in the source line."""
    path, number, column = place.rsplit(":", 2)
    line = pathlib.Path(path).read_text().splitlines()[int(number) - 1]
    layout = re.search(r"LAYOUT\([^,]+, (\w+)\)", line)
    if layout:
        ring = pathlib.Path(path).stem.replace("_fast", "")
        return [f"vgpio_{ring}_split_{layout[1]}", f"vgpio_{ring}_packed_{layout[1]}"]
    member = re.search(r"(?:->|\.)(\w+)\(", line[int(column) - 1:])
    return ["->" + member[1]] if member else [f"-> of {place}"]


def call_graph(out):
    """Own stack of each function, and whom it calls; through a pointer: "->member"."""
    own, calls = {}, {}
    for path in sorted(out.glob("*.ci")):
        text = path.read_text()
        for title, label in re.findall(r'node: { title: "([^"]*)" label: "([^"]*)"', text):
            size = re.search(r"(\d+) bytes \((\w+)\)", label)
            if size:
                if size[2] != "static":
                    sys.exit(f"{title}: its stack is {size[2]}")
                own[title] = int(size[1])
        for caller, callee, place in re.findall(
                r'edge: { sourcename: "([^"]*)" targetname: "([^"]*)" label: "([^"]*)"', text):
            callees = indirect(place) if callee == "__indirect_call" else [callee]
            calls.setdefault(caller, set()).update(callees)
    return own, calls


def chains(own, calls):
    """The function that says how deep the stack below a function is: (bytes, chain)."""
    @functools.lru_cache(None)
    def deepest(name, above=()):
        if name in above:
            sys.exit(f"{name} is recursive")
        below = [deepest(callee, (*above, name)) for callee in sorted(calls.get(name, ()))
                 if callee in own]
        depth, chain = max(below, default=(0, ()), key=lambda found: found[0])
        return own[name] + depth, (name.split(":")[-1], *chain)
    return deepest


# Whom the driver calls through a pointer: its dialect, and the MMIO bus. What is a user's own
# is not counted, nor what the standard's dialect does not have.
SEAMS = ["vgpio_std_{}", "bus_{}"]
NOT_OURS = ["->trace", "->read", "->write", "->local", "->ready"]


def driver_stack(out, cpu, options):
    """Below any call of a program with the driver and the MMIO bus: (bytes, chain)."""
    compile_all(out, cpu, options, ["wire.c", "mmio_bus.c"] + DRIVER_RING + DRIVER + PACKED[1:])
    own, calls = call_graph(out)
    for callees in calls.values():
        for member in [callee for callee in callees if callee.startswith("->")]:
            ours = {name for name in own for seam in SEAMS
                    if name.split(":")[-1] == seam.format(member[2:])}
            if not ours and member not in NOT_OURS:
                sys.exit(f"nobody knows whom {member} calls")
            callees |= ours
    deepest = chains(own, calls)
    return max((deepest(name) for name in own), key=lambda found: found[0])


def stacks(out):
    """Of each file, its entry with the deepest chain: (file, entry, bytes, chain)."""
    compile_all(out, M0, FULL, STACK_FILES)
    own, calls = call_graph(out)
    deepest = chains(own, calls)
    rows = []
    for source in sources(STACK_FILES):
        defined = set(re.findall(r'title: "(\w[\w.:]*)"',
                                 (out / f"{source.stem}.ci").read_text()))
        entries = sorted(name for name in defined if name in own)
        if entries:
            worst = max(entries, key=lambda name: (deepest(name)[0], name))
            depth, chain = deepest(worst)
            rows.append((source.name, depth, chain))
    return rows


# ---- structs ----

def struct_sizes(out):
    include = write_config(out, FULL)
    source = out / "structs.c"
    headers = sorted(path.name for path in (ROOT / "include/virtiogpio").glob("*.h"))
    source.write_text("".join(f"#include <virtiogpio/{name}>\n" for name in headers) +
                      "".join(f"char {name}_[sizeof(struct {name})];\n" for name in STRUCTS))
    sizes = []
    for prefix, command in (("", ["gcc-12"]), (M0.cross, [f"{M0.cross}gcc", *M0.flags])):
        target = str(out / f"structs{prefix}.o")
        run(*command, "-std=c99", "-ffreestanding", "-fno-common", *include, "-c",
            str(source), "-o", target)
        found = re.findall(r"^\w+ (\w+) \w (\w+)_$", run(f"{prefix}nm", "-S", target), re.M)
        sizes.append({name: int(size, 16) for size, name in found})
    return [(name, sizes[1][name], sizes[0][name]) for name in STRUCTS]


# ---- tables ----

def row(name, sizes, most):
    judged = sizes[:1] if isinstance(most, OnM0) else sizes
    over = "" if most is None or max(judged) <= most else " (not yet)"
    return f"| {name} | {' | '.join(map(str, sizes))} | {'' if most is None else most}{over} |"


def chain_of(found):
    return " → ".join(f"`{name}`" for name in found)


def tables(out, compilers):
    head = f"| {' | '.join(cpu.name for cpu in CPUS)} | At most |"
    rule = f"|{'---|' * (len(CPUS) + 2)}"
    lines = [*compilers, "", f"| Code and constants {head}", rule]
    for i, (name, options, files, roots, most) in enumerate(SETS):
        sizes = [text_of(out / f"set{i}-{cpu.name}", cpu, options, files, roots)
                 for cpu in CPUS]
        lines.append(row(name, sizes, most))
    lines += ["", f"| RAM {head}", rule]
    lines.append(row("`examples/04_rtos_guest.c`: 4 requests, 4 interrupt lines",
                     [ram_of(out / f"ram-{cpu.name}", cpu) for cpu in CPUS], 2048))
    lines += ["", f"| Stack of a driver with its MMIO bus {head}", rule]
    for name, options in (("smallest", LEAN), ("with interrupts", ["SPLIT", "IRQ"]),
                          ("every option", FULL)):
        found = [driver_stack(out / f"stack-{name}-{cpu.name}", cpu, options) for cpu in CPUS]
        lines.append(row(name, [depth for depth, chain in found], 256))
    lines += ["", "The last one: " + chain_of(max(found)[1]) + "."]
    lines += ["", "| Struct | Cortex-M0+ | x86-64 |", "|---|---|---|"]
    lines += [f"| `{name}` | {small} | {large} |"
              for name, small, large in struct_sizes(out / "structs")]
    lines += ["", "| File | Deepest stack | Chain |", "|---|---|---|"]
    lines += [f"| {name} | {depth} | {chain_of(chain)} |"
              for name, depth, chain in stacks(out / "stack")]
    return lines


def said_otherwise(table):
    """What the design says of structs, as "`name` small / large", against the table."""
    found = dict(re.findall(r"^\| `(\w+)` \| (\d+ \| \d+) \|$", table, re.M))
    said = re.findall(r"`(vgpio_\w+)` (\d+) / (\d+)", DESIGN.read_text())
    return [f"docs/design.md: {name} is {small} / {large}, measured {found.get(name)}"
            for name, small, large in said if found.get(name) != f"{small} | {large}"]


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--update"]):
        sys.exit(__doc__)
    compilers = [f"- {cpu.name}: {run(f'{cpu.cross}gcc', '--version').splitlines()[0]}, "
                 f"{' '.join(cpu.flags)} -Os" for cpu in CPUS]
    with tempfile.TemporaryDirectory() as out:
        table = "\n".join(tables(pathlib.Path(out), compilers))
    print(table)
    begin, end = "<!-- sizes: scripts/footprint.sh --update -->\n\n", "\n\n<!-- end of sizes -->"
    head, rest = PAGE.read_text().split(begin)
    committed, tail = rest.split(end)
    if arguments == ["--update"]:
        PAGE.write_text(head + begin + table + end + tail)
    elif not all(compiler in committed for compiler in compilers):
        print("\nskipped: the committed table is of another compiler")
    elif committed != table:
        print("\n".join(difflib.unified_diff(committed.splitlines(), table.splitlines(),
                                             "docs/footprint.md", "measured", "", "", 0, "")))
        sys.exit("These sizes are not the committed ones; see --update")
    else:
        print("\nas committed")
    wrong = said_otherwise(table)
    if wrong:
        sys.exit("\n".join(wrong))


main()
