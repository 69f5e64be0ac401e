# SPDX-License-Identifier: GPL-2.0
# User targets. Work is done inside the build root (scripts/root), which is installed first if it is not there.
#
#: make demo                 see the modules at work in a virtual machine
#: make test [MODULE=name] [TEST=part-of-a-name]
#:                           everything a change must pass; the last line says how many
#: make test-long            the same with long repetitions
#: make all                  build the modules, build/mod/*.ko, and programs, build/bin/*
#: make check                static checks only
#: make bench [MODULE=name]  measure: tables, and JSON in build/bench
#: make shell [PROFILE=p]    an interactive virtual machine
#: make doc                  documentation of the support crate: build/doc/html
#: make install              install what 'make all' built for the running kernel (as root)
#: make rust-project         rust-project.json for rust-analyzer
#: make clean                remove build/
#:
#: KDIR=/path   build against this configured and built kernel tree
#: RVM_CACHE    where the build root lives (default ~/.cache/rust-virt-modules)
#:              remove it by scripts/setup --remove

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
out := $(CURDIR)/build

# Neither make nor Kbuild can work with such paths.
ifneq ($(shell pwd -P | tr -d 'A-Za-z0-9_./,+@~\n-'),)
$(error the path of this checkout has a character other than A-Z a-z 0-9 _ . / , + @ ~ -; move it)
endif

inside := all modules demo test test-long bench check clippy shell doc rust-project
.PHONY: $(inside) help clean install programs tools

help:
	@sed -n 's/^#: \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

clean:
	rm -rf build

install:
	@scripts/install

ifndef RVM_IN_ROOT

# The suites of other people that modules are tested with; fetched outside of the build root.
.PHONY: suites
suites:
	@$(if $(filter-out squirrelfs vfio-pause,$(MODULE)),:,scripts/suites)
	@$(if $(filter-out nic-sidebounce,$(MODULE)),:,scripts/suites --nested && scripts/ynl && scripts/nft && scripts/kselftest)

# The programs of other people that a demo shows.
.PHONY: shown
shown:
	@$(if $(filter-out nic-sidebounce,$(MODULE)),:,scripts/nft)

test test-long bench: suites
demo: shown

# One after the other: they share build/.
.NOTPARALLEL:
$(inside):
	@scripts/root $(MAKE) $@

else

# A pipe, since a name in /tmp could be that of another build root.
MAKEFLAGS += --jobserver-style=pipe
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# Neither the place nor the time of a build shows in its result.
# The lock keeps two builds of one checkout apart.
kbuild = kdir=$$(scripts/kdir) && mkdir -p $(out)/$(1) && exec 9>$(out)/$(1).lock && flock 9 && $(MAKE) -C "$$kdir" M=$(CURDIR) MO=$(out)/$(1) \
	KCFLAGS=-ffile-prefix-map=$(CURDIR)=. KBUILD_BUILD_TIMESTAMP=0

all: programs modules

modules:
	+@$(call kbuild,mod) KRUSTFLAGS=--remap-path-prefix=$(CURDIR)=. modules

clippy:
	+@$(call kbuild,clippy) KRUSTFLAGS='--remap-path-prefix=$(CURDIR)=. -Dwarnings' CLIPPY=1 \
		CLIPPY_CONF_DIR=$(CURDIR) modules

doc:
	+@$(call kbuild,doc) KERNEL_EXT_DOC=$(out)/doc/html modules
	@echo "documentation: $(out)/doc/html/kernel_ext/index.html"

# Static programs that the guest runs: traffic generators and the like, and the tools of file systems.
host_target := x86_64-unknown-linux-gnu
programs: $(patsubst selftests/lib/%.c,$(out)/bin/%,$(wildcard selftests/lib/*.c)) tools

# cargo knows what has changed. With a target named, the flags are not those of procedural macros too.
tools:
	+@RUSTFLAGS='-C target-feature=+crt-static --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo' \
		cargo build --quiet --locked --release --package squirrelfs-tools \
		--target $(host_target) --target-dir $(out)/cargo
	@mkdir -p $(out)/bin
	@for tool in mkfs fsck dump; do \
		cmp -s $(out)/cargo/$(host_target)/release/$$tool-squirrelfs $(out)/bin/$$tool.squirrelfs || \
		{ echo "  PROGRAM build/bin/$$tool.squirrelfs" && \
		install $(out)/cargo/$(host_target)/release/$$tool-squirrelfs $(out)/bin/$$tool.squirrelfs; } || exit; \
	done

$(out)/bin/%: selftests/lib/%.c $(wildcard selftests/lib/*.h)
	@mkdir -p $(@D)
	@echo "  PROGRAM build/bin/$*"
	@gcc -static -O2 -Wall -Wextra -Werror -pthread -o $@ $<

demo: all
	@scripts/demo $(MODULE)

test: all
	@scripts/test $(if $(MODULE),--module $(MODULE)) $(if $(TEST),--only $(TEST))

test-long: all
	@scripts/test --long $(if $(MODULE),--module $(MODULE))

bench: all
	@scripts/bench $(MODULE)

check:
	@scripts/check

shell: all
	@scripts/vm $(if $(PROFILE),--profile $(PROFILE)) --shell

rust-project: all
	@scripts/rust-project

endif
