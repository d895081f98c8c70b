#!/usr/bin/env bash
# Sees to it that the tools a make target names are there. It looks for each one itself, every
# time, and installs only what is missing: system packages with apt (sudo where not root), all else
# inside the checkout. Where there is no apt it says what to install by hand, and stops.
#
# Rust and Node.js are always needed, and never installed.
#
#   setup/install-missing.sh TOOL...          called by make, which puts .tools/bin on PATH

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly WASM=wasm32-unknown-unknown
readonly NODE_MIN=18

say() { printf 'set-up: %s\n' "$*"; }
stop() {
    printf 'set-up: %s\n' "$@" >&2
    exit 1
}
has() { command -v "$1" >/dev/null; }
has_any() { command -v "$@" >/dev/null; }
any_file() {
    local file
    for file in "$@"; do
        [ -e "$file" ] && return
    done
    return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command without its chatter, which is shown where it fails.
quietly() {
    if ! "$@" </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        stop "this failed: $*"
    fi
}

# The value of `key = "value"` that comes first after a line of a TOML file.
toml_value() { awk -v after="$2" -v key="$3" -F'"' '$0 == after { on = 1 } on && $1 == key " = " { print $2; exit }' "$1"; }

rust_min() { toml_value Cargo.toml '[workspace.package]' rust-version; }
bindgen_version() { toml_value Cargo.lock 'name = "wasm-bindgen"' version; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

is_there() {
    case $1 in
    rust) has cargo && has rustc && at_least "$(rust_min)" "$(rustc --version | cut -d' ' -f2)" ;;
    node) has node && has npm && at_least "v$NODE_MIN" "$(node --version)" ;;
    wasm-target) [ -d "$(rustc --print target-libdir --target $WASM)" ] ;;
    wasm-bindgen) [ "$(wasm-bindgen --version 2>&1)" = "wasm-bindgen $(bindgen_version)" ] ;;
    npm-packages) [ pkg/node_modules/.package-lock.json -nt pkg/package-lock.json ] ;;
    softhsm2) any_file {/usr/local/lib,/usr/lib/*-linux-gnu,/usr/lib64,/usr/lib,/opt/homebrew/lib}/{softhsm,pkcs11}/libsofthsm2.so ;;
    opensc) has pkcs11-tool && pcsc_is_there ;;
    p11-kit) has p11-kit && any_file {/usr/lib/*-linux-gnu,/usr/lib64,/usr/lib}/pkcs11/p11-kit-client.so ;;
    chromium) browser_is_there && has_any chromedriver /snap/bin/chromium.chromedriver ;;
    desktop) has Xvfb && has xdotool && has maim && has pinentry-gtk-2 ;;
    *) has "$1" ;;
    esac
}

# Without a library for readers, if only without a reader, the module of OpenSC does not start.
pcsc_is_there() { [ "$(uname)" = Darwin ] || any_file {/usr/local/lib,/usr/lib/*-linux-gnu,/usr/lib64,/usr/lib}/libpcsclite.so.1; }

# Where a driver looks for it too.
browser_is_there() {
    has_any chromium chromium-browser google-chrome /snap/bin/chromium ||
        [ -e "/Applications/Google Chrome.app" ]
}

# What a tool is for.
purpose() {
    case $1 in
    cc) echo "a C compiler and linker, which Rust programs are built with" ;;
    c++) echo "a C++ compiler, which libFuzzer is built with" ;;
    softhsm2) echo "SoftHSM, a PKCS#11 module that keeps its tokens in files" ;;
    openssl) echo "OpenSSL, which checks signatures independently" ;;
    opensc) echo "OpenSC, whose pkcs11-tool sets up the tokens of tests" ;;
    p11-kit) echo "p11-kit, whose server the bridge is measured beside" ;;
    chromium) echo "Chromium and its driver, for the tests in a browser" ;;
    desktop) echo "an X server in memory with a real PIN dialog, typed into by xdotool and pictured by maim" ;;
    shellcheck) echo "ShellCheck, which checks the scripts" ;;
    wasm-target) echo "Rust's WebAssembly target, for the npm package" ;;
    wasm-bindgen) echo "wasm-bindgen $(bindgen_version), as Cargo.lock has it, for the npm package" ;;
    wasm-pack) echo "wasm-pack, which runs tests of WebAssembly in a browser" ;;
    npm-packages) echo "wasm-opt (binaryen) and TypeScript, from npm" ;;
    cargo-deny) echo "cargo-deny, which checks the dependencies' licences and advisories" ;;
    cargo-fuzz) echo "cargo-fuzz, which builds and runs fuzz targets" ;;
    esac
}

debian_packages() {
    case $1 in
    cc) echo "gcc libc6-dev" ;;
    c++) echo "g++" ;;
    chromium) echo "chromium chromium-driver" ;;
    opensc) echo "opensc libpcsclite1" ;;
    p11-kit) echo "p11-kit p11-kit-modules" ;;
    desktop) echo "xvfb xdotool maim pinentry-gtk2" ;;
    softhsm2 | openssl | shellcheck) echo "$1" ;;
    esac
}

# Where to get what apt does not bring.
by_hand() {
    case $1 in
    rust) echo "Rust $(rust_min) or later, with rustup: https://rustup.rs" ;;
    node) echo "Node.js $NODE_MIN or later, with npm: https://nodejs.org" ;;
    cc) echo "a C compiler: gcc (Fedora, Arch), xcode-select --install (macOS)" ;;
    c++) echo "a C++ compiler: gcc-c++ (Fedora), gcc (Arch), xcode-select --install (macOS)" ;;
    softhsm2) echo "SoftHSM 2: softhsm (Fedora, Arch, Homebrew)" ;;
    openssl) echo "OpenSSL: openssl (Fedora, Arch, Homebrew)" ;;
    opensc) echo "OpenSC: opensc (Fedora, Homebrew), opensc and pcsclite (Arch)" ;;
    p11-kit) echo "p11-kit with its server: p11-kit p11-kit-server (Fedora), p11-kit (Arch)" ;;
    chromium) echo "Chromium and its driver: chromium chromedriver (Fedora), chromium (Arch), Google Chrome with the driver of its version from https://googlechromelabs.github.io/chrome-for-testing (macOS)" ;;
    desktop) echo "Xvfb, xdotool, maim and pinentry-gtk-2: xorg-x11-server-Xvfb xdotool maim pinentry-gtk (Fedora)" ;;
    shellcheck) echo "ShellCheck: ShellCheck (Fedora), shellcheck (Arch, Homebrew)" ;;
    wasm-target) echo "Rust's target $WASM: install Rust with rustup (https://rustup.rs), or your distribution's package of it" ;;
    esac
}

stop_for() {
    printf 'set-up: this has to be installed by hand; then run the same command again:\n' >&2
    local tool
    for tool in "$@"; do
        printf '  - %s\n' "$(by_hand "$tool")" >&2
    done
    exit 1
}

stop_for_root() {
    local tool packages=""
    for tool in "$@"; do packages+=" $(debian_packages "$tool")"; done
    stop "system packages are missing, and there is no sudo. As root, run" "  apt-get install$packages" \
        "and then the same command again."
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# Ubuntu's packages of Chromium are empty and install the snap, where there are snaps.
install_browser() {
    case $(apt-cache policy chromium-driver | awk '$1 == "Candidate:" { print $2 }') in
    '' | '(none)' | *snap*)
        if has snap && snap list >/dev/null 2>&1; then
            quietly as_root snap install chromium
        else
            stop "apt has no Chromium here, and there are no snaps. Install Google Chrome with the chromedriver" \
                "of its version (https://googlechromelabs.github.io/chrome-for-testing), both on PATH as" \
                "google-chrome and chromedriver; then run the same command again."
        fi
        ;;
    *) apt install --no-install-recommends chromium chromium-driver ;;
    esac
}

install_system_packages() {
    local tool packages=()
    apt update
    for tool in "$@"; do
        if [ "$tool" = chromium ]; then
            install_browser
        else
            # A tool may be several packages.
            # shellcheck disable=SC2207
            packages+=($(debian_packages "$tool"))
        fi
    done
    [ ${#packages[@]} = 0 ] || apt install --no-install-recommends "${packages[@]}"
}

install() {
    case $1 in
    wasm-target)
        has rustup || stop_for wasm-target
        quietly rustup target add $WASM
        ;;
    # Without --locked: its own lock file names versions that cannot always be had.
    wasm-bindgen) from_crates_io wasm-bindgen-cli --version "$(bindgen_version)" ;;
    wasm-pack | cargo-deny | cargo-fuzz) from_crates_io "$1" --locked ;;
    npm-packages) quietly npm --prefix pkg ci --no-audit --no-fund ;;
    esac
}

from_crates_io() { quietly cargo install --root .tools "$@"; }

# An empty array counts as unset in the Bash of macOS, hence ${a[@]+"${a[@]}"} below.
main() {
    local tool hand=() system=() other=()
    for tool in rust node; do
        is_there "$tool" || hand+=("$tool")
    done
    [ ${#hand[@]} = 0 ] || stop_for "${hand[@]}"

    for tool in "$@"; do
        is_there "$tool" && continue
        if [ -n "$(debian_packages "$tool")" ]; then system+=("$tool"); else other+=("$tool"); fi
    done
    if [ ${#system[@]} != 0 ]; then
        has apt-get || stop_for "${system[@]}"
        [ "$(id -u)" = 0 ] || has sudo || stop_for_root "${system[@]}"
        for tool in "${system[@]}"; do
            say "installing $(debian_packages "$tool"): $(purpose "$tool")"
        done
        install_system_packages "${system[@]}"
    fi
    for tool in ${other[@]+"${other[@]}"}; do
        say "installing $tool: $(purpose "$tool")"
        install "$tool"
    done
    for tool in ${system[@]+"${system[@]}"} ${other[@]+"${other[@]}"}; do
        is_there "$tool" || stop "$tool was installed, and is still not found. It is $(purpose "$tool")."
    done
}

main "$@"
