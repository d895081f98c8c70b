# Each target first calls setup/install-missing.sh, which installs the tools that are missing. A
# target starts at once if the machine has them all.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-windows test-packages conformance bench check fuzz pkg packages

export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/pkg/node_modules/.bin:$(PATH)

PKG_TOOLS   := cc wasm-target wasm-bindgen wasm-pack npm-packages
DEMO_TOOLS  := $(PKG_TOOLS) softhsm2
MODULES     := softhsm2 openssl opensc smart-cards p11-kit tpm2 nss \
	opencryptoki caml-crush
TEST_SYSTEM := $(MODULES) chromium desktop installation
TEST_TOOLS  := $(PKG_TOOLS) $(TEST_SYSTEM)
BENCH_TOOLS := $(DEMO_TOOLS) openssl opensc chromium p11-kit
WINDOWS_TOOLS := windows-target mingw
MACOS_TOOLS := macos-targets python-venv zigbuild
CHECK_TOOLS := cc wasm-target cargo-deny shellcheck $(WINDOWS_TOOLS) $(MACOS_TOOLS)
FUZZ_TOOLS  := cc c++ cargo-fuzz
PACKAGE_TOOLS := $(PKG_TOOLS) $(WINDOWS_TOOLS) msi-tools python-venv zigbuild cargo-deb \
	cargo-generate-rpm cargo-about cargo-cyclonedx

NEED  := @setup/install-missing.sh
CARGO := cargo --locked
BUILD := @pkg/build.sh
SIDE_BY_SIDE := @setup/side-by-side.sh
# sudo may ask for a password. Then nothing else must run beside it.
IF_SUDO = $(if $(filter 0,$(shell id -u)),,$(1))
SCRIPTS := .ci/run fuzz/run.sh packaging/*.sh packaging/debian/* pkg/build.sh setup/*.sh
CLIENT := pkcs11-bridge-client
# Code of others: we build it, and change as little of it as we can.
CRYPTOKI := pkcs11-bridge-cryptoki

# The recipe's shell looks for the driver, after set-up has installed it.
CHROMEDRIVER ?= $$(command -v chromedriver || command -v /snap/bin/chromium.chromedriver)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The demo runs the bridge as the tests do, because a release takes minutes to optimise. The bridge
# builds while the set-up builds the tools for the npm package.
# Without a display, the bridge asks in the terminal. Then the demo does not build the window.
HAS_DISPLAY = $(filter-out Linux,$(shell uname))$(DISPLAY)$(WAYLAND_DISPLAY)
DEMO_FEATURES = $(if $(HAS_DISPLAY),,--no-default-features)
demo: ## Show the playground on a throw-away token (DEMO_FLAGS=--no-open only prints its address)
	$(NEED) cc $(call IF_SUDO,softhsm2)
	@echo "demo: building the tools, the npm package and the bridge; the first time 4 to 6 minutes"
	$(SIDE_BY_SIDE) 'setup/install-missing.sh $(DEMO_TOOLS) && pkg/build.sh wasm-demo' \
		'$(CARGO) build -p pkcs11-bridge $(DEMO_FEATURES)'
	$(CARGO) run -p pkcs11-bridge $(DEMO_FEATURES) -- demo $(DEMO_FLAGS)

# Most tests wait more than they compute.
export RUST_TEST_THREADS ?= 4

# One build of all crates gives them the same features, so that each dependency is built once.
TESTED := --workspace --exclude $(CLIENT) --exclude $(CRYPTOKI)

# Wine runs programs for x86_64 only there.
HAS_WINE := $(and $(filter Linux,$(shell uname)),$(filter x86_64,$(shell uname -m)),$(or \
	$(shell command -v wine),$(shell command -v apt-get)))
TEST_WINDOWS = $(if $(HAS_WINE),$(MAKE) test-windows,\
	@echo "test: SKIPPED the tests of the bridge for Windows: there is no Wine for this system.")

test: ## Run all tests, on real tokens and in a real browser
	$(NEED) cc $(call IF_SUDO,$(TEST_SYSTEM))
	@echo "test: building the tools, the npm package and all tests; the first time usually 6 minutes"
	$(SIDE_BY_SIDE) 'setup/install-missing.sh $(TEST_TOOLS) && pkg/build.sh' \
		'$(CARGO) build $(TESTED) --lib --bins --tests'
	@echo "test: running the tests, usually 8 minutes"
	PKCS11_BRIDGE_BUILD=$(BUILD_FOLDER)/debug \
		CHROMEDRIVER=$(CHROMEDRIVER) $(CARGO) test --no-fail-fast $(TESTED)
	npm --prefix pkg run test:types
	$(TEST_WINDOWS)
	@echo "All tests passed: the crates, the fuzz corpus, end to end, in Chromium, TypeScript types."

# What runs on Windows: the bridge, and what its tests load there.
WINDOWS_CRATES := $(addprefix -p pkcs11-bridge-,certificate dialog protocol \
	$(addprefix test-,module relay rules software-token))
WINDOWS := --target x86_64-pc-windows-gnu -p pkcs11-bridge $(WINDOWS_CRATES)
BUILD_FOLDER := $(abspath $(or $(CARGO_TARGET_DIR),target))

test-windows: ## Run the tests of the bridge for Windows, under Wine
	$(NEED) cc $(WINDOWS_TOOLS) wine openssl desktop
	@echo "test-windows: building the bridge for Windows; the first time usually 5 minutes"
	$(CARGO) build $(WINDOWS) --lib --bins --tests
	$(CARGO) build $(TESTED) --lib --bins --test windows
	PKCS11_BRIDGE_WINDOWS_BUILD=$(BUILD_FOLDER)/x86_64-pc-windows-gnu/debug \
		PKCS11_BRIDGE_BUILD=$(BUILD_FOLDER)/debug \
		CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine \
		setup/in-wine.sh bash -c '$(CARGO) test --no-fail-fast $(WINDOWS) --lib && \
			$(CARGO) test --no-fail-fast $(TESTED) --test windows'
	@echo "All tests of the bridge for Windows passed, under Wine."

# kryoptic has a workspace of its own, because it builds its own OpenSSL.
FAMILIES ?=
KRYOPTIC := $(abspath target)/kryoptic

conformance: ## Run one script of checks on many PKCS#11 modules, and print a table (FAMILIES=names)
	$(NEED) cc $(call IF_SUDO,$(MODULES) libclang)
	@echo "conformance: building kryoptic and its OpenSSL; the first time usually 12 minutes"
	cd tests/kryoptic && CARGO_TARGET_DIR=$(KRYOPTIC) $(CARGO) build
	$(CARGO) build $(TESTED) --lib --bins
	PKCS11_BRIDGE_BUILD=$(abspath $(or $(CARGO_TARGET_DIR),target))/debug \
		PKCS11_BRIDGE_KRYOPTIC=$(KRYOPTIC)/debug \
		$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/conformance $(FAMILIES)

BENCH ?= *

# Each benchmark is a file in tests/benches. The load run fails if a result is wrong. The speed run
# prints the targets that it misses. Time inside the bridge needs a build of its own, which is never
# released.
bench: ## Measure the released bridge on SoftHSM tokens (BENCH=speed or load, LOAD_SECONDS=60)
	$(NEED) $(BENCH_TOOLS)
	$(BUILD)
	$(CARGO) build --release -p pkcs11-bridge --features measure
	@mkdir -p target/bench && cp target/release/pkcs11-bridge target/bench/pkcs11-bridge-measured
	$(CARGO) build --release -p pkcs11-bridge
	CHROMEDRIVER=$(CHROMEDRIVER) PKCS11_BRIDGE_BIN=$(CURDIR)/target/release/pkcs11-bridge \
		$(CARGO) bench -p pkcs11-bridge-tests --bench '$(BENCH)'

# The help texts of the command line are doc comments with bare URLs.
RUSTDOCFLAGS := -D warnings -A rustdoc::bare_urls

# Zig compiles the C code for macOS. Nothing is linked, which would need Apple's SDK. The other
# target, x86_64-apple-darwin, takes as long again and finds the same.
MACOS_TARGETS ?= aarch64-apple-darwin
MACOS := $(addprefix --target ,$(MACOS_TARGETS)) \
	-p pkcs11-bridge $(addprefix -p pkcs11-bridge-,certificate dialog protocol)

check: ## Check format, line width, lints, documentation, dependencies and scripts
	$(NEED) cc $(call IF_SUDO,shellcheck)
	@echo "check: building the tools and running the lints, the first time usually 5 minutes"
	cargo fmt --all --check
	cargo fmt --manifest-path tests/kryoptic/Cargo.toml --check
	setup/check-line-width.sh
	$(SIDE_BY_SIDE) 'setup/install-missing.sh $(CHECK_TOOLS)' \
		'$(CARGO) clippy $(TESTED) --all-targets -- -D warnings'
	$(CARGO) clippy -p $(CLIENT) -p pkcs11-bridge-verifier -p pkcs11-bridge-protocol \
		--target wasm32-unknown-unknown --all-targets -- -D warnings
	$(CARGO) clippy $(WINDOWS) --all-targets -- -D warnings
	PATH="$(CURDIR)/.tools/venv/bin:$$PATH" cargo-zigbuild clippy --locked $(MACOS) \
		--all-targets -- -D warnings
	RUSTDOCFLAGS="$(RUSTDOCFLAGS)" $(CARGO) doc --workspace --exclude $(CRYPTOKI) --no-deps
	setup/check-dependencies.sh
	shellcheck -x $(SCRIPTS)
	@echo "All checks passed."

fuzz: ## Fuzz the decoders (FUZZ_SECONDS=60 in all, FUZZ_TARGET=name, FUZZ_INPUT=file to run once)
	$(NEED) $(FUZZ_TOOLS)
	fuzz/run.sh $(FUZZ_TARGET) $(FUZZ_INPUT)

pkg: ## Build the npm package into pkg/dist and print its size
	$(NEED) $(PKG_TOOLS)
	$(BUILD)

PACKAGES ?=
packages: ## Build the installable packages into target/packages (PACKAGES="linux windows npm")
	$(NEED) cc $(call IF_SUDO,mingw msi-tools python-venv)
	@echo "packages: building the tools and the released bridge twice; the first time 30 minutes"
	$(NEED) $(PACKAGE_TOOLS)
	packaging/build.sh $(PACKAGES)

test-packages: ## Install the packages in Debian 11, in Ubuntu 24.04 and under Wine, and remove them
	$(NEED) cc $(call IF_SUDO,package-tests wine $(TEST_SYSTEM))
	@echo "test-packages: building the tests; make packages must have built the packages"
	$(NEED) package-tests wine $(TEST_SYSTEM)
	$(CARGO) build $(TESTED) --lib --bins --tests
	packaging/test-linux.sh
	setup/in-wine.sh packaging/test-windows.sh
