# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,nic_sidebounce,nic-sidebounce/nic_sidebounce))
