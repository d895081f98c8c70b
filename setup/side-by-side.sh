#!/usr/bin/env bash
# Runs several commands at the same time, and waits for all. Fails if one of them fails.
#
#   setup/side-by-side.sh 'COMMAND ARGUMENT...' ...

set -euo pipefail

jobs=()
for command in "$@"; do
    bash -c "$command" &
    jobs+=($!)
done

status=0
for job in "${jobs[@]}"; do
    wait "$job" || status=$?
done
exit "$status"
