#!/usr/bin/env bash
# Packs the npm package, which build.sh has built. npm gives all its files one fixed date.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

(cd pkg && npm pack --silent --ignore-scripts --pack-destination "$PACKAGES" >/dev/null)
