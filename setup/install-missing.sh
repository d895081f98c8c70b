#!/usr/bin/env bash
# Installs the tools that a make target needs and this machine does not have. apt installs system
# packages, with sudo if the user is not root. All other tools go into the checkout. If the machine
# has no apt, the script lists what to install by hand, and stops.
#
# Rust and Node.js are always needed. The script never installs them.
#
#   setup/install-missing.sh TOOL...          make calls it, with .tools/bin on PATH

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly WASM=wasm32-unknown-unknown
readonly WINDOWS=x86_64-pc-windows-gnu
readonly MACOS=(aarch64-apple-darwin x86_64-apple-darwin)
readonly NODE_MIN=20.19
# pkg/build.sh calls wasm-pack with --no-gitignore.
readonly WASM_PACK_MIN=0.15.1
readonly ZIGBUILD=0.24.1 ZIG=0.17.1
readonly CHROMEDRIVERS=https://googlechromelabs.github.io/chrome-for-testing

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

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# Runs a command. Shows its output only if it fails.
quietly() {
    local log
    log=$(mktemp "$logs/XXXXXX")
    if ! "$@" </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        stop "this failed: $*"
    fi
}

# The first `key = "value"` after a given line of a TOML file.
toml_value() {
    awk -v after="$2" -v key="$3" -F'"' \
        '$0 == after { on = 1 } on && $1 == key " = " { print $2; exit }' "$1"
}

rust_min() { toml_value Cargo.toml '[workspace.package]' rust-version; }
bindgen_version() { toml_value Cargo.lock 'name = "wasm-bindgen"' version; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# The folders for libraries, without macOS.
readonly LIBRARIES=({/usr/local/lib,/usr/lib/*-linux-gnu,/usr/lib64,/usr/lib})

is_there() {
    case $1 in
    rust) has cargo && has rustc && at_least "$(rust_min)" "$(rustc --version | cut -d' ' -f2)" ;;
    node) has node && has npm && at_least "v$NODE_MIN" "$(node --version)" ;;
    wasm-target) [ -d "$(rustc --print target-libdir --target $WASM)" ] ;;
    macos-targets) macos_targets_are_there ;;
    windows-target) [ -d "$(rustc --print target-libdir --target $WINDOWS)" ] ;;
    wasm-bindgen) [ "$(wasm-bindgen --version 2>&1)" = "wasm-bindgen $(bindgen_version)" ] ;;
    wasm-pack) has wasm-pack && at_least $WASM_PACK_MIN "$(wasm-pack --version | cut -d' ' -f2)" ;;
    npm-packages) [ pkg/node_modules/.package-lock.json -nt pkg/package-lock.json ] ;;
    softhsm2) softhsm_is_there ;;
    opensc) has pkcs11-tool && pcsc_is_there ;;
    p11-kit) has p11-kit && any_file "${LIBRARIES[@]/%//pkcs11/p11-kit-client.so}" ;;
    smart-cards)
        has_any pcscd /usr/sbin/pcscd && any_file /usr/lib/pcsc/drivers/serial/libifdvpcd.so &&
            any_file "${LIBRARIES[@]/%//opensc-pkcs11.so}" &&
            any_file "${LIBRARIES[@]/%//libykcs11.so}"
        ;;
    tpm2)
        has swtpm && has tpm2-abrmd && has tpm2_ptool && has dbus-daemon &&
            any_file "${LIBRARIES[@]/%//pkcs11/libtpm2_pkcs11.so}" &&
            any_file "${LIBRARIES[@]/%//libtss2-tcti-tabrmd.so.0}"
        ;;
    nss) has certutil && has pk12util ;;
    opencryptoki) has_any pkcsslotd /usr/sbin/pkcsslotd ;;
    caml-crush)
        has pkcs11proxyd && any_file "${LIBRARIES[@]/%//caml-crush/libp11clientunix.so}"
        ;;
    package-tests) has mmdebstrap && has rpm && has dpkg-deb ;;
    msi-tools) has wixl && has msibuild && has faketime && has zip && has jq ;;
    libclang) any_file /usr/lib/llvm-*/lib/libclang*.so* "${LIBRARIES[@]/%//libclang.so}" ;;
    chromium) browser_is_there && has_any chromedriver /snap/bin/chromium.chromedriver ;;
    desktop)
        has Xvfb && has xdotool && has maim && has pinentry-gtk-2 && has dbus-daemon &&
            has weston && any_file /usr/lib{exec,}/at-spi-bus-launcher && window_libraries_are_there
        ;;
    installation) has desktop-file-validate && has systemd-analyze ;;
    python-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    zigbuild) [ -x .tools/venv/bin/cargo-zigbuild ] ;;
    mingw) has x86_64-w64-mingw32-gcc && has nasm && has cmake ;;
    wine) has wine && has wineboot && has_any wineserver /usr/lib/wine/wineserver ;;
    *) has "$1" ;;
    esac
}

macos_targets_are_there() {
    local target
    for target in "${MACOS[@]}"; do
        [ -d "$(rustc --print target-libdir --target "$target")" ] || return
    done
}

# The bridge's window loads them when it opens.
window_libraries_are_there() {
    any_file "${LIBRARIES[@]/%//libEGL.so.1}" && any_file "${LIBRARIES[@]/%//libxkbcommon-x11.so.0}"
}

softhsm_is_there() {
    local folder
    for folder in "${LIBRARIES[@]}" /opt/homebrew/lib; do
        any_file "$folder"/{softhsm,pkcs11}/libsofthsm2.so && return
    done
    return 1
}

# OpenSC's module needs this library to start, even on a machine without a reader.
pcsc_is_there() { [ "$(uname)" = Darwin ] || any_file "${LIBRARIES[@]/%//libpcsclite.so.1}"; }

# chromedriver looks for the browser in the same places.
browser_is_there() {
    has_any chromium chromium-browser google-chrome /snap/bin/chromium ||
        [ -e "/Applications/Google Chrome.app" ]
}

# What a tool is for.
purpose() {
    case $1 in
    cc) echo "a C compiler and linker, needed to build Rust programs" ;;
    c++) echo "a C++ compiler, needed to build libFuzzer" ;;
    softhsm2) echo "SoftHSM, a PKCS#11 module that keeps its tokens in files" ;;
    openssl) echo "OpenSSL, which verifies signatures independently" ;;
    opensc) echo "OpenSC, whose pkcs11-tool sets up the tokens of tests" ;;
    p11-kit) echo "p11-kit, for tests and benchmarks" ;;
    smart-cards) echo "pcscd, a virtual reader, OpenSC and YKCS11, for tests with a smart card" ;;
    tpm2) echo "a TPM in software and its PKCS#11 module, for tests" ;;
    nss) echo "certutil and pk12util, which set up NSS databases for tests" ;;
    opencryptoki) echo "openCryptoki, for tests" ;;
    caml-crush) echo "caml-crush, which passes PKCS#11 calls to another process, for tests" ;;
    libclang) echo "libclang, which builds kryoptic for the conformance run" ;;
    chromium) echo "Chromium and its driver, for the tests in a browser" ;;
    desktop) echo "displays in memory, a PIN dialog, D-Bus, AT-SPI and xdotool, for tests" ;;
    installation) echo "systemd and desktop-file-utils, for the tests of the installation" ;;
    shellcheck) echo "ShellCheck, which checks the scripts" ;;
    mingw) echo "a compiler and an assembler for Windows, to build the bridge for it" ;;
    wine) echo "Wine, for tests of the bridge for Windows" ;;
    wasm-target) echo "Rust's WebAssembly target, for the npm package" ;;
    windows-target) echo "Rust's Windows target, to build the bridge for it" ;;
    macos-targets) echo "Rust's macOS targets, to check the bridge for it" ;;
    python-venv) echo "Python's virtual environments, to install zigbuild" ;;
    zigbuild) echo "cargo-zigbuild and Zig, a C compiler for macOS and older systems" ;;
    wasm-bindgen) echo "wasm-bindgen $(bindgen_version), as in Cargo.lock, for the npm package" ;;
    wasm-pack) echo "wasm-pack, which builds and tests the WebAssembly client" ;;
    npm-packages) echo "wasm-opt (binaryen) and TypeScript, from npm" ;;
    cargo-deny) echo "cargo-deny, which checks the licences and advisories of dependencies" ;;
    cargo-fuzz) echo "cargo-fuzz, which builds and runs fuzz targets" ;;
    package-tests) echo "mmdebstrap and rpm, which install packages in other systems" ;;
    msi-tools) echo "tools that write Windows installers, for the packages" ;;
    cargo-deb) echo "cargo-deb, which writes packages for Debian and Ubuntu" ;;
    cargo-generate-rpm) echo "cargo-generate-rpm, which writes packages for Fedora and others" ;;
    cargo-about) echo "cargo-about, which collects the licences of dependencies" ;;
    cargo-cyclonedx) echo "cargo-cyclonedx, which lists the components of the bridge" ;;
    esac
}

# How long cargo usually takes to build a tool, on two cores.
usual_time() {
    case $1 in
    wasm-bindgen) echo "about 2 minutes" ;;
    wasm-pack) echo "about 2 minutes" ;;
    cargo-deny | cargo-about) echo "about 3 minutes" ;;
    cargo-deb | cargo-generate-rpm | cargo-cyclonedx | zigbuild) echo "about 2 minutes" ;;
    cargo-fuzz) echo "about 30 seconds" ;;
    *) echo "a few seconds" ;;
    esac
}

debian_packages() {
    case $1 in
    cc) echo "gcc libc6-dev" ;;
    c++) echo "g++" ;;
    chromium) echo "chromium chromium-driver" ;;
    opensc) echo "opensc libpcsclite1" ;;
    p11-kit) echo "p11-kit p11-kit-modules" ;;
    smart-cards) echo "pcscd vsmartcard-vpcd opensc-pkcs11 ykcs11" ;;
    tpm2)
        echo "libtpm2-pkcs11-1 libtpm2-pkcs11-tools swtpm tpm2-abrmd libtss2-tcti-tabrmd0" \
            "libtss2-tcti-swtpm0 dbus-daemon"
        ;;
    nss) echo "libnss3-tools" ;;
    caml-crush) echo "caml-crush-server caml-crush-clients" ;;
    libclang) echo "libclang-dev make perl" ;;
    package-tests) echo "mmdebstrap rpm" ;;
    msi-tools) echo "wixl msitools faketime zip jq python3" ;;
    desktop)
        echo "xvfb xdotool maim pinentry-gtk2 weston" \
            "dbus-daemon at-spi2-core libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libxcursor1"
        ;;
    installation) echo "systemd desktop-file-utils" ;;
    python-venv) echo "python3-venv" ;;
    mingw) echo "gcc-mingw-w64-x86-64 nasm cmake" ;;
    wine) echo "wine wine64" ;;
    softhsm2 | openssl | opencryptoki | shellcheck) echo "$1" ;;
    esac
}

# Where to get a tool without apt.
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
    smart-cards)
        echo "pcscd, OpenSC, YKCS11 and vpcd: pcsc-lite opensc yubico-piv-tool (Fedora)," \
            "https://frankmorgner.github.io/vsmartcard"
        ;;
    tpm2)
        echo "swtpm, tpm2-abrmd and tpm2-pkcs11: swtpm tpm2-abrmd tpm2-pkcs11" \
            "tpm2-pkcs11-tools (Fedora)"
        ;;
    nss) echo "the tools of NSS: nss-tools (Fedora), nss (Arch, Homebrew)" ;;
    opencryptoki) echo "openCryptoki: opencryptoki (Fedora)" ;;
    caml-crush) echo "caml-crush: https://github.com/caml-pkcs11/caml-crush" ;;
    installation) echo "systemd and desktop-file-utils (Fedora, Arch)" ;;
    libclang) echo "libclang: clang-devel (Fedora), clang (Arch)" ;;
    package-tests) echo "mmdebstrap, rpm and dpkg: mmdebstrap rpm dpkg (Fedora)" ;;
    msi-tools) echo "msitools, faketime, zip and jq: msitools libfaketime zip jq (Fedora)" ;;
    chromium)
        echo "Chromium and its driver: chromium chromedriver (Fedora), chromium (Arch)," \
            "Google Chrome and the driver of its version from $CHROMEDRIVERS (macOS)"
        ;;
    desktop)
        echo "Xvfb, Weston, xdotool, maim, pinentry-gtk-2, D-Bus and AT-SPI:" \
            "xorg-x11-server-Xvfb weston xdotool maim pinentry-gtk dbus-daemon" \
            "at-spi2-core (Fedora)"
        ;;
    mingw)
        echo "MinGW-w64, NASM and CMake: mingw64-gcc nasm cmake (Fedora)," \
            "mingw-w64-gcc nasm cmake (Arch)"
        ;;
    wine) echo "Wine: wine (Fedora, Arch)" ;;
    python-venv) echo "Python 3 with ensurepip: python3 (Fedora, Homebrew), python (Arch)" ;;
    macos-targets) echo "Rust's targets ${MACOS[*]}: install Rust with rustup (https://rustup.rs)" ;;
    shellcheck) echo "ShellCheck: ShellCheck (Fedora), shellcheck (Arch, Homebrew)" ;;
    windows-target) echo "Rust's target $WINDOWS: install Rust with rustup (https://rustup.rs)" ;;
    wasm-target)
        echo "Rust's target $WASM: install Rust with rustup (https://rustup.rs)," \
            "or the package of your distribution"
        ;;
    esac
}

stop_for() {
    printf 'set-up: install this by hand, then run the same command again:\n' >&2
    local tool
    for tool in "$@"; do
        printf '  - %s\n' "$(by_hand "$tool")" >&2
    done
    exit 1
}

stop_for_root() {
    local tool packages=""
    for tool in "$@"; do packages+=" $(debian_packages "$tool")"; done
    stop "system packages are missing, and this machine has no sudo. As root, run" \
        "  apt-get install$packages" "Then run the same command again."
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# Ubuntu's packages of Chromium are empty. They install the snap.
install_browser() {
    case $(apt-cache policy chromium-driver | awk '$1 == "Candidate:" { print $2 }') in
    '' | '(none)' | *snap*)
        if has snap && snap list >/dev/null 2>&1; then
            quietly as_root snap install chromium
        else
            stop "apt has no Chromium here, and this machine has no snaps." \
                "Install Google Chrome and the chromedriver of its version ($CHROMEDRIVERS)." \
                "PATH must have both, as google-chrome and chromedriver." \
                "Then run the same command again."
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
    windows-target)
        has rustup || stop_for windows-target
        quietly rustup target add $WINDOWS
        ;;
    macos-targets)
        has rustup || stop_for macos-targets
        quietly rustup target add "${MACOS[@]}"
        ;;
    zigbuild)
        quietly python3 -m venv .tools/venv
        quietly .tools/venv/bin/pip install --disable-pip-version-check \
            "cargo-zigbuild==$ZIGBUILD" "ziglang==$ZIG"
        ;;
    # Without --locked: its lock file names versions that crates.io no longer offers. Without its
    # features: it needs TLS only for a remote browser.
    wasm-bindgen)
        from_crates_io "wasm-bindgen-cli@$(bindgen_version)" --no-default-features \
            --bin wasm-bindgen --bin wasm-bindgen-test-runner
        ;;
    # Without --locked, so that it shares the crates of wasm-bindgen.
    wasm-pack) from_crates_io wasm-pack ;;
    # Without optimisation it compares texts of licences for minutes.
    cargo-about) CARGO_PROFILE_DEV_OPT_LEVEL=2 from_crates_io "$1" --locked --features cli ;;
    cargo-deny | cargo-fuzz | cargo-deb | cargo-generate-rpm | cargo-cyclonedx)
        from_crates_io "$1" --locked
        ;;
    npm-packages) quietly npm --prefix pkg ci --no-audit --no-fund ;;
    esac
}

# The tools run for seconds, so that optimising them takes longer than it saves.
from_crates_io() {
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=.tools/target \
        quietly cargo install --debug --root .tools "$@"
}

# Installs the tools that do not come from apt. npm mostly waits for the network. cargo builds its
# tools meanwhile. rustup installs one target at a time.
install_other_tools() {
    local tool job jobs=() built=()
    for tool in "$@"; do
        say "installing $tool ($(usual_time "$tool")): $(purpose "$tool")"
        case $tool in
        npm-packages) install "$tool" & jobs+=($!) ;;
        *) built+=("$tool") ;;
        esac
    done
    for tool in ${built[@]+"${built[@]}"}; do install "$tool"; done
    for job in ${jobs[@]+"${jobs[@]}"}; do wait "$job"; done
}

# The Bash of macOS treats an empty array as unset. ${a[@]+"${a[@]}"} works there too.
main() {
    local tool hand=() system=() other=() apt_job=""
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
        install_system_packages "${system[@]}" &
        apt_job=$!
        # cargo cannot build without a linker.
        is_there cc || wait "$apt_job"
    fi
    install_other_tools ${other[@]+"${other[@]}"}
    [ -z "$apt_job" ] || wait "$apt_job"
    for tool in ${system[@]+"${system[@]}"} ${other[@]+"${other[@]}"}; do
        is_there "$tool" || stop "$tool is installed, but not found. It is $(purpose "$tool")."
    done
}

main "$@"
