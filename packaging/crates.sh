#!/usr/bin/env bash
# Packs the crates that `cargo install pkcs11-bridge` needs.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

# Each one after those that it needs, which is also the order to publish them in.
crates=(cryptoki protocol certificate verifier dialog)
cargo package --locked --no-verify --quiet -p pkcs11-bridge "${crates[@]/#/-ppkcs11-bridge-}"
cp "$BUILD"/package/pkcs11-bridge*.crate "$PACKAGES/"
