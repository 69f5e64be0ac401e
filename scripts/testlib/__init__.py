# SPDX-License-Identifier: GPL-2.0
"""Parts of scripts/test, scripts/check and scripts/compile-fail."""
