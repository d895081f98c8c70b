# $1 is 0 if this is no upgrade.
if [ "$1" = 0 ]; then
    if command -v systemctl >/dev/null; then
        systemctl --global disable pkcs11-bridge.socket >/dev/null 2>&1 || :
    fi
    echo "pkcs11-bridge: what users have allowed stays in ~/.local/state/pkcs11-bridge," \
        "their settings in ~/.config/pkcs11-bridge."
fi
