// SPDX-License-Identifier: GPL-2.0

//! The guests, in `/sys/kernel/irq_mod/guests`.

use crate::{
    guest::{
        Guest,
        Origin, //
    },
    line::{
        Bound,
        Line, //
    },
    model::{
        name::Name,
        spec::{
            GuestLink,
            GuestSpec,
            GuestTarget, //
        },
    },
    sysfs as attributes,
    watch::Tracking, //
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
    registry::Registry,
    sched::{
        Cgroup,
        Process, //
    },
    sysfs::{
        AsKobject,
        Dir,
        Parent, //
    }, //
};

/// Most guests at a time.
const MAX_GUESTS: usize = 256;

/// A guest and its directory.
struct Entry {
    guest: Arc<Guest>,
    // Held for its `Drop`, which removes the directory.
    _dir: Dir<Arc<Guest>>,
}

/// The guests and their directory.
struct Open {
    // Fields drop in declaration order: inner directories go first.
    named: Registry<Entry>,
    dir: Dir<()>,
    /// While there are guests.
    tracking: Option<Tracking>,
}

impl Open {
    /// Watches the scheduler for `guest`, too.
    fn track(&mut self, guest: &Arc<Guest>) -> Result {
        match &self.tracking {
            Some(tracking) => tracking.add(guest),
            None => {
                let tracking = Tracking::new()?;
                tracking.add(guest)?;
                self.tracking = Some(tracking);
                Ok(())
            }
        }
    }

    /// Takes back what [`Self::track`] did. The scheduler is not watched any more when nobody needs it.
    fn untrack(&mut self, guest: &Arc<Guest>) {
        match (&self.tracking, self.named.is_empty()) {
            (Some(tracking), false) => tracking.remove(guest),
            _ => self.tracking = None,
        }
    }
}

/// All guests.
///
/// Lock order: `open` is taken before any lock of a guest or line, and by no attribute of a guest, since
/// it is held while a guest's directory is removed.
#[pin_data]
pub(crate) struct Guests {
    /// [`None`] before there is a directory, and once the module is being unloaded.
    #[pin]
    open: Mutex<Option<Open>>,
}

impl Guests {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            open <- new_mutex!(None, "irq_mod::Guests"),
        })
    }

    /// Creates the directory `guests` in `parent`; guests can be added from then on.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn open(&self, parent: &dyn AsKobject) -> Result {
        let dir = Dir::new(Parent::Dir(parent), c"guests", &[], Ok(()))?;
        *self.open.lock() = Some(Open {
            named: Registry::new(MAX_GUESTS),
            dir,
            tracking: None,
        });
        Ok(())
    }

    /// Adds the guest that `text` describes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] or [`ERANGE`] for a malformed text, [`EINVAL`] for a process that cannot be a guest,
    /// [`ESRCH`] and [`ENOENT`] if there is no such process or control group, [`EEXIST`] for a name or
    /// process that is taken, [`ENOSPC`] for too many guests, [`EOPNOTSUPP`] if the scheduler cannot be
    /// watched, [`ENODEV`] during unload, [`ENOMEM`].
    pub(crate) fn add(&self, text: &str) -> Result {
        let spec = GuestSpec::parse(text)?;
        let name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let own_name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let target = CString::try_from_fmt(format_args!("{}", spec.target))?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        // First, so that nothing can fail once the guest is there.
        let vacancy = open.named.vacancy(name)?;
        let guest = Guest::new(own_name, target, origin(spec.target)?);
        let guest = Arc::pin_init(guest, GFP_KERNEL)?;
        open.track(&guest)?;
        let dir = Dir::new(
            Parent::Dir(&*open.dir),
            vacancy.name(),
            attributes::GUEST,
            Ok(guest.clone()),
        )
        .inspect_err(|_| open.untrack(&guest))?;
        pr_info!("guest {}: added\n", spec.name.as_str());
        open.named.insert(vacancy, Entry { guest, _dir: dir })
    }

    /// Removes the guest named `text`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no guest can have that name, [`ENOENT`] if none has, [`EBUSY`] if lines belong to it,
    /// [`ENODEV`] during unload.
    pub(crate) fn remove(&self, text: &str) -> Result {
        let name = Name::new(text).ok_or(EINVAL)?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        if open.named.get(name.as_str())?.guest.is_in_use() {
            return Err(EBUSY);
        }
        // With the lock held, so that the name is free only when its directory is gone. No attribute
        // of a guest takes this lock.
        let Entry { guest, _dir } = open.named.remove(name.as_str())?;
        drop(_dir);
        open.untrack(&guest);
        pr_info!("guest {}: removed\n", name.as_str());
        Ok(())
    }

    /// Makes `line` belong to the guest that `text` names.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no guest can have that name, [`ENOENT`] if none has, [`ENODEV`] during unload.
    pub(crate) fn bind(&self, line: &Line, text: &str) -> Result {
        let link = GuestLink::parse(text)?;
        // With the lock held, so that the guest is not removed meanwhile.
        let open = self.open.lock();
        let open = (*open).as_ref().ok_or(ENODEV)?;
        let bound = match link {
            GuestLink::None => None,
            GuestLink::Guest(name) => {
                let entry = open.named.get(name.as_str())?;
                Some(Bound {
                    name: CString::try_from_fmt(format_args!("{name}"))?,
                    guest: entry.guest.clone(),
                })
            }
        };
        line.bind(bound);
        Ok(())
    }

    /// Removes all guests for good. No line may belong to one any more.
    pub(crate) fn close(&self) {
        let open = self.open.lock().take();
        drop(open);
    }
}

/// Finds what a user means.
fn origin(target: GuestTarget<'_>) -> Result<Origin> {
    Ok(match target {
        GuestTarget::Vm(pid) => Origin::Vm(Process::of(pid.get())?),
        GuestTarget::Pids(pids) => {
            let mut processes = KVec::new();
            for pid in pids.as_slice() {
                processes.push(Process::of(pid.get())?, GFP_KERNEL)?;
            }
            Origin::Processes(processes)
        }
        GuestTarget::Cgroup(path) => {
            let path = CString::try_from_fmt(format_args!("{path}"))?;
            Origin::Cgroup(Arc::new(Cgroup::from_path(&path)?, GFP_KERNEL)?)
        }
    })
}
