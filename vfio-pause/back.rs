// SPDX-License-Identifier: GPL-2.0

//! The function behind a slot, bound to this module.

use crate::model::identity::{
    BarInfo,
    BarKind,
    Identity,
    MsixTable, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kernel_ext::{
    iommu::DmaOwner,
    pci::{
        Claim,
        Function,
        Reset, //
    },
};

/// Name of the driver that functions behind slots are bound to.
pub(crate) const DRIVER: &CStr = c"vfio-pause";

/// A function that this module drives: enabled, silent, and its DMA blocked.
///
/// Dropping it gives it back. What runs on it (see [`Running`](crate::stage::Running)) keeps both
/// parts alive, and must be gone when the function's driver is unbound.
pub(crate) struct Back {
    // Fields drop in declaration order: the function is silenced before its DMA may be another's.
    claim: Arc<Claim>,
    owner: Arc<DmaOwner>,
}

impl Back {
    /// Takes a function over; it must be bound to this module's driver.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if its memory or its DMA is in use, or why it cannot be enabled.
    pub(crate) fn take(function: &Function) -> Result<Self> {
        let owner = Arc::new(DmaOwner::claim(function.as_dev())?, GFP_KERNEL)?;
        let claim = Arc::new(Claim::new(function, DRIVER)?, GFP_KERNEL)?;
        Ok(Self { claim, owner })
    }

    /// The right to use it.
    pub(crate) fn claim(&self) -> &Arc<Claim> {
        &self.claim
    }

    /// The right to let it access memory.
    pub(crate) fn owner(&self) -> &Arc<DmaOwner> {
        &self.owner
    }

    /// The function.
    pub(crate) fn function(&self) -> &Function {
        self.claim.function()
    }

    /// Resets it. What cannot be reset stays as it is, which is what `vfio-pci` does, too.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] while somebody else removes or resets it, or why the reset failed.
    pub(crate) fn reset(&self, how: Reset) -> Result {
        match self.claim.reset(how) {
            Err(error) if error != EOPNOTSUPP => Err(error),
            _ => Ok(()),
        }
    }
}

/// What a user of `function` can tell it by.
pub(crate) fn identity(function: &Function) -> Identity {
    let ids = function.ids();
    let mut bars = [BarInfo::NONE; 6];
    for (number, bar) in (0u8..).zip(bars.iter_mut()) {
        if let Some(resource) = function.resource(number) {
            *bar = BarInfo {
                size_bytes: resource.size_bytes,
                kind: BarKind::Memory {
                    wide: resource.is_wide,
                    prefetchable: resource.is_prefetchable,
                },
            };
        }
    }
    Identity {
        vendor: ids.0,
        device: ids.1,
        subsystem_vendor: ids.2,
        subsystem: ids.3,
        class: ids.4,
        revision: ids.5,
        bars,
        msix_vectors: function.msix_vectors(),
        msi_vectors: function.msi_vectors(),
        has_intx: function.has_pin(),
        can_reset: function.can_reset(),
        config_len: function.config_len_bytes(),
        msix_table: function
            .msix_table()
            .map(|(bar, offset, len_bytes)| MsixTable {
                bar,
                offset,
                len_bytes,
            }),
    }
}
