#!/usr/bin/env bash
# Runs the fuzz targets and prints a table of the results. The script does not change the corpus. It
# keeps new inputs in fuzz/found, and inputs that crash a target in fuzz/artifacts.
#
#   fuzz/run.sh                    runs all targets, FUZZ_SECONDS together
#   fuzz/run.sh TARGET             runs one target for FUZZ_SECONDS
#   fuzz/run.sh TARGET FILE...     runs a target once on each file
#
# make calls it, with .tools/bin on PATH.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly SECONDS_IN_ALL=${FUZZ_SECONDS:-60}
# Shorter than the longest frame. Inputs that take too much time or memory do so at this length.
readonly MAX_LEN=65536

# Builds quickly, and keeps the names that a backtrace needs.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none

# No sanitizer: it needs a nightly toolchain, and finds only faults of unsafe code.
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
    # The names have no spaces.
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

# A number that libFuzzer prints at the end.
figure() { awk -v name="stat::$1:" '$1 == name { value = $2 } END { print value + 0 }' "$log"; }

row() { printf '%-14s %10s %8s %6s %8s %8s\n' "$@"; }

fuzz_one() {
    local target=$1 found=fuzz/found/$1 artifacts=fuzz/artifacts/$1 count
    mkdir -p "$found" "$artifacts"
    touch "$work/start"
    printf '%s, %s s\n' "$target" "$seconds"
    # The exit code does not tell a crash from other failures. The files below do.
    cargo_fuzz run "$target" "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" \
        -max_len=$MAX_LEN -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1 || true
    # libFuzzer also keeps slow inputs, which are not crashes.
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
        printf 'Crash: %s. Repeat it with: make fuzz FUZZ_TARGET=%s FUZZ_INPUT=%s\n' \
            "$file" "$target" "$file"
    done <"$crashes" >&2
    exit 1
fi
