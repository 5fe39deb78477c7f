# wasmkc: `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

WKC_START := $(or $(WKC_START),$(shell date +%s))
export WKC_START
STEP := scripts/step

# This machine, as Debian names it.
HERE := $(shell uname -m | sed 's/^arm.*/armhf/')
# The machine and the kernel that the VM boots decide what is built: a row of vm/kernels.lock, MACHINE/KERNEL.
ON ?= $(HERE)/6.12
# What make test boots beside the default: the other machine with native code, and the other kernel.
ALSO ?= $(if $(filter-out x86_64/6.12,$(ON)),,aarch64/6.1)
ON_MACHINE := $(firstword $(subst /, ,$(ON)))
ON_LINE := $(lastword $(subst /, ,$(ON)))
ON_SUFFIX := $(if $(filter-out x86_64/6.12,$(ON)),-$(ON_MACHINE)-$(ON_LINE))
FETCH := vm/fetch-kernel --arch $(ON_MACHINE) --kernel $(ON_LINE)
KVER := $(shell awk '$$1 == "$(ON_MACHINE)" && $$2 == "$(ON_LINE)" && $$3 == "headers" { sub("linux-headers-", "", $$4); print $$4 }' vm/kernels.lock)
KDIR = $(if $(ON_SUFFIX),$(shell $(FETCH) headers),/usr/src/linux-headers-$(LOCKED))
# What is built for a kernel that is not there ends here; the command and an installed kernel's module need none.
LOCKED = $(or $(KVER),$(error ON=$(ON): vm/kernels.lock has no such kernel))
KMOD_FOR_VM = $(MAKE) -s -C loader-kmod KVER=$(LOCKED) KDIR=$(KDIR) CORE=$(abspath build/core-$(ON_MACHINE)) \
	$(if $(ON_SUFFIX),BTF=$(shell $(FETCH) btf))
KMOD := build/kmod$(ON_SUFFIX)
SCENARIOS := build/scenarios$(ON_SUFFIX)

# Of the machine in the VM, where that is another one than this: its name, its compiler's prefix, Rust's name of it.
CROSS := $(filter-out $(HERE),$(ON_MACHINE))
CROSS_COMPILE := $(if $(CROSS),$(if $(filter armhf,$(CROSS)),arm-linux-gnueabihf-,$(CROSS)-linux-gnu-))
CROSS_TARGET := $(if $(filter armhf,$(CROSS)),armv7-unknown-linux-gnueabihf,$(CROSS)-unknown-linux-gnu)
# The machines that make test-matrix boots.
MATRIX := x86_64/6.12 x86_64/6.1 aarch64/6.12 aarch64/6.1 armhf/6.12 s390x/6.12
VM_BIN := build/bin$(addprefix -,$(CROSS))
VM_PROGRAMS := wasmkc wkc-traffic wkc-packets wkc-control
CLANG ?= clang-19
CARGO ?= cargo
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

help:
	@echo 'make demo       builds all, boots a stock kernel in QEMU, filters real traffic there'
	@echo 'make test       all tests, those in the VM too, there on $(ON)$(if $(ALSO), $(addprefix and ,$(ALSO)))'
	@echo 'make test-matrix  one object on every machine that the VM can be: x86_64, aarch64, armhf, s390x'
	@echo 'make spec       the official WebAssembly suite, on the host and in the kernel'
	@echo 'make fuzz       random modules against wasmtime, for SECONDS (3600) from SEED (0) on; keeps what differs'
	@echo 'make bench      filters in wasmkc, native code, eBPF, wasmtime and wasmi, measured side by side; BENCH=OPTIONS'
	@echo 'make bench-compile  time and memory of `wasmkc build`; BENCH=OPTIONS'
	@echo 'make bench-kernel  instructions a packet in the kernel, in the VM: wasmkc beside eBPF; BENCH=OPTIONS'
	@echo 'make build      kmod, cli and examples'
	@echo 'make setup      installs what is missing (as root; else says how)'
	@echo 'make kmod       $(KMOD)/wasmkc.ko for kernel $(KVER)'
	@echo 'make cli        build/bin/wasmkc'
	@echo 'make vm-programs  with ON: the command and what tests use, for that machine'
	@echo 'make examples   build/examples/*.wasm'
	@echo 'make scenarios  build/scenarios: what the tests in the VM use'
	@echo 'make install    wasmkc, its manual and completions, and the module for the running kernel (as root);'
	@echo '                install-cli, install-kmod: one of them; uninstall removes them. PREFIX, DESTDIR, KERNEL'
	@echo 'ON=aarch64/6.12  with kmod, scenarios and test: the machine and the kernel in the VM (default $(HERE)/6.12)'
	@echo 'make clean      removes build/ and target/, but for the kernel packages'

setup:
	@$(STEP) 'what the build needs' scripts/setup

# Only what these parts of the build need: setup-cli-kmod
setup-%:
	@scripts/setup $(subst -, ,$*)

kmod: setup-kmod-vm$(addprefix -,$(CROSS))
	@$(STEP) 'kernel module for $(KVER)' $(KMOD_FOR_VM) O=$(abspath $(KMOD))

cli: setup-cli
	@$(STEP) 'wasmkc' $(CARGO) build --locked --release -p wasmkc
	@mkdir -p build/bin && install -C $(RELEASE)/wasmkc build/bin/wasmkc

examples: setup-examples
	@$(STEP) 'example filters' examples/build.sh

# The command and the test programs for the machine in the VM.
vm-programs: $(if $(CROSS),setup-cli-$(CROSS),cli)
	@$(STEP) 'traffic and packets' $(CARGO) build --locked --release -p wasmkc-tests -p wkc-traffic --bins
	@mkdir -p build/bin $(VM_BIN)
	@install -C $(addprefix $(RELEASE)/wkc-,traffic packets control wat join) build/bin
	@$(if $(CROSS),$(STEP) 'programs for $(CROSS)' scripts/cargo-for $(CROSS) build --locked --release \
		-p wasmkc -p wkc-traffic -p wasmkc-tests $(addprefix --bin ,$(VM_PROGRAMS)))
	@$(if $(CROSS),for name in $(VM_PROGRAMS); do \
		$(CROSS_COMPILE)strip -g -o $(VM_BIN)/$$name $(dir $(RELEASE))$(CROSS_TARGET)/release/$$name; done)

build: kmod cli examples

# What sends traffic and what writes packets, the module that walks page tables, eBPF programs to compare with; then prepare.sh fills the folder.
scenarios: setup build vm-programs
	@mkdir -p build/wxwalk$(ON_SUFFIX) $(SCENARIOS) && cp -u tests/kmod/* build/wxwalk$(ON_SUFFIX)/
	@$(STEP) 'page table walker' $(MAKE) -s -C $(KDIR) M=$(abspath build/wxwalk$(ON_SUFFIX)) CROSS_COMPILE=$(CROSS_COMPILE) modules
	@for source in tests/ebpf/*.c; do \
		$(CLANG) -target bpf -O2 -g -Wall -Werror -I/usr/include/$(shell uname -m)-linux-gnu \
			-c "$$source" -o "$(SCENARIOS)/$$(basename "$$source" .c).bpf.o"; \
	done
	@$(STEP) 'signed filters' tests/prepare.sh $(KDIR)/scripts/sign-file $(ON_MACHINE) $(ON_LINE)
	@$(STEP) 'filters that fault' tests/plant.sh $(KDIR)/scripts/sign-file $(ON_MACHINE) $(ON_LINE)
	@$(STEP) 'kernel module with a key' $(KMOD_FOR_VM) O=$(abspath build/kmod-keys$(ON_SUFFIX)) \
		KEYS=$(abspath $(SCENARIOS)/test.crt)

# The official suite on the host, natively and in bytecode, and in the kernel; build/spec.xml, spec-bytecode.xml and
# spec-kernel.xml are the reports as JUnit XML.
spec: setup kmod cli
	@$(STEP) 'wkc-spec' $(CARGO) build --locked --release -p wasmkc-tests --bin wkc-spec
	@install -C $(RELEASE)/wkc-spec build/bin
	@$(STEP) 'official suite on the host' build/bin/wkc-spec --junit build/spec.xml
	@$(STEP) 'official suite in bytecode' build/bin/wkc-spec --engine bytecode --junit build/spec-bytecode.xml
	@$(STEP) 'official suite in the kernel' tests/spec.sh

# One process for each processor; modules that differ are kept in build/fuzz.
fuzz: setup-cli
	@$(STEP) 'wkc-fuzz' $(CARGO) build --locked --release -p wasmkc-differential --bin wkc-fuzz
	@mkdir -p build/bin && install -C $(RELEASE)/wkc-fuzz build/bin
	@build/bin/wkc-fuzz --seconds $(or $(SECONDS),3600) --seed $(or $(SEED),0) --jobs $(or $(JOBS),$(shell nproc)) --out build/fuzz

# wasmkc beside other systems, on this machine's processor; as root with eBPF. The objects are those of build/bin/wasmkc.
bench: setup-cli-bench cli
	@$(STEP) 'wkc-bench' $(CARGO) build --locked --release -p wasmkc-bench
	@install -C $(RELEASE)/wkc-bench build/bin
	@build/bin/wkc-bench --wasmkc build/bin/wasmkc --out build/bench $(BENCH)

# Time and memory of `wasmkc build` for modules of some sizes.
bench-compile: setup-cli-bench cli
	@$(STEP) 'wkc-bench-compile' $(CARGO) build --locked --release -p wasmkc-bench --bin wkc-bench-compile
	@install -C $(RELEASE)/wkc-bench-compile build/bin
	@build/bin/wkc-bench-compile $(BENCH)

# Instructions a packet in stock kernels, which QEMU counts; for each kernel a module that steps through programs.
BENCH_KERNELS := 6.12 6.1
bench-kernel: setup-cli-kmod-examples-vm-bench cli examples
	@$(foreach line,$(BENCH_KERNELS),$(MAKE) kmod bench-steps ON=x86_64/$(line) &&) true
	@$(STEP) 'wkc-bench-kernel' $(CARGO) build --locked --release -p wasmkc-bench --bin wkc-bench-kernel
	@install -C $(RELEASE)/wkc-bench-kernel build/bin
	@build/bin/wkc-bench-kernel $(BENCH)

BENCH_STEPS := build/bench-kernel/steps-$(ON_LINE)
bench-steps:
	@mkdir -p $(BENCH_STEPS) && cp -u bench/kernel/steps/* $(BENCH_STEPS)
	@$(MAKE) -s -C $(KDIR) M=$(abspath $(BENCH_STEPS)) modules 2>&1 | sed '/^Skipping BTF/d'

test: scenarios
	@$(foreach on,$(ALSO),$(MAKE) scenarios ON=$(on) &&) true
	@scripts/test $(addprefix --on ,$(ON) $(ALSO))

# One object on every machine: what each needs is built, then each is booted.
test-matrix: cli examples
	@$(foreach on,$(MATRIX),$(MAKE) kmod vm-programs ON=$(on) &&) true
	@tests/matrix.sh $(MATRIX)

demo: setup-cli-kmod-examples-vm build
	@$(STEP) 'traffic' $(CARGO) build --locked --release -p wkc-traffic
	@install -C $(RELEASE)/wkc-traffic build/bin
	@$(STEP) 'signed filter' tests/prepare-demo.sh
	@$(STEP) 'demonstration in the VM' vm/run --timeout 300 --dir build/demo -- sh /host/demo.sh

# Below DESTDIR nothing is run: whoever packs the files runs depmod where they are unpacked. Without cargo (sudo), what
# is built already is installed.
PREFIX ?= /usr/local
DESTDIR ?=
KERNEL ?= $(shell uname -r)
KMOD_HERE := $(abspath build)/kmod$(if $(filter-out $(KVER),$(KERNEL)),-$(KERNEL))
UPDATES := $(DESTDIR)/lib/modules/$(KERNEL)/updates
SHARE := $(DESTDIR)$(PREFIX)/share
BASH_COMPLETION := $(SHARE)/bash-completion/completions/wasmkc
ZSH_COMPLETION := $(SHARE)/zsh/site-functions/_wasmkc
FISH_COMPLETION := $(SHARE)/fish/vendor_completions.d/wasmkc.fish
HAVE_CARGO := $(shell command -v $(CARGO))
DEPMOD = $(if $(DESTDIR),:,PATH=$$PATH:/sbin:/usr/sbin depmod $(KERNEL))

install: install-cli install-kmod
uninstall: uninstall-cli uninstall-kmod

install-cli: $(if $(HAVE_CARGO),cli)
	install -D -m 755 build/bin/wasmkc $(DESTDIR)$(PREFIX)/bin/wasmkc
	install -d $(SHARE)/man/man1 $(dir $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION))
	umask 022 && build/bin/wasmkc man $(SHARE)/man/man1
	umask 022 && build/bin/wasmkc completions bash >$(BASH_COMPLETION)
	umask 022 && build/bin/wasmkc completions zsh >$(ZSH_COMPLETION)
	umask 022 && build/bin/wasmkc completions fish >$(FISH_COMPLETION)

install-kmod: $(if $(HAVE_CARGO),setup-kmod)
	@[ -z '$(HAVE_CARGO)' ] || $(STEP) 'kernel module for $(KERNEL)' $(MAKE) -s -C loader-kmod KVER=$(KERNEL) O=$(KMOD_HERE)
	install -D -m 644 $(KMOD_HERE)/wasmkc.ko $(UPDATES)/wasmkc.ko
	$(DEPMOD)

uninstall-cli:
	rm -f $(DESTDIR)$(PREFIX)/bin/wasmkc $(SHARE)/man/man1/wasmkc.1 $(SHARE)/man/man1/wasmkc-*.1
	rm -f $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION)

uninstall-kmod:
	rm -f $(UPDATES)/wasmkc.ko
	$(DEPMOD)

clean:
	@if [ -d loader-kmod/kobj/target ]; then rm -rf loader-kmod/kobj/target; fi
	@find build -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} + 2>/dev/null || true
	@find build/vm -mindepth 1 -maxdepth 1 ! -name deb -exec rm -rf {} + 2>/dev/null || true
	@$(CARGO) clean --quiet

.PHONY: help setup kmod cli vm-programs examples build scenarios spec fuzz bench bench-compile bench-kernel bench-steps test test-matrix demo clean install install-cli install-kmod
.PHONY: uninstall uninstall-cli uninstall-kmod
.NOTPARALLEL:
