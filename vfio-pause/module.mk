# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,vfio_pause,vfio-pause/vfio_pause,vfio-pause/shim.o))
