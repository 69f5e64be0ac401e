# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,squirrelfs,squirrelfs/squirrelfs,))
