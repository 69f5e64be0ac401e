// SPDX-License-Identifier: GPL-2.0
/* What the macro that declares the module has no field for. */

#include <linux/module.h>

/* Programs set up DMA by it; VFIO does not load it by itself. */
MODULE_SOFTDEP("pre: vfio_iommu_type1");
