#!/usr/bin/env bash
# Builds the packages for Windows: an installer for one user, who needs no rights of an
# administrator, an installer for all users of a computer, and a zip file.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

readonly TARGET=x86_64-pc-windows-gnu
readonly MAKER="The pkcs11-bridge developers"

cargo build --locked --profile shipped -p pkcs11-bridge --target $TARGET
program=$BUILD/$TARGET/shipped/pkcs11-bridge.exe
check_size "$program" Windows

# Windows knows a version of a product by its code, and a package by another. Both depend on what
# the package contains only.
code() {
    python3 - "$1" "$(sha256sum "$program")" <<'PYTHON'
import sys, uuid
print(str(uuid.uuid5(uuid.NAMESPACE_DNS, " ".join(sys.argv[1:]))).upper())
PYTHON
}

# wixl and msibuild write the present time into the package.
at_commit() { faketime -f "$(date --date "@$SOURCE_DATE_EPOCH" '+%F %T')" "$@"; }

# wixl takes relative paths only.
installer() {
    local name=$1 output="$PACKAGES/pkcs11-bridge-$VERSION-$1.msi"
    shift
    at_commit wixl --arch x64 "$@" -D VERSION="$VERSION" \
        -D PRODUCT_CODE="$(code "product $VERSION $name")" -D PROGRAM="${program#"$PWD/"}" \
        -D DOCUMENTS="${DOCUMENTS#"$PWD/"}" --output "$output" packaging/windows/pkcs11-bridge.wxs
    at_commit msibuild "$output" -s "pkcs11-bridge $VERSION" "$MAKER" "x64;1033" \
        "{$(code "package $VERSION $name")}"
}
installer windows-x64-user -D PER_USER=1
installer windows-x64-machine

folder=$BUILD/pkcs11-bridge-$VERSION-windows-x64
rm -rf "$folder"
mkdir -p "$folder"
install -m 644 "$program" "$DOCUMENTS"/* docs/configuration.md "$folder/"
find "$folder" -exec touch --date "@$SOURCE_DATE_EPOCH" {} +
archive=$PACKAGES/${folder##*/}.zip
rm -f "$archive"
(cd "$BUILD" && find "${folder##*/}" -type f | sort | zip -X -q -9 -@ "$archive")
