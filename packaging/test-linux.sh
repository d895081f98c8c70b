#!/usr/bin/env bash
# Installs the deb in Debian 11, which has the oldest glibc that it is for, and in Ubuntu 24.04,
# signs with the installed program, upgrades and removes it. Installs the rpm into a folder. It
# needs root, for chroot, and `make packages` before.
#
# The end-to-end tests run the installed program: they share /tmp with the system that it is in.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh
unset RUSTFLAGS CFLAGS CARGO_TARGET_DIR

readonly WINDOW=(libegl1 libgl1-mesa-dri libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0)
readonly DEB=$PACKAGES/pkcs11-bridge_${VERSION}_amd64.deb
readonly RPM=$PACKAGES/pkcs11-bridge-$VERSION-1.x86_64.rpm
for package in "$DEB" "$RPM"; do
    [ -e "$package" ] || { echo "$package is missing; run \`make packages\` first" >&2; exit 1; }
done

work=$(mktemp -d)
mounted=()
clean() {
    local at
    for at in ${mounted[@]+"${mounted[@]}"}; do umount "$at"; done
    # A mount that stays must not be emptied.
    rm -rf --one-file-system "$work"
}
trap clean EXIT

# Runs end-to-end tests on the program in a system.
run_tests() {
    local root=$1
    printf '#!/bin/sh\nexec chroot %s /usr/bin/pkcs11-bridge "$@"\n' "$root" >"$work/installed"
    chmod +x "$work/installed"
    shift
    PKCS11_BRIDGE_BIN=$work/installed PKCS11_BRIDGE_BUILD=$PWD/target/debug \
        cargo --locked test --quiet --workspace --exclude pkcs11-bridge-client \
        --exclude pkcs11-bridge-cryptoki "$@"
}

files() { (cd "$1" && find etc usr opt srv -xdev ! -name '*.cache' ! -name '__pycache__' | sort); }

# Ubuntu's keys, which Debian 13 has in a package.
ubuntu_keys() {
    mmdebstrap --quiet --variant=extract --include=ubuntu-keyring trixie "$work/keys"
    echo "$work/keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}

test_deb() {
    local name=$1 mirror=$2 root=$work/$1
    shift 2
    echo "== $name: ${DEB##*/}"
    mmdebstrap --quiet --variant=minbase --include="softhsm2,ca-certificates,$(
        IFS=,
        echo "${WINDOW[*]}"
    )" "$@" "$name" "$root" "$mirror"
    for at in dev proc tmp; do
        mount --bind "/$at" "$root/$at"
        mounted=("$root/$at" ${mounted[@]+"${mounted[@]}"})
    done
    files "$root" >"$work/before"
    cp "$DEB" "$root/root/package.deb"
    chroot "$root" dpkg --install /root/package.deb
    chroot "$root" pkcs11-bridge --version
    run_tests "$root" --test bridge -- bridge::signing
    run_tests "$root" --test desktop -- enters_the_pin_in_the_bridges_window
    # The same package with a higher version.
    dpkg-deb --raw-extract "$DEB" "$work/next"
    sed -i 's/^Version: .*/Version: 9999/' "$work/next/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$work/next" "$root/root/package.deb" >/dev/null
    rm -r "$work/next"
    chroot "$root" dpkg --install /root/package.deb
    chroot "$root" pkcs11-bridge --version
    chroot "$root" dpkg --purge pkcs11-bridge
    files "$root" >"$work/after"
    diff "$work/before" "$work/after" || { echo "the package left files behind" >&2; exit 1; }
}

test_rpm() {
    local root=$work/rpm
    echo "== ${RPM##*/}"
    mkdir "$root"
    # This system has no database of rpm, so nothing else of the rpm can be there.
    rpm --root "$root" --install --nodeps --noscripts "$RPM"
    "$root/usr/bin/pkcs11-bridge" --version
    PKCS11_BRIDGE_BIN=$root/usr/bin/pkcs11-bridge PKCS11_BRIDGE_BUILD=$PWD/target/debug \
        cargo --locked test --quiet --workspace --exclude pkcs11-bridge-client \
        --exclude pkcs11-bridge-cryptoki --test bridge -- bridge::signing
    rpm --root "$root" --erase --nodeps --noscripts pkcs11-bridge
    if find "$root/usr/bin" "$root/etc" "$root/usr/lib/systemd" -type f 2>/dev/null | grep .; then
        echo "the package left files behind" >&2
        exit 1
    fi
}

test_deb bullseye http://deb.debian.org/debian
test_deb noble http://archive.ubuntu.com/ubuntu --keyring="$(ubuntu_keys)" \
    --components=main,universe
test_rpm
echo "The packages for Linux were installed, signed, upgraded and removed."
