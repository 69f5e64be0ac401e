// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into the kernel's tests of VFIO, whose default way to an IOMMU is iommufd, which a kernel need not have: the
 * default becomes type1, the way of QEMU before iommufd.
 */

#include <libvfio.h>

__attribute__((constructor)) static void choose_type1(void)
{
	default_iommu_mode = MODE_VFIO_TYPE1V2_IOMMU;
}
