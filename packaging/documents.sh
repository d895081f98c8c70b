#!/usr/bin/env bash
# Writes what goes into each package: the licences of everything in the bridge, and a list of its
# components (SBOM) in the format of CycloneDX.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

mkdir -p "$DOCUMENTS"
# What the crates themselves say is enough, and the same each time.
cargo fetch --locked
{
    cargo about generate --frozen --manifest-path bridge/Cargo.toml \
        --config packaging/documents/about.toml packaging/documents/licences.hbs
    printf '\n%s\nThe fonts of the window, Inter and JetBrains Mono\n%s\n' \
        "$(printf '=%.0s' {1..80})" "$(printf -- '-%.0s' {1..80})"
    cat dialog/fonts/OFL.txt
} >"$DOCUMENTS/licences.txt"

cargo cyclonedx --quiet --manifest-path bridge/Cargo.toml --format json --spec-version 1.5 \
    --override-filename sbom
# Paths of this machine would differ elsewhere.
sed "s,file://$PWD,file:///pkcs11-bridge,g" bridge/sbom.json >"$DOCUMENTS/pkcs11-bridge.cdx.json"
find . -name sbom.json -not -path './target/*' -not -path './pkg/*' -delete
echo "licences: $(grep -c '^====' "$DOCUMENTS/licences.txt") texts," \
    "components: $(jq '.components | length' "$DOCUMENTS/pkcs11-bridge.cdx.json")"
