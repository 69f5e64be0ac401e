# SPDX-License-Identifier: GPL-2.0
$(eval $(call kernel-ext-module,irq_mod,irq-mod/irq_mod,))
