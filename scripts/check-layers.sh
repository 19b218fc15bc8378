#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The direction of dependency (docs/design.md): who may include what, and who may touch
# memory that two CPUs share.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

bad=0
complain()
{
    echo "$*"
    bad=1
}

# The project's own headers that a file includes, one a line, without folder.
own_includes()
{
    sed -n 's/^#[ ]*include *\(<virtiogpio\/\|"\)\([a-z_/]*\.h\)[>"].*/\2/p' "$1"
}

# Fails for a file of the list that includes something outside the words of the rule.
may_include() # "WORDS" FILE...
{
    local allowed=" $1 " file header
    shift
    for file in "$@"; do
        checked+=("$file")
        while read -r header; do
            [ -z "$header" ] || [[ $allowed == *" $header "* ]] ||
                complain "$file includes $header: only$allowed"
        done < <(own_includes "$file")
    done
}

h=include/virtiogpio
leaf="config.h types.h internal.h port.h bytes.h"
seam="$leaf seams.h wire.h codec.h mem.h"
queue="$seam queue.h ring.h devq.h drvq.h"
shopt -s nullglob
checked=()

# Public headers.
may_include "" $h/config.h.in
may_include "config.h" $h/types.h
may_include "config.h types.h" $h/wire.h $h/seams.h $h/control.h $h/wiring.h
may_include "config.h types.h wire.h seams.h" $h/queue.h $h/sim.h $h/loop.h \
    $h/mmio.h $h/vhost_user.h $h/gpiochip.h
may_include "config.h types.h wire.h seams.h queue.h" $h/device.h $h/driver.h
may_include "config.h types.h seams.h vhost_user.h" $h/vhost_user_front.h
may_include "config.h types.h driver.h" $h/sync.h
may_include "config.h types.h seams.h driver.h" $h/bridge.h
may_include "config.h types.h device.h driver.h" $h/draft.h
may_include "bridge.h device.h draft.h driver.h loop.h seams.h sim.h sync.h types.h wire.h wiring.h" $h/virtiogpio.h

# Leaves, then the ring engine, then what stands on the seams.
may_include "config.h types.h" src/port.h
may_include "" src/bytes.h
may_include "config.h types.h port.h" src/internal.h
may_include "config.h types.h internal.h port.h" src/vdev.h
may_include "$leaf mem.h" src/types.c src/trace_str.c src/mem.c src/mem.h
may_include "config.h types.h bytes.h wire.h" src/codec.h
may_include "$leaf wire.h codec.h" src/wire.c
may_include "$queue" src/ring*.h src/devq.[ch] src/devq_[fps]*.c src/drvq*.[ch]
may_include "$queue vdev.h" src/devq_resume.c
may_include "$seam queue.h device.h vdev.h device_impl.h" src/device*.[ch]
may_include "$seam queue.h driver.h dialect.h" src/dialect.h src/driver*.[ch]
may_include "$leaf draft.h" src/draft_wire.c
may_include "$seam draft.h vdev.h draft_impl.h" src/draft_impl.h src/draft_dev.c src/draft_queue.c \
    src/draft_req.c src/draft_pace.c
may_include "$leaf draft.h dialect.h" src/draft_drv.c
may_include "$leaf wire.h driver.h sync.h" src/sync.c
may_include "$leaf wire.h bridge.h dialect.h" src/bridge.c
may_include "$seam sim.h" src/sim.c
may_include "config.h types.h wire.h control.h" src/control_linux.c
may_include "$seam loop.h" src/loop.c
may_include "$leaf wiring.h" src/wiring.c
may_include "$seam gpiochip.h" src/gpiochip_linux.c src/gpiochip_sys_linux.c
may_include "" src/mmio_regs.h
may_include "$seam mmio.h mmio_regs.h" src/mmio_*.c
may_include "$seam vhost_user.h vhost_user_priv.h" src/vhost_user.c \
    src/vhost_user_priv.h src/vhost_user_ring.c src/vhost_user_linux.c
may_include "$seam vhost_user.h vhost_user_front.h" src/vhost_user_front*.c \
    src/vhost_user_str.c

# A new file needs a rule of its own.
for file in "$h"/* src/*.c src/*.h; do
    [[ " ${checked[*]} " == *" $file "* ]] || complain "$file: no rule for it in $0"
done

# The core is freestanding.
for file in "$h"/* src/*.[ch]; do
    case $file in
        *_linux.c) continue ;;
    esac
    while read -r line; do
        complain "$file is not freestanding: $line"
    done < <(grep -nE '^#[ ]*include *<' "$file" |
        grep -vE '<(stddef|stdint)\.h>|<virtiogpio/|<stdatomic\.h>' || true)
done

# Barriers and atomics are in port.h alone, so that a test can put others in their place.
while read -r line; do
    complain "only port.h may do this: $line"
done < <(grep -nE '__atomic_|__sync_|_Atomic|stdatomic|\basm\b|__asm' \
    $h/* src/*.[ch] | grep -v '^src/port\.h:' | grep -vE '^[^:]+:[0-9]+: *(/?\*|//)' || true)

# Outside tests and the tool nobody asks for memory, prints, or asserts on what a peer said.
while read -r line; do
    complain "not in the core: $line"
done < <(grep -nE '\b(malloc|calloc|realloc|free|printf|fprintf|snprintf|assert|abort|strlen)\(' \
    src/*.[ch] | grep -vE '^[^:]*_linux\.c:|^[^:]+:[0-9]+: *(/?\*|//)' || true)

echo "${#checked[@]} files checked"
exit "$bad"
