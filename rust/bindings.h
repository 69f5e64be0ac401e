/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for the support crate. hrtimer_types.h goes first: bindgen does not forward-declare
 * its enums.
 */
#include <linux/hrtimer_types.h>
#include <linux/msi.h>

#include "shim.h"
