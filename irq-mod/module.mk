# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,irq_mod,irq-mod/irq_mod,irq-mod/shim.o))

# Its tracepoints are read again and again by headers of the kernel.
CFLAGS_irq-mod/shim.o := -I$(src)/irq-mod
# Its reports hold the source's full path, which no option maps: the module would depend on where it was built.
UBSAN_SANITIZE_irq-mod/shim.o := n
