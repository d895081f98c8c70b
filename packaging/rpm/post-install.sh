# Lets systemd listen for the bridge in each user's session. $1 is 1 if this is no upgrade.
if [ "$1" = 1 ] && command -v systemctl >/dev/null; then
    systemctl --global enable pkcs11-bridge.socket >/dev/null 2>&1 || :
fi
