# Each target does its own set-up first: setup/install-missing.sh looks for the tools that it needs
# and installs the missing ones. A second run finds them all and starts at once.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench check fuzz pkg

export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/pkg/node_modules/.bin:$(PATH)

PKG_TOOLS   := cc wasm-target wasm-bindgen npm-packages
DEMO_TOOLS  := $(PKG_TOOLS) softhsm2
TEST_TOOLS  := $(DEMO_TOOLS) openssl opensc chromium desktop wasm-pack
BENCH_TOOLS := $(DEMO_TOOLS) openssl opensc chromium p11-kit
CHECK_TOOLS := $(PKG_TOOLS) cargo-deny shellcheck
FUZZ_TOOLS  := cc c++ cargo-fuzz

NEED  := @setup/install-missing.sh
CARGO := cargo --locked
BUILD := @pkg/build.sh
SCRIPTS := .ci/run fuzz/run.sh pkg/build.sh setup/*.sh

# Looked for by the recipe's shell, when it has been installed.
CHROMEDRIVER ?= $$(command -v chromedriver || command -v /snap/bin/chromium.chromedriver)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show the playground in a browser, on a throw-away token (DEMO_FLAGS=--no-open: only print its address)
	$(NEED) $(DEMO_TOOLS)
	$(BUILD)
	$(CARGO) run --release -p pkcs11-bridge -- demo $(DEMO_FLAGS)

# Most tests wait for something rather than compute.
export RUST_TEST_THREADS ?= 4

test: ## Run all tests, on real tokens and in a real browser
	$(NEED) $(TEST_TOOLS)
	$(BUILD)
	$(CARGO) test --workspace --exclude pkcs11-bridge-client --exclude pkcs11-bridge-tests --exclude pkcs11-bridge-fuzz
	$(CARGO) test -p pkcs11-bridge-fuzz
	CHROMEDRIVER=$(CHROMEDRIVER) $(CARGO) test --no-fail-fast -p pkcs11-bridge-tests
	npm --prefix pkg run test:types
	@echo "All tests passed: protocol, bridge, the corpus of the fuzz targets, end to end on SoftHSM tokens, in Chromium, and the TypeScript types."

BENCH ?= *

# Each benchmark is a file in tests/benches. The load run fails where something came out that must not; a target of
# speed that is missed is printed. What tells where its time goes is a build of its own, and never the one released.
bench: ## Measure the bridge as it is released, on SoftHSM tokens (BENCH=speed or load for one, LOAD_SECONDS=60)
	$(NEED) $(BENCH_TOOLS)
	$(BUILD)
	$(CARGO) build --release -p pkcs11-bridge --features measure
	@mkdir -p target/bench && cp target/release/pkcs11-bridge target/bench/pkcs11-bridge-measured
	$(CARGO) build --release -p pkcs11-bridge
	CHROMEDRIVER=$(CHROMEDRIVER) PKCS11_BRIDGE_BIN=$(CURDIR)/target/release/pkcs11-bridge \
		$(CARGO) bench -p pkcs11-bridge-tests --bench '$(BENCH)'

# The comments of the command line's options are its help text, where an address stands bare.
RUSTDOCFLAGS := -D warnings -A rustdoc::bare_urls

# cargo-deny fetches the list of known advisories. Where that cannot be reached, the rest is checked with
# make check DENY_CHECKS="bans licenses sources".
check: ## Check format, lints, documentation, dependencies and scripts
	$(NEED) $(CHECK_TOOLS)
	$(BUILD)
	cargo fmt --all --check
	$(CARGO) clippy --workspace --exclude pkcs11-bridge-client --all-targets -- -D warnings
	$(CARGO) clippy -p pkcs11-bridge-client -p pkcs11-bridge-protocol --target wasm32-unknown-unknown --all-targets -- -D warnings
	RUSTDOCFLAGS="$(RUSTDOCFLAGS)" $(CARGO) doc --workspace --no-deps
	cargo deny --locked check $(DENY_CHECKS)
	shellcheck $(SCRIPTS)
	@echo "All checks passed$(if $(DENY_CHECKS),; of the dependencies only: $(DENY_CHECKS))."

fuzz: ## Fuzz what reads a peer's bytes (FUZZ_SECONDS=60 in all, FUZZ_TARGET=name for one, FUZZ_INPUT=file to read that once)
	$(NEED) $(FUZZ_TOOLS)
	fuzz/run.sh $(FUZZ_TARGET) $(FUZZ_INPUT)

pkg: ## Build the npm package into pkg/dist and print its size
	$(NEED) $(PKG_TOOLS)
	$(BUILD)
