#!/usr/bin/env bash
# Installs both Windows installers under Wine, runs the installed program, upgrades and removes it.
# It needs `make packages` before. setup/in-wine.sh calls it, with a prefix of its own.
#
#   setup/in-wine.sh packaging/test-windows.sh

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

readonly RUN='Software\Microsoft\Windows\CurrentVersion\Run'

has_key() { wine reg query "$1" ${2:+/v "$2"} >/dev/null 2>&1; }

# Fails unless the installer brings program, start and launch link, and takes all away again.
test_installer() {
    local kind=$1 hive=$2 folder=$3
    local msi=$PACKAGES/pkcs11-bridge-$VERSION-windows-x64-$kind.msi
    local program=$WINEPREFIX/drive_c/$folder/pkcs11-bridge/pkcs11-bridge.exe
    echo "== ${msi##*/}"
    for way in install again; do
        wine msiexec /i "$(winepath --windows "$msi")" /qn
        [ -e "$program" ] || { echo "$way: $program is missing" >&2; exit 1; }
        wine "$program" --version
        has_key "$hive\\$RUN" pkcs11-bridge || { echo "$way: nothing starts it" >&2; exit 1; }
        has_key "$hive\\Software\\Classes\\pkcs11-bridge" || { echo "$way: no link" >&2; exit 1; }
    done
    wine msiexec /x "$(winepath --windows "$msi")" /qn
    if [ -e "${program%/*}" ] || has_key "$hive\\$RUN" pkcs11-bridge ||
        has_key "$hive\\Software\\Classes\\pkcs11-bridge"; then
        echo "the installer left something behind" >&2
        exit 1
    fi
}

test_installer user HKCU "users/$(id -un)/AppData/Local/Programs"
test_installer machine HKLM "Program Files"
echo "The installers for Windows were installed, run and removed under Wine."
