# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,testdev,drivers/testdev/testdev,drivers/testdev/shim.o))

# Its reports hold the source's full path, which no option maps: the module would depend on where it was built.
UBSAN_SANITIZE_drivers/testdev/shim.o := n
