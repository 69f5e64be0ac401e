# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,vfio_pause,vfio-pause/vfio_pause,vfio-pause/shim.o))

# Its tracepoints are read again and again by headers of the kernel.
CFLAGS_vfio-pause/shim.o := -I$(src)/vfio-pause
# Its reports hold the source's full path, which no option maps: the module would depend on where it was built.
UBSAN_SANITIZE_vfio-pause/shim.o := n
