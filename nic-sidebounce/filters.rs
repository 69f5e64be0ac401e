// SPDX-License-Identifier: GPL-2.0

//! The filters, in `/sys/kernel/nic_sidebounce/filters`.

use crate::{
    claims::{
        Claims,
        Role, //
    },
    filter::{
        Filter,
        Route,
        Status, //
    },
    judge::Bounds,
    model::{
        name::Name,
        spec::{
            Side,
            Spec,
            Target, //
        }, //
    },
    netlink,
    pair::Pair,
    sysfs as attributes,
    tap::Tap,
    trunk::Trunk,
    uplink::Uplink,
    veb::{
        Attachment,
        Condition,
        Vids, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    net::{
        Device,
        Event,
        Events,
        Netdev,
        Observer, //
    },
    pci,
    queue::{
        Errand,
        Kick, //
    },
    registry::Registry,
    sched::now_ns,
    sync::{
        peek,
        Slot, //
    },
    sysfs::{
        AsKobject,
        Dir,
        Parent, //
    }, //
};

/// Most filters at a time.
const MAX_FILTERS: usize = 1024;
/// How often VFs are looked at, of whose changes nobody tells, in milliseconds.
const LOOK_MS: u32 = 2_000;
/// How often while VFs have just come: they get their addresses a little later.
const EAGER_LOOK_MS: u32 = 50;
/// How long that is.
const EAGER_NS: u64 = 10_000_000_000;

/// Where a filter is.
enum Place {
    /// It waits.
    Nowhere,
    /// At a VF.
    Vf(Attachment),
    /// At a device of the host.
    Device(Arc<Tap>),
}

/// A filter, what it is for, and its directory.
struct Entry {
    // Fields drop in declaration order: the directory goes first, and the VF is given back before the rest.
    dir: Dir<Arc<Filter>>,
    place: Place,
    /// Whether somebody has taken the VF's VLAN away: then it is not taken back.
    is_overridden: bool,
    filter: Closing,
}

/// A filter that is parted from all that refers to it when this is dropped.
struct Closing(Arc<Filter>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The filters and their directory.
struct Open {
    // Fields drop in declaration order: inner directories go first.
    named: Registry<Entry>,
    trunks: KVec<Trunk>,
    dir: Dir<()>,
    _devices: Events<Observing>,
    _functions: pci::Watch<Observing>,
}

/// All filters.
///
/// Lock order: `open` is taken before the lock of all network devices, and by no attribute of a filter, since it is
/// held while a filter's directory is removed.
#[pin_data]
pub(crate) struct Filters {
    /// [`None`] before there is a directory, and once the module is being unloaded.
    #[pin]
    open: Mutex<Option<Open>>,
    bounds: Bounds,
    vids: Vids,
    bell: Arc<Bell>,
    claims: Arc<Claims>,
    /// Until then it is looked more often.
    eager_until_ns: Atomic<u64>,
}

impl Filters {
    /// None, and no directory yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(bounds: Bounds, vids: Vids) -> Result<impl PinInit<Self, Error>> {
        let bell = Arc::new(Bell(Slot::empty()), GFP_KERNEL)?;
        Ok(try_pin_init!(Self {
            open <- new_mutex!(None, "nic_sidebounce::Filters"),
            bounds,
            vids,
            bell,
            claims: Claims::new()?,
            eager_until_ns: Atomic::new(0),
        }))
    }

    /// Creates the directory `filters` in `parent`; filters can be added from then on.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn open(self: &Arc<Self>, parent: &dyn AsKobject) -> Result {
        self.bell.0.replace(Kick::new(Ok(Chores(self.clone())))?)?;
        let observing = || Ok::<_, Error>(Observing(self.clone()));
        let open = Open {
            named: Registry::new(MAX_FILTERS),
            trunks: KVec::new(),
            dir: Dir::new(Parent::Dir(parent), c"filters", &[], Ok(()))?,
            _devices: Events::new(observing())?,
            _functions: pci::Watch::new(observing())?,
        };
        *self.open.lock() = Some(open);
        Ok(())
    }

    /// Adds the filter that `text` describes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] or [`ERANGE`] for a malformed text, [`EEXIST`] for a name that is taken, [`EBUSY`] for a VF or
    /// device that is filtered already, [`ENODEV`] if there is no such device or VF, or during unload,
    /// [`EOPNOTSUPP`] if it is no Ethernet device or its driver cannot do that, [`EAGAIN`] if it is being reset,
    /// [`ENOSPC`] if there are too many or no VLAN is free, [`ENOMEM`], or what the driver fails with.
    pub(crate) fn add(&self, text: &str) -> Result {
        let spec = Spec::parse(text)?;
        let name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        // First, so that nothing is touched in vain.
        let vacancy = open.named.vacancy(name)?;
        let (bell, claims) = (self.bell.clone(), self.claims.clone());
        let filter = Filter::new(open.free_id(), &spec, self.bounds, bell, claims)?;
        let is_same = |entry: &Entry| *entry.filter.0.target == *filter.target;
        if open.named.iter().any(is_same) {
            return Err(EBUSY);
        }
        let closing = Closing(filter.clone());
        filter.pair.replace(Pair::new(&filter)?)?;
        let mut entry = Entry {
            dir: Dir::new(
                Parent::Dir(&*open.dir),
                vacancy.name(),
                attributes::FILTER,
                Ok(filter.clone()),
            )?,
            place: Place::Nowhere,
            is_overridden: false,
            filter: closing,
        };
        let added = open
            .share(&self.vids)
            .and_then(|(_, mut shared)| entry.place(&mut shared));
        if added.is_err() {
            // A PF that is not needed after all.
            drop(entry);
            open.settle();
            return added;
        }
        open.named.insert(vacancy, entry)?;
        open.settle();
        self.bell.ring();
        pr_info!("filter {}: added\n", spec.name.as_str());
        Ok(())
    }

    /// Removes the filter named `text`; what it was for then gets its packets directly.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no filter can have that name, [`ENOENT`] if none has, [`ENODEV`] during unload.
    pub(crate) fn remove(&self, text: &str) -> Result {
        let name = Name::new(text).ok_or(EINVAL)?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        // With the lock held, so that the name is free only when its directory is gone. No attribute of a filter
        // takes this lock.
        drop(open.named.remove(name.as_str())?);
        open.settle();
        pr_info!("filter {}: removed\n", name.as_str());
        Ok(())
    }

    /// The filter with this name.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none, [`ENODEV`] during unload.
    pub(crate) fn find(&self, name: Name<'_>) -> Result<Arc<Filter>> {
        let open = self.open.lock();
        let open = (*open).as_ref().ok_or(ENODEV)?;
        Ok(open.named.get(name.as_str())?.filter.0.clone())
    }

    /// Looks after all filters: puts those to their place that have lost or not yet found it, and does what packets
    /// have asked for.
    fn refresh(&self) {
        let mut open = self.open.lock();
        let Some(open) = (*open).as_mut() else {
            return;
        };
        // First, since a card gives others what is for a VM while a pool's device is gone.
        for entry in open.named.iter() {
            entry.filter.0.tend_vmm();
        }
        // Without memory it is done the next time.
        let Ok((named, mut shared)) = open.share(&self.vids) else {
            return;
        };
        for entry in named.iter_mut() {
            entry.refresh(&mut shared);
        }
        open.settle();
    }

    /// Hands over and drops what was held. In how many milliseconds to look again, if there are filters.
    fn tend(&self) -> Option<u32> {
        let open = self.open.lock();
        let is_eager = now_ns() < peek(&self.eager_until_ns);
        let looks = open.iter().flat_map(|open| open.named.iter()).map(|entry| {
            let filter = &entry.filter.0;
            let has_more = filter.tend();
            if filter.holding.take_due() {
                entry.dir.notify(c"waiting");
                filter.tell(netlink::Event::FirstHeld);
            }
            let look_ms = match filter.status() {
                Status::Filtering { mac: Some(_), .. } => LOOK_MS,
                _ if is_eager => EAGER_LOOK_MS,
                _ => LOOK_MS,
            };
            match has_more {
                true => 0,
                false => filter.holding.due_ms().unwrap_or(LOOK_MS).min(look_ms),
            }
        });
        looks.min()
    }

    /// Something has changed that filters wait for: VFs are looked at more often for a while.
    fn hurry(&self) {
        let until_ns = now_ns().saturating_add(EAGER_NS);
        self.eager_until_ns.store(until_ns, Relaxed);
    }

    /// Removes all filters for good.
    pub(crate) fn close(&self) {
        // Before the lock is taken: this waits for the chores, which take it.
        drop(self.bell.0.take());
        let open = self.open.lock().take();
        drop(open);
    }
}

/// What the filters of an [`Open`] share.
struct Shared<'a> {
    trunks: &'a mut KVec<Trunk>,
    /// Devices with a filter of their own.
    taps: KVec<Device>,
    vids: &'a Vids,
}

impl Shared<'_> {
    /// The PF of `device`.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if the device has a filter of its own or receives what bounces, or as [`Uplink::new`].
    fn uplink(&mut self, device: Device, claims: &Arc<Claims>) -> Result<Arc<Uplink>> {
        let is_it = |trunk: &&Trunk| trunk.uplink.device() == device && trunk.uplink.is_there();
        if let Some(trunk) = self.trunks.iter().find(is_it) {
            return Ok(trunk.uplink.clone());
        }
        if self.taps.contains(&device) {
            return Err(EBUSY);
        }
        let claim = claims.claim(device, Role::Filtered)?;
        let uplink = Uplink::new(device)?;
        self.trunks
            .push(Trunk::new(uplink.clone(), claim), GFP_KERNEL)?;
        Ok(uplink)
    }

    /// A filter of its own for `device`.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it has one, or is a PF with filters, or as [`Tap::new`].
    fn tap(&mut self, device: Device, side: Side, filter: &Arc<Filter>) -> Result<Arc<Tap>> {
        let is_pf = |trunk: &Trunk| trunk.uplink.device() == device && trunk.uplink.has(|_| true);
        if self.taps.contains(&device) || self.trunks.iter().any(is_pf) {
            return Err(EBUSY);
        }
        self.taps.push(device, GFP_KERNEL)?;
        Ok(Arc::new(
            Tap::new(device, side, filter.clone())?,
            GFP_KERNEL,
        )?)
    }
}

impl Entry {
    /// Puts the filter, which is nowhere, to its place.
    fn place(&mut self, shared: &mut Shared<'_>) -> Result {
        let filter = &self.filter.0;
        let target = filter.target.to_str().map_err(|_| EINVAL)?;
        let target = Target::parse(target)?;
        let device = Device::named(target.device().as_str())?;
        let (place, status) = match target {
            Target::Device { side, .. } => {
                let tap = shared.tap(device, side, filter)?;
                filter.route.replace(Route::Tap(tap.clone()))?;
                (Place::Device(tap), Status::Filtering { vid: 0, mac: None })
            }
            Target::Vf { vf, .. } => {
                let uplink = shared.uplink(device, &filter.claims)?;
                let attachment = Attachment::new(&uplink, vf, shared.vids, filter)?;
                let status = attachment.status();
                (Place::Vf(attachment), status)
            }
        };
        filter.set_status(status);
        self.place = place;
        Ok(())
    }

    /// Takes the filter away from its place.
    fn displace(&mut self) {
        drop(self.filter.0.route.take());
        self.place = Place::Nowhere;
    }

    /// Looks whether the filter still is at its place, or can be.
    fn refresh(&mut self, shared: &mut Shared<'_>) {
        let condition = match &self.place {
            Place::Nowhere => Condition::Gone,
            Place::Device(tap) if tap.is_there() => Condition::Good,
            Place::Device(_) => Condition::Gone,
            Place::Vf(attachment) => attachment.condition(),
        };
        if let Place::Vf(attachment) = &mut self.place {
            // Tried again later if it fails.
            let _ = attachment.listen(!self.filter.0.has_pool());
            attachment.leave_vlans();
        }
        let status = match (condition, &mut self.place) {
            (Condition::Moved(mac), Place::Vf(attachment)) => {
                // Tried again later if there is no memory.
                let _ = attachment.move_to(mac, &self.filter.0);
                attachment.status()
            }
            (Condition::Good | Condition::Moved(_), _) => return,
            (Condition::Overridden, _) => {
                self.displace();
                self.is_overridden = true;
                let name = &self.filter.0.name;
                pr_notice!(
                    "filter {name:?}: its VF is not filtered: somebody has changed its VLAN\n"
                );
                Status::Waiting("somebody has changed its VLAN")
            }
            (Condition::Gone, _) if self.is_overridden => return,
            (Condition::Gone, _) => {
                self.displace();
                match self.place(shared) {
                    Ok(()) => self.filter.0.status(),
                    Err(error) => {
                        self.displace();
                        Status::Waiting(reason(error))
                    }
                }
            }
        };
        // A new place is told of also if it is like the former.
        if self.filter.0.set_status(status) || matches!(status, Status::Filtering { .. }) {
            self.dir.notify(c"state");
            self.filter.0.tell(netlink::Event::State(status.as_str()));
        }
    }
}

impl Open {
    /// The lowest number that no filter has.
    fn free_id(&self) -> u32 {
        let is_free = |id: &u32| !self.named.iter().any(|entry| entry.filter.0.id == *id);
        (0..).find(is_free).unwrap_or(u32::MAX)
    }

    /// The filters, and what they share.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    fn share<'a>(&'a mut self, vids: &'a Vids) -> Result<(&'a mut Registry<Entry>, Shared<'a>)> {
        let mut taps = KVec::new();
        for entry in self.named.iter() {
            if let Place::Device(tap) = &entry.place {
                if tap.is_there() {
                    taps.push(tap.device(), GFP_KERNEL)?;
                }
            }
        }
        let shared = Shared {
            trunks: &mut self.trunks,
            taps,
            vids,
        };
        Ok((&mut self.named, shared))
    }

    /// Lets PFs have what their filters want, and forgets those without any.
    fn settle(&mut self) {
        self.trunks.retain(|trunk| trunk.uplink.has(|_| true));
        for trunk in self.trunks.iter_mut() {
            // What fails is done the next time.
            let _ = trunk.settle();
        }
    }
}

/// Why a filter is nowhere.
fn reason(error: Error) -> &'static str {
    match error {
        ENODEV => "there is no such device, or no such VF",
        EBUSY => "the VF or the device has another use",
        ENOSPC => "no VLAN is free",
        EOPNOTSUPP => "the device or its driver cannot do it",
        ENOMEM => "there is no memory",
        _ => "the driver refuses",
    }
}

/// Has filters looked after.
pub(crate) struct Bell(Slot<Kick<Chores>>);

impl Bell {
    /// Soon. Callable from any context.
    pub(crate) fn ring(&self) {
        self.0.with(|kick| {
            if let Some(kick) = kick {
                kick.trigger();
            }
        });
    }
}

/// What is to be done for filters in process context.
struct Chores(Arc<Filters>);

impl Errand for Chores {
    fn run(&self) {
        self.0.refresh();
    }

    fn retry_ms(&self) -> Option<u32> {
        self.0.tend()
    }
}

/// Sees devices and VFs come and go.
struct Observing(Arc<Filters>);

impl Observer for Observing {
    fn event(&self, event: Event, _netdev: &Netdev<'_>) {
        match event {
            Event::Register | Event::Unregister(_) | Event::ChangeAddress | Event::ChangeName => {
                self.0.bell.ring();
            }
            _ => {}
        }
    }
}

impl pci::Watcher for Observing {
    fn added(&self, function: &pci::Function) {
        // At once: no packet reaches the VF before it is kept apart.
        if function.virtual_of().is_some() {
            self.0.hurry();
            self.0.refresh();
            self.0.bell.ring();
        }
    }

    fn removed(&self, function: &pci::Function) {
        if function.virtual_of().is_some() {
            self.0.bell.ring();
        }
    }
}
