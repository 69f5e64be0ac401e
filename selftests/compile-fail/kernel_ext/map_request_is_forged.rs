// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! Only what VFIO has pinned is mapped: nobody else makes requests.

use kernel_ext::iommu::{Domain, MapRequest};

/// Maps the first page of memory.
pub fn run(domain: &Domain) {
    let _ = domain.map(&MapRequest::default()); //~ E0599
}
