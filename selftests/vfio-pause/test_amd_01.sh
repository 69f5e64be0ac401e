#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: amdiommu
# cpus: 2
# timeout: 240
# All that a user of a slot may expect (test_user_01.sh), behind AMD's IOMMU.
# shellcheck source=selftests/vfio-pause/test_user_01.sh
. "$(dirname "$0")/test_user_01.sh"
