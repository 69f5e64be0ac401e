// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! The DMA of a function is attached by who owns it only.

use kernel::sync::Arc;
use kernel_ext::iommu::Domain;
use kernel_ext::pci::Claim;

/// Attaches a function that is merely enabled.
pub fn run(domain: &Arc<Domain>, claim: &Arc<Claim>) {
    let _ = Domain::attach(domain, claim); //~ E0308
}
