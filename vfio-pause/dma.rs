// SPDX-License-Identifier: GPL-2.0

//! What a slot's user has mapped for DMA, whether or not a back is there to use it.

use crate::{
    knobs::Knobs,
    model::ranges::Range, //
};
use kernel::{
    device,
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::iommu::{
    Domain,
    Gather,
    MapRequest,
    ProxyDomain, //
};

/// The mappings of one user. The real domain outlives every back that is attached to it, so a
/// resume has nothing to replay.
///
/// Lock order: `phantoms` is a leaf lock.
#[pin_data]
pub(crate) struct Mapping {
    /// Mappings of what is not memory, by their last IOVA; they do not overlap.
    #[pin]
    phantoms: Mutex<RBTree<u64, Range>>,
    /// Whether there ever was one, so that users without any do not pay for them.
    has_phantoms: AtomicFlag,
    real: Arc<Domain>,
    /// A device behind the same IOMMU.
    template: ARef<device::Device>,
    knobs: Arc<Knobs>,
}

impl Mapping {
    /// Creates an empty one for the IOMMU of `template`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if that has none any more, [`ENOMEM`].
    pub(crate) fn new(template: ARef<device::Device>, knobs: Arc<Knobs>) -> Result<Arc<Self>> {
        let real = Arc::new(Domain::new(&*template)?, GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                phantoms <- new_mutex!(RBTree::new(), "vfio_pause::Mapping"),
                has_phantoms: AtomicFlag::new(false),
                real,
                template,
                knobs,
            }),
            GFP_KERNEL,
        )
    }

    /// Name, settings and counters of the slot that made it.
    pub(crate) fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// The domain a back is attached to.
    pub(crate) fn domain(&self) -> &Arc<Domain> {
        &self.real
    }

    /// Remembers a mapping instead of giving it to the IOMMU: what is not memory may belong to a
    /// device of somebody else by the time it is used.
    fn map_phantom(&self, range: Range) -> Result {
        let mut phantoms = self.phantoms.lock();
        phantoms.try_create_and_insert(range.last(), range, GFP_KERNEL)?;
        // Under the lock; who unmaps the range was told by the caller that it is mapped.
        self.has_phantoms.store(true, Relaxed);
        self.knobs.stats.phantom_maps.count();
        Ok(())
    }

    /// Undoes what is mapped at `iova`: either a phantom, or up to the next one what the IOMMU knows.
    fn unmap_mixed(&self, iova: u64, len_bytes: usize, gather: &Gather) -> usize {
        let len = u64::try_from(len_bytes).unwrap_or(u64::MAX);
        let mut phantoms = self.phantoms.lock();
        let next = phantoms
            .cursor_lower_bound(&iova)
            .map(|cursor| *cursor.current().1);
        let Some(phantom) = next else {
            drop(phantoms);
            return self.real.unmap(iova, len_bytes, gather);
        };
        if phantom.iova() > iova {
            drop(phantoms);
            let before = usize::try_from(phantom.iova() - iova).unwrap_or(usize::MAX);
            return self.real.unmap(iova, len_bytes.min(before), gather);
        }
        let (before, after) = phantom.cut(iova, len);
        // What remains behind keeps the key; what remains before needs one of its own.
        if let Some(before) = before {
            let inserted = phantoms.try_create_and_insert(before.last(), before, GFP_KERNEL);
            if inserted.is_err() {
                return 0;
            }
        }
        match after {
            Some(after) => {
                if let Some(place) = phantoms.get_mut(&phantom.last()) {
                    *place = after;
                }
            }
            None => drop(phantoms.remove(&phantom.last())),
        }
        let undone = (phantom.last() - iova).saturating_add(1);
        usize::try_from(undone).map_or(len_bytes, |undone| undone.min(len_bytes))
    }
}

impl ProxyDomain for Mapping {
    fn real(&self) -> &Domain {
        &self.real
    }

    fn map(&self, request: &MapRequest<'_>) -> Result {
        let len_bytes = u64::try_from(request.len_bytes()).map_err(|_| EINVAL)?;
        if request.is_memory() || self.knobs.policy.allow_p2p.get().is_on() {
            self.real.map(request)?;
        } else {
            let range = Range::new(request.iova(), request.phys(), len_bytes);
            self.map_phantom(range.ok_or(EINVAL)?)?;
        }
        self.knobs.stats.dma_maps.count();
        self.knobs.stats.dma_bytes.add(len_bytes);
        Ok(())
    }

    fn unmap(&self, iova: u64, len_bytes: usize, gather: &Gather) -> usize {
        self.knobs.stats.dma_unmaps.count();
        if self.has_phantoms.load(Relaxed) {
            self.unmap_mixed(iova, len_bytes, gather)
        } else {
            self.real.unmap(iova, len_bytes, gather)
        }
    }

    fn phantom(&self, iova: u64) -> Option<u64> {
        if !self.has_phantoms.load(Relaxed) {
            return None;
        }
        let phantoms = self.phantoms.lock();
        let phantom = *phantoms.cursor_lower_bound(&iova)?.current().1;
        phantom.physical(iova)
    }

    fn enforce_cache_coherency(&self) -> bool {
        self.real.enforce_cache_coherency(&*self.template)
    }
}
