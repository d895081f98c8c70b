#!/usr/bin/env bash
# Fuzzes everything that reads a peer's bytes, and prints a table of what came of it. The corpus is only
# read: new inputs are kept in fuzz/found, and those that bring a reader down in fuzz/artifacts.
#
#   fuzz/run.sh                    all targets, FUZZ_SECONDS together
#   fuzz/run.sh TARGET             one target, FUZZ_SECONDS
#   fuzz/run.sh TARGET FILE...     has a target read the files once
#
# Called by make, which puts .tools/bin on PATH.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SECONDS_IN_ALL=${FUZZ_SECONDS:-60}
# What is slow or large for its length is so with less than the longest frame.
readonly MAX_LEN=65536

# Built soon, and with the names that a backtrace needs.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none

# Without a sanitizer, which would need a nightly toolchain and finds faults of unsafe code only.
cargo_fuzz() {
    local command=$1
    shift
    cargo fuzz "$command" --sanitizer none --features libfuzzer --codegen-units 16 "$@"
}

if [ $# -gt 1 ]; then
    cargo_fuzz run "$@"
    exit
fi

if [ $# = 1 ] && [ -n "$1" ]; then
    targets=("$1")
    cargo_fuzz build "$1"
else
    # Their names have no spaces.
    # shellcheck disable=SC2207
    targets=($(cargo fuzz list))
    cargo_fuzz build
fi
seconds=$((SECONDS_IN_ALL / ${#targets[@]}))
[ "$seconds" -gt 0 ] || seconds=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log table=$work/table crashes=$work/crashes
: >"$crashes"

# A number that libFuzzer prints at its end.
figure() { awk -v name="stat::$1:" '$1 == name { value = $2 } END { print value + 0 }' "$log"; }

row() { printf '%-12s %10s %8s %6s %8s %8s\n' "$@"; }

fuzz_one() {
    local target=$1 found=fuzz/found/$1 artifacts=fuzz/artifacts/$1 count
    mkdir -p "$found" "$artifacts"
    touch "$work/start"
    printf '%s, %s s\n' "$target" "$seconds"
    # What it ends with is seen from what it leaves.
    cargo_fuzz run "$target" "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" \
        -max_len=$MAX_LEN -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1 || true
    # A unit that is only slow is kept too, and no crash.
    find "$artifacts" -type f -newer "$work/start" ! -name 'slow-unit-*' >"$work/new"
    count=$(wc -l <"$work/new")
    sed "s/^/$target /" "$work/new" >>"$crashes"
    if [ "$count" -gt 0 ] || ! grep -q '^stat::' "$log"; then tail -n 40 "$log" >&2; fi
    grep -q '^stat::' "$log" || echo "$target did not run" >>"$work/failed"
    row "$target" "$(figure number_of_executed_units)" "$(figure average_exec_per_sec)" \
        "$(figure new_units_added)" "$(figure peak_rss_mb)" "$count" >>"$table"
}

for target in "${targets[@]}"; do fuzz_one "$target"; done

echo
row target runs runs/s new 'peak MB' crashes
cat "$table"
[ ! -e "$work/failed" ] || { cat "$work/failed" >&2 && exit 1; }
if [ -s "$crashes" ]; then
    echo
    while read -r target file; do
        printf 'A crash: %s. See it again with: make fuzz FUZZ_TARGET=%s FUZZ_INPUT=%s\n' \
            "$file" "$target" "$file"
    done <"$crashes" >&2
    exit 1
fi
