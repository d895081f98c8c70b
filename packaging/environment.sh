# shellcheck shell=bash disable=SC2034
# What all scripts of this folder share: the version, the folders, and what makes builds repeatable.

VERSION=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
PACKAGES=$PWD/target/packages
BUILD=$PWD/target/packages/build
DOCUMENTS=$PACKAGES/documents
# The most bytes that a bridge with its dialogs should have.
SIZE_LIMIT=15000000

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export LC_ALL=C TZ=UTC
umask 022

# Paths would tell who built the program, and differ from machine to machine.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rust_home=$(rustc --print sysroot)
export RUSTFLAGS="--remap-path-prefix=$PWD=pkcs11-bridge --remap-path-prefix=$cargo_home=cargo\
 --remap-path-prefix=$rust_home=rust"
export CFLAGS="-g0 -ffile-prefix-map=$PWD=pkcs11-bridge -ffile-prefix-map=$cargo_home=cargo"
export CARGO_TARGET_DIR=$BUILD

# Says how large a program is, and whether it is larger than it should be.
check_size() {
    local size
    size=$(stat -c %s "$1")
    echo "${1##*/} of $2: $(awk "BEGIN { printf \"%.2f MB\", $size / 1000000 }")"
    if [ "$size" -gt "$SIZE_LIMIT" ]; then
        echo "LARGER THAN IT SHOULD BE: the limit is $SIZE_LIMIT bytes" >&2
    fi
}

# Packs a folder: its files belong to root, and have the date of the commit.
tarball() {
    tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --directory "$(dirname "$1")" "$(basename "$1")" | gzip --no-name --best >"$2"
}
