#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Code, stack and struct sizes of the library on a Cortex-M0+ at -Os.

usage: scripts/footprint.sh [--update]
  --update  write the tables to docs/footprint.md

Without --update nothing in the tree changes, and a table that is not the committed one is a
failure. Another version of the compiler measures something else: then that is said, and
nothing is compared.
"""
import difflib
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "footprint.md"
CROSS = "arm-none-eabi-"
CPU = ["-mcpu=cortex-m0plus", "-mthumb"]
FLAGS = ["-Os", "-std=c99", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
         "-DVGPIO_BUILDING"]
ALL = re.findall(r"@(VGPIO_CFG_\w+)@",
                 (ROOT / "include/virtiogpio/config.h.in").read_text())

DEVICE_RING = ["devq.c", "devq_fast.c", "devq_split.c"]
DRIVER_RING = ["drvq.c", "drvq_fast.c", "drvq_split.c"]
DRIVER = ["driver.c", "driver_std.c"]
DEVICE = ["device.c", "device_irq.c", "device_queue.c", "device_req.c"]
PACKED = ["devq_packed.c", "drvq_packed.c"]
LEAN = ["SPLIT"]
FULL = [option.replace("VGPIO_CFG_", "") for option in ALL]
WITHOUT_PACKED = [option for option in FULL if option != "PACKED"]

# name, options that are on, files, functions that are kept (all if none is named), the most
# it may take. A set is linked with --gc-sections, as firmware is.
SETS = [
    ("split engine, driver side", LEAN, DRIVER_RING, [], 800),
    ("split engine, device side", LEAN, DEVICE_RING, [], 800),
    ("split engine, both sides", LEAN, DRIVER_RING + DEVICE_RING, [], 1434),
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
    ("smallest GPIO driver: codec, split ring, driver, MMIO bus", LEAN,
     ["wire.c", "mmio_bus.c"] + DRIVER_RING + DRIVER,
     ["vgpio_drv_init_abi", "vgpio_drv_start", "vgpio_drv_stop", "vgpio_drv_submit",
      "vgpio_drv_flush", "vgpio_drv_poll", "vgpio_drv_rearm", "vgpio_mmio_bus_init_abi",
      "vgpio_mmio_bus_ack", "vgpio_mmio_bus_ops"], 3584),
    ("GPIO device on split rings, without interrupts or a transport", LEAN,
     ["wire.c", "mem.c"] + DEVICE_RING + DEVICE, [], None),
    ("everything but vhost-user, every option", FULL, ["*"], [], 9216),
]

STRUCTS = """vgpio_drvq vgpio_drvq_slot vgpio_drv vgpio_drv_slot vgpio_devq vgpio_chain vgpio_dev
    vgpio_line vgpio_req vgpio_sim vgpio_sim_line vgpio_loop vgpio_mmio_dev
    vgpio_mmio_bus vgpio_vq_setup""".split()

# Deepest chains of direct calls below these, worst first; what users' functions and the
# other side of a seam take comes on top.
STACK_FILES = ["mem.c", *DEVICE_RING, *DRIVER_RING, *PACKED, *DEVICE, *DRIVER, "wire.c",
               "loop.c", "mmio_dev.c", "mmio_bus.c", "sim.c", "sync.c"]


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def sources(files):
    if files == ["*"]:
        return sorted(path for path in (ROOT / "src").glob("*.c")
                      if not path.name.startswith("vhost_user"))
    return [ROOT / "src" / name for name in files if (ROOT / "src" / name).exists()]


def write_config(out, options):
    text = (ROOT / "include/virtiogpio/config.h.in").read_text()
    for option in ALL:
        text = text.replace(f"@{option}@", str(int(option[len("VGPIO_CFG_"):] in options)))
    text = re.sub(r"@PROJECT_VERSION_\w+@", "0", text)
    (out / "virtiogpio").mkdir(parents=True)
    (out / "virtiogpio" / "config.h").write_text(text)
    return ["-I", str(ROOT / "include"), "-I", str(out)]


def compile_all(out, options, files):
    include = write_config(out, options)
    objects = []
    for source in sources(files):
        objects.append(str(out / f"{source.stem}.o"))
        run(f"{CROSS}gcc", *CPU, *FLAGS, "-fcallgraph-info=su", *include, "-c", str(source),
            "-o", objects[-1])
    return objects


def public_names(objects):
    names = []
    for line in run(f"{CROSS}nm", "--defined-only", "-g", *objects).splitlines():
        names += line.split()[2:3]
    return [name for name in names if "_split_" not in name and "_packed_" not in name]


def text_of(out, options, files, roots):
    """Bytes of code and constants that remain; anything else is an error."""
    objects = compile_all(out, options, files)
    keep = [f"-Wl,-u,{name}" for name in roots or public_names(objects)]
    whole = str(out / "set.elf")
    run(f"{CROSS}gcc", *CPU, "-nostdlib", "-r", "-Wl,--gc-sections", *keep, *objects,
        "-o", whole)
    sizes = run(f"{CROSS}size", whole).splitlines()[1].split()
    if sizes[1:3] != ["0", "0"]:
        sys.exit(f"{files}: data {sizes[1]}, bss {sizes[2]}")
    return int(sizes[0])


# ---- stack ----

def call_graph(out):
    """Own stack of each function, and whom it calls directly."""
    own, calls, public = {}, {}, set()
    for path in sorted(out.glob("*.ci")):
        text = path.read_text()
        for title, label in re.findall(r'node: { title: "([^"]*)" label: "([^"]*)"', text):
            size = re.search(r"(\d+) bytes \((\w+)\)", label)
            if size:
                if size[2] != "static":
                    sys.exit(f"{title}: its stack is {size[2]}")
                own[title] = int(size[1])
                if ":" not in title:
                    public.add(title)
        for edge in re.findall(r'edge: { sourcename: "([^"]*)" targetname: "([^"]*)"', text):
            calls.setdefault(edge[0], set()).add(edge[1])
    return own, calls, public


def stacks(out):
    """Of each file, its entry with the deepest chain: (file, entry, bytes, chain)."""
    compile_all(out, FULL, STACK_FILES)
    own, calls, public = call_graph(out)

    @functools.lru_cache(None)
    def deepest(name, above=()):
        if name in above:
            sys.exit(f"{name} is recursive")
        below = [deepest(callee, (*above, name)) for callee in sorted(calls.get(name, ()))
                 if callee in own]
        depth, chain = max(below, default=(0, ()), key=lambda found: found[0])
        return own[name] + depth, (name.split(":")[-1], *chain)

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
    for prefix, command in (("", ["gcc-12"]), (CROSS, [f"{CROSS}gcc", *CPU])):
        target = str(out / f"structs{prefix}.o")
        run(*command, "-std=c99", "-ffreestanding", "-fno-common", *include, "-c",
            str(source), "-o", target)
        found = re.findall(r"^\w+ (\w+) \w (\w+)_$", run(f"{prefix}nm", "-S", target), re.M)
        sizes.append({name: int(size, 16) for size, name in found})
    return [(name, sizes[1][name], sizes[0][name]) for name in STRUCTS]


# ---- tables ----

def tables(out, compiler):
    lines = [f"Compiler: {compiler}, {' '.join(CPU)} -Os.", "",
             "| Files | Code and constants | At most |", "|---|---|---|"]
    for i, (name, options, files, roots, most) in enumerate(SETS):
        size = text_of(out / f"set{i}", options, files, roots)
        over = "" if most is None or size <= most else " (not yet)"
        lines.append(f"| {name} | {size} | {'' if most is None else most}{over} |")
    lines += ["", "| Struct | Cortex-M0+ | x86-64 |", "|---|---|---|"]
    lines += [f"| `{name}` | {small} | {large} |"
              for name, small, large in struct_sizes(out / "structs")]
    lines += ["", "| File | Deepest stack | Chain |", "|---|---|---|"]
    lines += [f"| {name} | {depth} | {' → '.join(f'`{f}`' for f in chain)} |"
              for name, depth, chain in stacks(out / "stack")]
    return lines


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--update"]):
        sys.exit(__doc__)
    compiler = run(f"{CROSS}gcc", "--version").splitlines()[0]
    with tempfile.TemporaryDirectory() as out:
        table = "\n".join(tables(pathlib.Path(out), compiler))
    print(table)
    begin, end = "<!-- sizes: scripts/footprint.sh --update -->\n\n", "\n\n<!-- end of sizes -->"
    head, rest = PAGE.read_text().split(begin)
    committed, tail = rest.split(end)
    if arguments == ["--update"]:
        PAGE.write_text(head + begin + table + end + tail)
    elif compiler not in committed:
        print("\nskipped: the committed table is of another compiler")
    elif committed != table:
        print("\n".join(difflib.unified_diff(committed.splitlines(), table.splitlines(),
                                             "docs/footprint.md", "measured", "", "", 0, "")))
        sys.exit("These sizes are not the committed ones; see --update")
    else:
        print("\nas committed")


main()
