# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,testdev,drivers/testdev/testdev,))
