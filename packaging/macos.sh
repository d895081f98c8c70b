#!/usr/bin/env bash
# Builds the package for macOS, on a Mac: an application for both kinds of processor, in an
# installer package and in a tarball. MACOS_SIGN_AS and MACOS_SIGN_INSTALLER_AS name the identities
# that sign them. Without them, the application is signed for this Mac only.
#
# Elsewhere it builds nothing, because the program is linked with Apple's frameworks.

set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/environment.sh
. packaging/environment.sh

if [ "$(uname)" != Darwin ]; then
    echo "no package for macOS: the program needs Apple's frameworks, which only a Mac has"
    exit
fi

readonly APP=$BUILD/pkcs11-bridge.app
programs=()
for target in aarch64-apple-darwin x86_64-apple-darwin; do
    cargo build --locked --profile shipped -p pkcs11-bridge --target $target
    programs+=("$BUILD/$target/shipped/pkcs11-bridge")
    check_size "$BUILD/$target/shipped/pkcs11-bridge" "macOS ($target)"
done

rm -rf "$APP"
mkdir -p "$APP/Contents/MacOS" "$APP/Contents/Resources"
sed "s/>VERSION</>$VERSION</" bridge/desktop/Info.plist >"$APP/Contents/Info.plist"
lipo -create "${programs[@]}" -output "$APP/Contents/MacOS/pkcs11-bridge"
install -m 644 "$DOCUMENTS"/* docs/configuration.md "$APP/Contents/Resources/"
codesign --force --options runtime --timestamp --sign "${MACOS_SIGN_AS:--}" "$APP"

root=$BUILD/macos-root
rm -rf "$root"
mkdir -p "$root/Applications" "$root/Library/LaunchAgents"
cp -R "$APP" "$root/Applications/"
sed "s,/usr/bin/,/Applications/pkcs11-bridge.app/Contents/MacOS/," \
    bridge/desktop/launch-agent.plist \
    >"$root/Library/LaunchAgents/org.pkcs11-bridge.pkcs11-bridge.plist"
pkgbuild --root "$root" --identifier org.pkcs11-bridge.pkcs11-bridge --version "$VERSION" \
    ${MACOS_SIGN_INSTALLER_AS:+--sign "$MACOS_SIGN_INSTALLER_AS"} \
    "$PACKAGES/pkcs11-bridge-$VERSION-macos.pkg"
tar --create --directory "$BUILD" "${APP##*/}" | gzip --no-name --best \
    >"$PACKAGES/pkcs11-bridge-$VERSION-macos.tar.gz"
