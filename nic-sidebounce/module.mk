# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,nic_sidebounce,nic-sidebounce/nic_sidebounce,nic-sidebounce/shim.o))

# Its tracepoints are read again and again by headers of the kernel.
CFLAGS_nic-sidebounce/shim.o := -I$(src)/nic-sidebounce
# Its reports hold the source's full path, which no option maps: the module would depend on where it was built.
UBSAN_SANITIZE_nic-sidebounce/shim.o := n
