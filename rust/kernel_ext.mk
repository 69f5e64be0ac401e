# SPDX-License-Identifier: GPL-2.0
# The support crate `kernel_ext`: generated bindings, one Rust object plus metadata, C shims. Its objects are
# linked into every module, so each .ko stands alone.
#
# Modules call, in their module.mk:
#   $(eval $(call kernel-ext-module,<ko name>,<folder>/<root without .rs>,<further objects>))

kernel-ext-objs := rust/kernel_ext.o rust/shim.o rust/shim_net.o

# The objects belong to several modules, for which RUST_MODFILE would expand to a list.
$(addprefix $(obj)/,$(kernel-ext-objs)): private __modname := kernel_ext

RUSTFLAGS_rust/kernel_ext.o := --crate-name kernel_ext --emit=metadata=$(obj)/rust/libkernel_ext.rmeta
CFLAGS_rust/shim.o := -I$(src)/rust
CFLAGS_rust/shim_net.o := -I$(src)/rust
# Its reports hold the source's full path, which no option maps: modules would depend on where they were built.
UBSAN_SANITIZE_rust/shim.o := n
UBSAN_SANITIZE_rust/shim_net.o := n

define kernel-ext-module
obj-m += $(1).o
$(1)-y := $(2).o $(3) $$(kernel-ext-objs)
RUSTFLAGS_$(2).o := --crate-name $(notdir $(2)) -L $$(obj)/rust --extern kernel_ext
$$(obj)/$(2).o: $$(obj)/rust/kernel_ext.o
endef

# --- Bindings for what `kernel::bindings` lacks ----------------------------------------------------------
#
# `known_types` lists the types that `kernel::bindings` defines in full: they are shared, not generated again.
quiet_cmd_known_types = KNOWN   $@
      cmd_known_types = $(AWK) -f $(src)/rust/known_types.awk $< >$@

$(obj)/rust/known_types: $(objtree)/rust/bindings/bindings_generated.rs $(src)/rust/known_types.awk FORCE
	$(call if_changed,known_types)

# clang parses the headers for bindgen and does not know these GCC flags.
bindgen-skip-cflags := -mpreferred-stack-boundary=% -mskip-rax-setup -mindirect-branch=thunk-extern \
	-mindirect-branch-register -mindirect-branch-cs-prefix -mfunction-return=thunk-extern -mrecord-mcount \
	-mstack-protector-guard% -fconserve-stack -falign-jumps=% -falign-loops=% -fno-ipa-cp-clone -fno-ipa-sra \
	-fno-partial-inlining -fno-reorder-blocks -fno-allow-store-data-races -fzero-call-used-regs=% \
	-fno-stack-clash-protection -fno-inline-functions-called-once -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fmin-function-alignment=% -fzero-init-padding-bits=% -fplugin-arg% \
	-fdiagnostics-show-context% -fno-isolate-erroneous-paths-dereference --param=% --param asan-%

bindgen-cflags = $(if $(CONFIG_CC_IS_CLANG),$(c_flags),$(filter-out $(bindgen-skip-cflags),$(c_flags)) -w \
	--target=x86_64-linux-gnu) -fno-builtin -D__BINDGEN__ -DMODULE

# One --blocklist-type argument must stay below 128 KiB, hence the chunks.
quiet_cmd_kernel_ext_bindgen = BINDGEN $@
      cmd_kernel_ext_bindgen = \
	$(BINDGEN) $< $(shell grep -Ev '^\#|^$$' $(src)/rust/bindgen_parameters) \
		$$(xargs -n 600 <$(obj)/rust/known_types | sed 's/ /|/g; s/^/--blocklist-type /') \
		--rust-target 1.85 --use-core --ctypes-prefix ffi --no-debug '.*' --enable-function-attribute-detection \
		-o $@ -- $(bindgen-cflags)

$(obj)/rust/bindings_generated.rs: $(src)/rust/bindings.h $(src)/rust/bindgen_parameters $(obj)/rust/known_types FORCE
	$(call if_changed_dep,kernel_ext_bindgen)

# rustc records environment dependencies, so a moved tree is rebuilt.
$(obj)/rust/kernel_ext.o: export KERNEL_EXT_OBJ = $(abspath $(obj)/rust)
$(obj)/rust/kernel_ext.o: $(obj)/rust/bindings_generated.rs

targets += rust/known_types rust/bindings_generated.rs
clean-files += rust/libkernel_ext.rmeta

# --- Documentation: make KERNEL_EXT_DOC=<directory> --------------------------------------------------------
ifdef KERNEL_EXT_DOC
quiet_cmd_kernel_ext_doc = RUSTDOC $@
      cmd_kernel_ext_doc = OBJTREE=$(abspath $(objtree)) KERNEL_EXT_OBJ=$(abspath $(obj)/rust) $(RUSTDOC) \
	$(filter-out --remap-path-scope=%,$(rust_flags)) --crate-name kernel_ext --cfg MODULE \
	-Zcrate-attr=no_std -Zcrate-attr='feature($(rust_allowed_features))' -Zunstable-options \
	--extern pin_init --extern kernel --extern zerocopy --extern zerocopy_derive -L $(objtree)/rust/ \
	--sysroot=/dev/null --output $(KERNEL_EXT_DOC) @$(objtree)/include/generated/rustc_cfg $< && touch $@

$(obj)/rust/doc.stamp: $(src)/rust/kernel_ext.rs $(obj)/rust/bindings_generated.rs FORCE
	$(call if_changed,kernel_ext_doc)

always-y += rust/doc.stamp
endif
