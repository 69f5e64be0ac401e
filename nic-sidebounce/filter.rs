// SPDX-License-Identifier: GPL-2.0

//! One filter as packets meet it.

mod path;

use crate::{
    claims::Claims,
    control::NETLINK,
    ffi::{
        self,
        Teacher, //
    },
    filters::Bell,
    holding::Holding,
    judge::{
        Bounds,
        Judge, //
    },
    model::{
        divert,
        ethernet::Mac,
        flow::Lesson,
        hold::Bounds as HoldBounds,
        key::{
            Direction,
            Flags, //
        },
        spec::{
            Spec,
            Target, //
        },
        text::Switch, //
    },
    netlink::Event,
    pair::Pair,
    sampling::Sampling,
    settings::Settings,
    stats::Counters,
    tap::Tap,
    uplink::Uplink,
    vmm::{
        Choice,
        Presence,
        Vmm, //
    }, //
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
    net::{
        Device,
        DropReason, //
    },
    sync::{
        Published,
        Reader,
        Slot, //
    }, //
};

/// Whether a filter has an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It filters.
    Filtering {
        /// The service VLAN, 0 if there is none.
        vid: u16,
        /// The VF's address, if there is one.
        mac: Option<Mac>,
    },
    /// Not yet, or not any more, for this reason.
    Waiting(&'static str),
}

impl Status {
    /// In a word.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Filtering { .. } => "filtering",
            Self::Waiting(_) => "waiting",
        }
    }
}

/// Where packets of a filter go on.
pub(crate) enum Route {
    /// By the PF.
    Veb(Arc<Uplink>, divert::Port),
    /// By a device of the host.
    Tap(Arc<Tap>),
}

/// One filter as packets meet it, and what it consists of.
///
/// Who is behind `route` and `pair` refers to the filter; [`Self::close`] parts them.
#[pin_data]
pub(crate) struct Filter {
    /// The number in the names of its pair.
    pub(crate) id: u32,
    pub(crate) name: CString,
    /// What it is for, as it was written.
    pub(crate) target: CString,
    backend: &'static str,
    #[pin]
    pub(crate) judge: Judge,
    pub(crate) counters: Counters,
    #[pin]
    pub(crate) holding: Holding,
    settings: Published<Settings>,
    /// Held while settings are changed.
    #[pin]
    changes: Mutex<()>,
    /// Empty while the VF or the device is not there.
    pub(crate) route: Slot<Route>,
    pub(crate) pair: Slot<Pair>,
    /// Empty if the pair receives what bounces on its way to the VM.
    pub(crate) vmm: Slot<Vmm>,
    /// Empty unless bounced packets are shown.
    pub(crate) sampling: Slot<Sampling>,
    /// Which devices all filters use.
    pub(crate) claims: Arc<Claims>,
    #[pin]
    status: Mutex<Status>,
    bell: Arc<Bell>,
}

impl Filter {
    /// A filter that is nowhere yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(
        id: u32,
        spec: &Spec<'_>,
        bounds: Bounds,
        bell: Arc<Bell>,
        claims: Arc<Claims>,
    ) -> Result<Arc<Self>> {
        let name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let target = CString::try_from_fmt(format_args!("{}", spec.target))?;
        let backend = match spec.target {
            Target::Vf { .. } => "veb",
            Target::Device { .. } => "port",
        };
        Arc::pin_init(
            try_pin_init!(Self {
                id,
                name,
                target,
                backend,
                judge <- Judge::new(bounds)?,
                counters: Counters::new()?,
                holding <- Holding::new()?,
                settings: Published::new(Settings::DEFAULT)?,
                changes <- new_mutex!((), "nic_sidebounce::Filter"),
                route: Slot::empty(),
                pair: Slot::empty(),
                vmm: Slot::empty(),
                sampling: Slot::empty(),
                claims,
                status <- new_mutex!(Status::Waiting("it was just added"), "nic_sidebounce::Status"),
                bell,
            }),
            GFP_KERNEL,
        )
    }

    /// How packets come by.
    pub(crate) fn backend(&self) -> &'static str {
        self.backend
    }

    /// The VM is away, or back: holds what comes for it, or hands it over.
    pub(crate) fn hold(&self, switch: Switch) {
        if switch.is_on() {
            self.holding.hold();
        } else {
            self.holding.replay();
        }
        self.bell.ring();
    }

    /// What the user has set.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.with(|settings| *settings)
    }

    /// As [`Self::settings`], for who is a reader anyway.
    #[inline]
    pub(crate) fn settings_now<'a>(&'a self, reader: Reader<'a>) -> &'a Settings {
        self.settings.get(reader)
    }

    /// Changes what the user has set.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) -> Result {
        let _changes = self.changes.lock();
        let mut settings = self.settings();
        change(&mut settings);
        let former = self.settings.replace(settings)?;
        if former.budget() != settings.budget() {
            self.judge.fill_bucket();
        }
        // Some of it is a matter of the PF.
        self.bell.ring();
        Ok(())
    }

    /// Changes how much may be held.
    ///
    /// # Errors
    ///
    /// As [`Holding::set_bounds`].
    pub(crate) fn set_hold_bounds(&self, change: impl FnOnce(HoldBounds) -> HoldBounds) -> Result {
        let _changes = self.changes.lock();
        self.holding.set_bounds(change)
    }

    /// Whether it has an effect.
    pub(crate) fn status(&self) -> Status {
        *self.status.lock()
    }

    /// Notes whether it has an effect; returns whether that is new.
    pub(crate) fn set_status(&self, status: Status) -> bool {
        let mut now = self.status.lock();
        let is_new = *now != status;
        *now = status;
        is_new
    }

    /// As events name it.
    #[inline]
    fn traced(&self) -> ffi::Filter<'_> {
        ffi::Filter {
            id: self.id,
            name: &self.name,
        }
    }

    /// Tells programs that listen what has happened.
    pub(crate) fn tell(&self, event: Event<'_>) {
        if let Ok(name) = self.name.to_str() {
            NETLINK.tell(name, event);
        }
    }

    /// Level 2 says what becomes of a flow.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if its packets cannot be told apart from others.
    pub(crate) fn learn(&self, lesson: &Lesson, teacher: Teacher) -> Result {
        let Lesson {
            key,
            action,
            seconds,
        } = lesson;
        self.judge
            .learn(key, *action, *seconds)
            .map_err(|_| EINVAL)?;
        let direction = match key.has(Flags::TX) {
            true => Direction::Tx,
            false => Direction::Rx,
        };
        ffi::trace_learn(self.traced(), direction, *action, teacher, *seconds);
        Ok(())
    }

    /// Whether this is the address of its VF.
    #[inline]
    pub(crate) fn has_mac(&self, mac: Mac) -> bool {
        self.route.with(|route| match route {
            Some(Route::Veb(_, port)) => port.mac == mac,
            _ => false,
        })
    }

    /// The PF of its VF, while that is there.
    pub(crate) fn pf(&self) -> Option<Device> {
        self.route.with(|route| match route {
            Some(Route::Veb(uplink, _)) => Some(uplink.device()),
            _ => None,
        })
    }

    /// Whether the card gives what is for the VM to a VF of the host.
    pub(crate) fn has_pool(&self) -> bool {
        self.vmm.with(|vmm| vmm.is_some_and(Vmm::has_pool))
    }

    /// Changes who receives what bounces on its way to the VM.
    ///
    /// # Errors
    ///
    /// As [`Vmm::new`]: then nothing has changed.
    pub(crate) fn set_vmm(self: &Arc<Self>, choice: Choice<'_>) -> Result {
        let _changes = self.changes.lock();
        // With a pool before the former is dropped, so that a choice that fails leaves that in force. A card has one
        // default pool: if the former has it, that is EBUSY.
        let former = match Vmm::new(self, choice) {
            Ok(None) => self.vmm.take(),
            Ok(Some(vmm)) => self.vmm.replace(vmm)?,
            Err(error) => return Err(error),
        };
        drop(former);
        self.bell.ring();
        Ok(())
    }

    /// Lets go of the device that receives what bounces if it has gone, and takes it again if it is back.
    pub(crate) fn tend_vmm(self: &Arc<Self>) {
        let _changes = self.changes.lock();
        let state = self.vmm.with(|vmm| vmm.map(Vmm::state));
        let Some((wanted, presence)) = state else {
            return;
        };
        // What fails is tried again the next time.
        if presence == Presence::Gone {
            let _ = self.vmm.replace(Vmm::without(wanted.clone()));
        }
        if presence != Presence::There {
            let _ = Vmm::again(self, wanted).and_then(|vmm| self.vmm.replace(vmm));
        }
    }

    /// Parts the filter from all that refers to it. Process context.
    pub(crate) fn close(&self) {
        // First what frames come by.
        drop(self.vmm.take());
        drop(self.route.take());
        drop(self.pair.take());
        // Whoever still refers to the filter, such as a list that a program reads, keeps nothing of that.
        drop(self.sampling.take());
        while let Some(frame) = self.holding.abandon() {
            frame.drop_with(DropReason::Purged);
        }
    }
}
