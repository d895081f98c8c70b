#!/usr/bin/env bash
# Runs a command with a Wine prefix and a display of its own. Afterwards ends what still runs in
# the prefix, and removes it.
#
#   setup/in-wine.sh COMMAND ARGUMENT...

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

WINEPREFIX=$(mktemp -d -t pkcs11-bridge-wine-XXXXXX)
# Wine's own messages are about Wine. Mono and Gecko are not needed, and Wine must not ask for them.
export WINEPREFIX WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES='mscoree,mshtml='
WINESERVER=$(command -v wineserver || echo /usr/lib/wine/wineserver)

remove_prefix() {
    "$WINESERVER" -k || true
    "$WINESERVER" -w || true
    kill "$xvfb" || true
    wait "$xvfb" || true
    rm -rf "$WINEPREFIX"
}
trap remove_prefix EXIT

exec {display}< <(exec Xvfb -displayfd 1 -screen 0 1024x768x24 -nolisten tcp -noreset 2>&1)
xvfb=$!
read -r -u "$display" DISPLAY
export DISPLAY=":$DISPLAY"

wineboot --init >/dev/null 2>&1
x86_64-w64-mingw32-gcc -shared -O2 -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
    tests/wine/bcryptprimitives.c -ladvapi32

"$@"
