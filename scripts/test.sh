#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs every test of the project and ends with one line: N passed, N failed.
# usage: scripts/test.sh [--quick] [--coverage]
#   --quick     leave out the real Linux guest, and most faults that the suites must find
#   --coverage  also measure the branch coverage of the core and print it
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage()
{
    sed -n 's/^# \{0,1\}//; /^usage/,/^set/{ /^set/!p; }' "$0"
}

quick=no coverage=no sample=()
for arg in "$@"; do
    case $arg in
        --quick) quick=yes sample=(--quick) ;;
        --coverage) coverage=yes ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done

packages=(gcc g++ libc6-dev make cmake pkg-config libcmocka-dev
    clang clang-format clang-tidy libclang-rt-14-dev
    gcc-arm-none-eabi gcc-riscv64-unknown-elf doxygen shellcheck python3
    gcc-12 binutils valgrind "${cross_packages[@]}")
[ "$coverage" = no ] || packages+=(gcovr)
[ "$quick" = yes ] || packages+=("${guest_packages[@]}" "${qemu_packages[@]}"
    "${kvm_packages[@]}" "${metal_packages[@]}")
need_packages "${packages[@]}"
# Other people's readers of waveforms; without them one test is skipped.
(need_packages sigrok-cli gtkwave) || say "sigrok-cli and gtkwave cannot be had"

jobs=$(nproc)
logs=$root/build/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0 failures=()

count() # PASSED FAILED SKIPPED
{
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

# One command that counts as one test. Its output goes to a log, and here if it fails.
try() # NAME COMMAND...
{
    local name=$1 log=$logs/$1.log start=$SECONDS
    shift
    if "$@" > "$log" 2>&1 < /dev/null; then
        count 1 0 0
        printf 'ok    %s (%d s)\n' "$name" $((SECONDS - start))
    else
        cat "$log"
        printf 'FAIL  %s: %s\n' "$name" "$*"
        count 0 1 0
        failures+=("$name")
        return 1
    fi
}

# The ctest of one preset, test by test into the sum. What could not be run has failed,
# unless the test itself said that it must be skipped.
run_ctest() # PRESET
{
    local junit=$logs/$1.xml log=$logs/$1-ctest.log status=0 start=$SECONDS total good left bad
    : > "$junit"
    ctest --preset "$1" --no-tests=error -j "$jobs" --output-junit "$junit" \
        > "$log" 2>&1 < /dev/null || status=$?
    total=$(grep -c '^[[:space:]]*<testcase ' "$junit" || true)
    good=$(grep -c '^[[:space:]]*<testcase .* status="run"' "$junit" || true)
    left=$(grep -c '^[[:space:]]*<skipped message="SKIP_RETURN_CODE=' "$junit" || true)
    bad=$((total - good - left))
    # Of a program that ran, a test may say so as well: cmocka lists those by name.
    grep -oE '^\[  SKIPPED \] test_[a-z0-9_]+$' "$junit" > "$logs/$1-skipped" || true
    left=$((left + $(wc -l < "$logs/$1-skipped")))
    # Whatever ctest complains of without naming a test is one failure.
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    count "$good" "$bad" "$left"
    if [ "$bad" -gt 0 ]; then
        cat "$log"
        failures+=("ctest of $1")
    fi
    grep -F '***Skipped' "$log" || true
    cat "$logs/$1-skipped"
    printf '%-5s ctest of %s: %d passed, %d failed, %d skipped (%d s)\n' \
        "$([ "$bad" -eq 0 ] && echo ok || echo FAIL)" \
        "$1" "$good" "$bad" "$left" $((SECONDS - start))
}

build() # PRESET
{
    try "configure-$1" cmake --preset "$1" && try "build-$1" cmake --build --preset "$1" -j "$jobs"
}

build_and_test() # PRESET
{
    say "Preset $1"
    if build "$1"; then
        run_ctest "$1"
    fi
}

# Other CPUs: programs for i386 run as they are, the others in QEMU.
cross()
{
    local arch cmocka reason i386_loader=/usr/i686-linux-gnu/lib/ld-linux.so.2
    for arch in s390x i386 armhf; do
        reason=
        if ! cmocka=$(tests/cross/cmocka.sh "$arch" | tail -n 1); then
            reason=$cmocka
        elif [ "$arch" = i386 ] && ! "$i386_loader" --version > /dev/null 2>&1; then
            reason="this kernel runs no 32-bit programs"
        fi
        if [ -n "$reason" ]; then
            count 0 0 1
            printf '\nskip  ctest of %s: %s\n' "$arch" "$reason"
            continue
        fi
        PKG_CONFIG_LIBDIR=$cmocka/pkgconfig build_and_test "$arch"
    done
}

# A fixed number of inputs a target, so that two runs do the same work; the time limit is
# for a machine that is far too slow.
fuzz()
{
    local program name
    say "Fuzzing, a fixed number of inputs"
    build fuzz || return 0
    for program in build-fuzz/tests/fuzz_*; do
        if [ ! -f "$program" ] || [ ! -x "$program" ]; then
            continue
        fi
        name=${program##*/fuzz_}
        rm -rf "build-fuzz/new-$name"
        mkdir -p "build-fuzz/new-$name"
        try "fuzz-$name" "$program" -runs=20000 -seed=1 -max_total_time=60 -timeout=10 \
            -print_final_stats=1 -artifact_prefix="build-fuzz/crash-$name-" \
            "build-fuzz/new-$name" "tests/fuzz/corpus/$name" || true
    done
}

# Its last line is like ours.
guest() # NAME SCRIPT [CASE...]
{
    local name=$1 log=$logs/$1.log script=$2 status=0 sum good=0 bad=0 left=0
    shift 2
    "$script" "$@" 2>&1 < /dev/null | tee "$log" || status=$?
    sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 | tr -dc '0-9 ') || true
    read -r good bad left <<< "${sum:-0 0 0}"
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    count "$good" "$bad" "${left:-0}"
    [ "$bad" -eq 0 ] || failures+=("$name")
}

guests()
{
    say "A real Linux guest (the first run builds its kernel, some minutes)"
    guest guest tests/guest/run.sh
    say "Where it comes, goes and stands still, with the server under ASan and UBSan"
    export VGPIO=build-debug/vgpio VGPIO_CTL=build-debug/tests/vgpio-ctl
    guest guest-debug tests/guest/run.sh \
        toggles_10k_at_once rebind replug stalled_busy guest_killed_busy \
        rings@packed replug_armed@packed guest_killed_busy@packed
    unset VGPIO VGPIO_CTL
    say "The example for a CI job: a button and a lamp in a guest"
    guest guest-ci examples/ci/run.sh
    say "Guests without an operating system (the first run fetches QEMU 10, half a minute)"
    guest guest-metal tests/guest/metal/run.sh
    say "QEMU as its front end (the first run fetches a kernel and QEMU 10, half a minute)"
    guest guest-qemu tests/guest/qemu/run.sh
    say "The front end on libvhost-user (the first run fetches QEMU's source, half a minute)"
    guest foreign tests/foreign/run.sh
    say "A hypervisor with the device built in (the first run builds its kernel, some minutes)"
    guest guest-kvm tests/guest/kvm/run.sh
    say "Lines of a machine's own chips (its kernel is that of the hypervisor's guest)"
    guest guest-sim tests/guest/sim/run.sh
    say "The same hypervisor under ASan and UBSan"
    export KVM_VMM=build-debug/examples/kvm_vmm
    guest guest-kvm-debug tests/guest/kvm/run.sh \
        packed+event+indirect/{two_cpus,rebind,reset_armed,refuses}
    unset KVM_VMM
}

branch_coverage()
{
    say "Branch coverage of the core"
    find build-coverage -name '*.gcda' -delete 2> /dev/null || true
    build_and_test coverage
    try coverage scripts/coverage.sh || return 0
    cat "$logs/coverage.log"
}

# In more parts than there are CPUs, since one takes longer than another.
orders()
{
    seq 8 | xargs -P "$jobs" -I{} build/tests/property_ordering --full --part {}/8
}

build_and_test default
say "Every order of ring accesses, the long form"
try ordering orders || true
say "Two CPUs, one side of a ring each, for some time"
try stress build/tests/unit_ring_threads 1000000 || true
say "Instructions per request, against the committed ones"
try bench scripts/bench.sh --counts || true
say "The suites for devices and drivers, on faults that each must find"
try judge scripts/judge.sh "${sample[@]}" || true
say "Checks"
for check in scripts/check-*.sh; do
    try "$(basename "$check" .sh)" "$check" || true
done
for preset in clang debug tsan lto; do
    build_and_test "$preset"
done
cross
fuzz
if [ "$quick" = yes ]; then
    say "--quick: the real Linux guest is left out"
else
    guests
fi
[ "$coverage" = no ] || branch_coverage

say "All done in $SECONDS s; logs are in build/logs"
[ "${#failures[@]}" -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
