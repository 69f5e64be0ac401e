// SPDX-License-Identifier: GPL-2.0

//! The module: its slots, and the functions that come and go behind them.

use crate::{
    back,
    model::{
        bdf::Bdf,
        spec::{
            slot_name,
            Reconfigure,
            Spec,
            Target, //
        },
        text::Malformed, //
    },
    module_parameters,
    slot::Slot,
    sysfs as attributes, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    front,
    module::Pinned,
    param::malformed_is_errno,
    pci::{
        Address,
        Function,
        Keeper,
        Keeping, //
    },
    queue::OwnedQueue,
    registry::Registry,
    sysfs::{
        AsKobject,
        Dir,
        Parent, //
    },
};

/// Name of the drivers of fronts.
pub(crate) const FRONT_DRIVER: &CStr = c"vfio-pause-front";

/// Most slots at a time.
const MAX_SLOTS: usize = 1024;

malformed_is_errno!(Malformed);

/// What all slots need of the module.
pub(crate) struct Host {
    /// The slots.
    pub(crate) table: Arc<Table>,
    /// Lowest PCI domain for fronts.
    pub(crate) domain_min: u32,
    /// What fronts are driven by.
    pub(crate) drivers: Arc<front::Drivers<Slot>>,
    /// Where work is done that cannot be done under a device's lock.
    pub(crate) queue: OwnedQueue,
    module: &'static ThisModule,
}

/// The function at a place.
pub(crate) fn function_at(bdf: Bdf) -> Option<Function> {
    Function::find(Address {
        domain: bdf.domain(),
        bus: bdf.bus(),
        device: bdf.device(),
        function: bdf.function(),
    })
}

/// The function that a target means, if it is there.
pub(crate) fn find(target: Target) -> Option<Function> {
    match target {
        Target::Vf { pf, index } => function_at(pf)?.virtual_function(index),
        Target::Function(bdf) => function_at(bdf),
    }
}

/// The physical function of a target, or the target itself.
///
/// # Errors
///
/// [`ENXIO`] if that is not there, [`ERANGE`] if it never has such a virtual function.
pub(crate) fn place(target: Target) -> Result<Function> {
    match target {
        Target::Vf { pf, index } => {
            let pf = function_at(pf).ok_or(ENXIO)?;
            match index < pf.max_vfs() {
                true => Ok(pf),
                false => Err(ERANGE),
            }
        }
        Target::Function(bdf) => {
            let function = function_at(bdf).ok_or(ENXIO)?;
            match function.is_endpoint() {
                true => Ok(function),
                false => Err(EINVAL),
            }
        }
    }
}

/// Where a function is.
fn bdf(address: Address) -> Option<Bdf> {
    Bdf::new(
        address.domain,
        address.bus,
        address.device,
        address.function,
    )
}

/// The slots that functions may belong to.
#[pin_data]
pub(crate) struct Table {
    /// Callers of the PCI core hold device locks. Before `control` of a slot.
    #[pin]
    slots: Mutex<KVec<Arc<Slot>>>,
    /// Held while somebody looks whether a target is free and takes it. Before all other locks here.
    #[pin]
    placing: Mutex<()>,
}

impl Table {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            slots <- new_mutex!(KVec::new(), "vfio_pause::Table::slots"),
            placing <- new_mutex!((), "vfio_pause::Table::placing"),
        })
    }

    /// Keeps others from taking targets.
    pub(crate) fn placing(&self) -> impl Drop + '_ {
        self.placing.lock()
    }

    /// The slot with a target.
    fn by_target(&self, target: Target) -> Option<Arc<Slot>> {
        let slots = self.slots.lock();
        let slot = slots.iter().find(|slot| slot.target() == target)?;
        Some(slot.clone())
    }

    /// Whether there is a slot for a target, or for the function it means.
    pub(crate) fn is_taken(&self, target: Target) -> bool {
        let function = find(target);
        self.by_target(target).is_some() || function.is_some_and(|it| self.of(&it).is_some())
    }

    /// The slot that `function` belongs behind.
    fn of(&self, function: &Function) -> Option<Arc<Slot>> {
        let as_vf = function.virtual_of().and_then(|(pf, index)| {
            let pf = bdf(pf.address())?;
            self.by_target(Target::Vf { pf, index })
        });
        as_vf.or_else(|| self.by_target(Target::Function(bdf(function.address())?)))
    }

    /// Runs `f` with each slot on a virtual function of `pf`.
    pub(crate) fn each_of(&self, pf: Bdf, mut f: impl FnMut(&Arc<Slot>) -> Result) -> Result {
        let mut found = KVec::new();
        for slot in self.slots.lock().iter() {
            if matches!(slot.target(), Target::Vf { pf: of, .. } if of == pf) {
                found.push(slot.clone(), GFP_KERNEL)?;
            }
        }
        let mut all = Ok(());
        for slot in &found {
            let one = f(slot);
            all = all.and(one);
        }
        all
    }

    fn insert(&self, slot: &Arc<Slot>) -> Result {
        let mut slots = self.slots.lock();
        if slots.len() >= MAX_SLOTS {
            return Err(ENOSPC);
        }
        slots.push(slot.clone(), GFP_KERNEL)?;
        Ok(())
    }

    fn remove(&self, slot: &Arc<Slot>) {
        let removed = {
            let mut slots = self.slots.lock();
            let place = slots.iter().position(|other| Arc::ptr_eq(other, slot));
            place.and_then(|place| slots.remove(place).ok())
        };
        // Without the lock, since it may be the last reference.
        drop(removed);
    }
}

impl Keeper for Table {
    fn wants(&self, function: &Function) -> bool {
        match self.of(function) {
            Some(slot) => {
                // Any other function may have been here before, and was only found again.
                if function.virtual_of().is_some() {
                    slot.expect_fresh();
                }
                true
            }
            None => false,
        }
    }

    fn bound(&self, function: &Function) -> Result {
        self.of(function).ok_or(ENODEV)?.bound(function)
    }

    fn unbound(&self, function: &Function) {
        // Not by its place, since the slot may have another target by now.
        // From the end, so that a slot that is removed meanwhile hides no other; without the lock,
        // since a slot may take its time.
        let mut count = self.slots.lock().len();
        while count > 0 {
            count -= 1;
            let slot = self.slots.lock().get(count).cloned();
            if let Some(slot) = slot {
                slot.unbound(function);
            }
        }
    }
}

/// The module: `/sys/kernel/vfio_pause` and what is below it.
pub(crate) struct VfioPause {
    // Fields drop in declaration order: first nobody can ask for slots, then no function comes or goes,
    // then nothing is done about it any more, then what fronts were driven by goes.
    _slots: Dir<Slots>,
    _root: Dir<Root>,
    _keeping: Keeping<Table>,
    _host: Last,
}

/// The module's own reference to what slots need. Queued work has others, so that is waited for here.
struct Last(Arc<Host>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.queue.drain();
    }
}

/// The data of `/sys/kernel/vfio_pause`.
#[pin_data]
pub(crate) struct Root {
    table: Arc<Table>,
    /// Held throughout a transaction.
    #[pin]
    transaction: Mutex<()>,
}

impl Root {
    /// Changes the number of virtual functions of a physical function under its slots.
    ///
    /// # Errors
    ///
    /// [`EINVAL`], [`ERANGE`], [`ENXIO`] as `text` says; or why the number could not be changed.
    pub(crate) fn reconfigure(&self, text: &str) -> Result {
        let request = Reconfigure::parse(text)?;
        let pf = function_at(request.pf).ok_or(ENXIO)?;
        if request.count > pf.max_vfs() {
            return Err(ERANGE);
        }
        let _transaction = self.transaction.lock();
        crate::reconfigure::run(&self.table, &pf, request)
    }
}

/// A slot and its directory.
struct Entry {
    // Fields drop in declaration order: files go before the slot, which keeps the module loaded.
    _dir: Dir<Arc<Slot>>,
    slot: Arc<Slot>,
    _pinned: Pinned,
}

/// The slots, in `/sys/kernel/vfio_pause/slots`.
///
/// Lock order: `named` is taken before any lock of a slot and before those of devices, and by no
/// attribute of a slot nor by a driver's callback.
#[pin_data]
pub(crate) struct Slots {
    #[pin]
    named: Mutex<Registry<Entry>>,
    table: Arc<Table>,
    host: Arc<Host>,
}

impl Slots {
    /// Adds the slot that `text` describes, below the directory `parent`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] or [`ERANGE`] for a malformed text, [`EEXIST`] for a name or target that is taken,
    /// [`ENXIO`] if there is no such function, [`ENOSPC`] beyond [`MAX_SLOTS`], or why the function
    /// that is there cannot be had.
    pub(crate) fn add(&self, parent: &dyn AsKobject, text: &str) -> Result {
        let spec = Spec::parse(text)?;
        let template = place(spec.target)?.to_dev();
        let name = CString::try_from_fmt(fmt!("{}", spec.name.as_str()))?;
        let mut named = self.named.lock();
        let vacancy = named.vacancy(name)?;
        let placing = self.table.placing();
        if self.table.is_taken(spec.target) {
            return Err(EEXIST);
        }
        let pinned = Pinned::new(self.host.module)?;
        let slot = Slot::new(self.host.clone(), &spec, template)?;
        let mut dir = Dir::new(
            Parent::Dir(parent),
            vacancy.name(),
            attributes::SLOT,
            Ok(slot.clone()),
        )?;
        dir.notify_by(slot.notifier());
        self.table.insert(&slot)?;
        drop(placing);
        let entry = Entry {
            _dir: dir,
            slot,
            _pinned: pinned,
        };
        let ready = entry.slot.claim().and_then(|()| entry.slot.settle());
        if let Err(error) = ready {
            // If there was a front for a moment and somebody has opened it, the slot stays.
            if entry.slot.retire().is_ok() {
                self.table.remove(&entry.slot);
                entry.slot.release();
                return Err(error);
            }
        }
        named.insert(vacancy, entry)
    }

    /// Removes the slot named `text`; the function behind it goes back to whoever had it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no slot can have that name, [`ENOENT`] if none has, [`EBUSY`] while it is open.
    pub(crate) fn remove(&self, text: &str) -> Result {
        let name = slot_name(text).ok_or(EINVAL)?;
        let mut named = self.named.lock();
        let slot = named.get(name.as_str())?.slot.clone();
        slot.retire()?;
        self.table.remove(&slot);
        slot.release();
        named.remove(name.as_str()).map(drop)
    }
}

impl kernel::Module for VfioPause {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let domain_min = module_parameters::domain_min.value();
        if !(0x8000..=0xffff).contains(&domain_min) {
            pr_err!("domain_min is out of range, 0x8000 to 0xffff\n");
            return Err(ERANGE);
        }
        let table = Arc::pin_init(Table::new(), GFP_KERNEL)?;
        let host = Arc::new(
            Host {
                table: table.clone(),
                domain_min,
                drivers: front::Drivers::register(module, FRONT_DRIVER)?,
                queue: OwnedQueue::new(c"vfio_pause")?,
                module,
            },
            GFP_KERNEL,
        )?;
        let keeping = Keeping::new(module, back::DRIVER, table.clone())?;
        let of_root = table.clone();
        let root = Dir::new(
            Parent::Kernel,
            c"vfio_pause",
            attributes::ROOT,
            try_pin_init!(Root {
                table: of_root,
                transaction <- new_mutex!((), "vfio_pause::Root"),
            }? Error),
        )?;
        let of_slots = host.clone();
        let slots = Dir::new(
            Parent::Dir(&*root),
            c"slots",
            attributes::SLOTS,
            try_pin_init!(Slots {
                named <- new_mutex!(Registry::new(MAX_SLOTS), "vfio_pause::Slots"),
                table,
                host: of_slots,
            }? Error),
        )?;
        Ok(Self {
            _slots: slots,
            _root: root,
            _keeping: keeping,
            _host: Last(host),
        })
    }
}
