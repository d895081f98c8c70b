#!/usr/bin/env bash
# Builds the packages into target/packages, and prints their sizes. The same commit gives the same
# bytes: dates are the commit's, and paths of this machine are cut off.
#
#   packaging/build.sh [linux|windows|macos|npm|crates]...      without an argument: all

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

kinds=("$@")
[ $# != 0 ] || kinds=(linux windows macos npm crates)

mkdir -p "$PACKAGES"
packaging/documents.sh
# The bridge contains the page of its demo, which needs the npm package.
pkg/build.sh
for kind in "${kinds[@]}"; do "packaging/$kind.sh"; done

cd "$PACKAGES"
rm -f SHA256SUMS
sums=$(find . -maxdepth 1 -type f -printf '%f\n' | sort | xargs sha256sum)
echo "$sums" >SHA256SUMS
echo
echo "packages of version $VERSION, in target/packages:"
find . -maxdepth 1 -type f -printf '%f %s\n' | sort |
    awk '{ printf "  %-58s %8.2f MB\n", $1, $2 / 1000000 }'
