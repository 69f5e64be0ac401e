/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before the kernel's own tests (scripts/kselftest): one that talks to itself by ::1 uses fd00::1 instead,
 * since packets with ::1 are dropped on all devices but `lo`, which nothing can be put in front of.
 */
#include <netinet/in.h>

#undef IN6ADDR_LOOPBACK_INIT
#define IN6ADDR_LOOPBACK_INIT {{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}
