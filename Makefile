# wasmkc: `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

WKC_START := $(or $(WKC_START),$(shell date +%s))
export WKC_START
STEP := scripts/step

# The kernel that the VM boots decides what the module is built for.
KVER := $(shell awk '$$1 == "x86_64" && $$2 == "6.12" && $$3 == "headers" { sub("linux-headers-", "", $$4); print $$4 }' vm/kernels.lock)
KDIR := /usr/src/linux-headers-$(KVER)
CLANG ?= clang-19
CARGO ?= cargo
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

help:
	@echo 'make demo       builds all, boots a stock kernel in QEMU, filters real traffic there'
	@echo 'make test       all tests, those in the VM too'
	@echo 'make spec       the official WebAssembly suite, on the host and in the kernel'
	@echo 'make build      kmod, cli and examples'
	@echo 'make setup      installs what is missing (as root; else says how)'
	@echo 'make kmod       build/kmod/wasmkc.ko for kernel $(KVER)'
	@echo 'make cli        build/bin/wasmkc'
	@echo 'make examples   build/examples/*.wasm'
	@echo 'make scenarios  build/scenarios: what the tests in the VM use'
	@echo 'make clean      removes build/ and target/, but for the kernel packages'

setup:
	@$(STEP) 'what the build needs' scripts/setup

kmod: setup
	@$(STEP) 'kernel module for $(KVER)' $(MAKE) -s -C loader-kmod KVER=$(KVER) O=$(abspath build/kmod)

cli: setup
	@$(STEP) 'wasmkc' $(CARGO) build --locked --release -p wasmkc
	@mkdir -p build/bin && install -C $(RELEASE)/wasmkc build/bin/wasmkc

examples: setup
	@$(STEP) 'example filters' examples/build.sh

build: kmod cli examples

# What sends traffic and what writes packets, the module that walks page tables, eBPF programs to compare with; then prepare.sh fills the folder.
scenarios: build
	@$(STEP) 'traffic and packets' $(CARGO) build --locked --release -p wasmkc-tests --bins
	@install -C $(RELEASE)/wkc-traffic $(RELEASE)/wkc-packets build/bin
	@mkdir -p build/wxwalk build/scenarios && cp -u tests/kmod/* build/wxwalk/
	@$(STEP) 'page table walker' $(MAKE) -s -C $(KDIR) M=$(abspath build/wxwalk) modules
	@for source in tests/ebpf/*.c; do \
		$(CLANG) -target bpf -O2 -g -Wall -Werror -I/usr/include/x86_64-linux-gnu \
			-c "$$source" -o "build/scenarios/$$(basename "$$source" .c).bpf.o"; \
	done
	@$(STEP) 'signed filters' tests/prepare.sh $(KDIR)/scripts/sign-file
	@$(STEP) 'filters that fault' tests/plant.sh $(KDIR)/scripts/sign-file
	@$(STEP) 'kernel module with a key' $(MAKE) -s -C loader-kmod KVER=$(KVER) O=$(abspath build/kmod-keys) \
		KEYS=$(abspath build/scenarios/test.crt)

# The official suite on the host and in the kernel; build/spec.xml and build/spec-kernel.xml are the reports as JUnit XML.
spec: kmod cli
	@$(STEP) 'wkc-spec' $(CARGO) build --locked --release -p wasmkc-tests --bin wkc-spec
	@install -C $(RELEASE)/wkc-spec build/bin
	@$(STEP) 'official suite on the host' build/bin/wkc-spec --junit build/spec.xml
	@$(STEP) 'official suite in the kernel' tests/spec.sh

test: scenarios
	@scripts/test

demo: scenarios
	@$(STEP) 'demonstration in the VM' vm/run --timeout 300 --dir build/scenarios -- sh /host/demo.sh

clean:
	@if [ -d loader-kmod/kobj/target ]; then rm -rf loader-kmod/kobj/target; fi
	@find build -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} + 2>/dev/null || true
	@find build/vm -mindepth 1 -maxdepth 1 ! -name deb -exec rm -rf {} + 2>/dev/null || true
	@$(CARGO) clean --quiet

.PHONY: help setup kmod cli examples build scenarios spec test demo clean
.NOTPARALLEL:
