# SPDX-License-Identifier: GPL-2.0
# User targets. The work is done inside the build root (scripts/root), which scripts/setup installs first if need be.

MAKEFLAGS += --no-print-directory
out := $(CURDIR)/build

ifndef RVM_IN_ROOT

targets := all demo test test-long bench check clippy shell doc install rust-project
.PHONY: $(targets) help clean
help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

$(targets):
	@scripts/root $(MAKE) $@

clean:
	rm -rf $(out)

else

export KDIR := $(or $(KDIR),$(shell scripts/kdir))

.PHONY: all
all:
	@mkdir -p $(out)/mod
	$(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(out)/mod modules

endif
