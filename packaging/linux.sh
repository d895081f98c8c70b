#!/usr/bin/env bash
# Builds the packages for Linux: one program that runs with glibc 2.31 or later, in a deb, an rpm
# and a tarball.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

readonly TARGET=x86_64-unknown-linux-gnu
readonly GLIBC=2.31

PATH=$PWD/.tools/venv/bin:$PATH cargo-zigbuild zigbuild --locked --profile shipped \
    -p pkcs11-bridge --target "$TARGET.$GLIBC"
program=$BUILD/$TARGET/shipped/pkcs11-bridge
check_size "$program" Linux

cargo deb --no-build --no-strip --locked --profile shipped -p pkcs11-bridge --target $TARGET \
    --output "$PACKAGES/pkcs11-bridge_${VERSION}_amd64.deb" >/dev/null
cargo generate-rpm --package bridge --profile shipped --target $TARGET \
    --payload-compress gzip --output "$PACKAGES/pkcs11-bridge-$VERSION-1.x86_64.rpm"

folder=$BUILD/pkcs11-bridge-$VERSION-linux-x86_64
rm -rf "$folder"
mkdir -p "$folder"
install -m 755 "$program" "$folder/"
install -m 644 "$DOCUMENTS"/* docs/configuration.md "$folder/"
tarball "$folder" "$PACKAGES/${folder##*/}.tar.gz"
