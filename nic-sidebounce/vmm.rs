// SPDX-License-Identifier: GPL-2.0

//! A network device of the host that receives what bounces on its way to the VM, such as a VF that the host keeps:
//! then it can give packets back by a VLAN device for the service VLAN.

use crate::{
    claims::{
        Claim,
        Role, //
    },
    companion::DefaultPool,
    filter::Filter,
    model::{
        note::Note,
        spec::DeviceName,
        text::Malformed, //
    },
    seen, //
};
use core::fmt;
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};
use kernel_ext::net::{
    Device,
    Frame,
    Handler,
    Hook,
    Outcome,
    Visit, //
};

/// Who receives what bounces on its way to the VM, as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// `pair`.
    Pair,
    /// `dev:NAME`, this device.
    Device(DeviceName<'a>),
    /// `pool:NAME`, this device of a VF of the same card, to which the card itself gives what is for the VM.
    Pool(DeviceName<'a>),
}

impl<'a> Choice<'a> {
    /// Reads one of the three.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        match text.split_once(':') {
            None if text == "pair" => Ok(Self::Pair),
            Some(("dev", name)) => DeviceName::parse(name).map(Self::Device),
            Some(("pool", name)) => DeviceName::parse(name).map(Self::Pool),
            _ => Err(Malformed::Syntax),
        }
    }
}

/// A device that is to receive what bounces, be it there or not.
pub(crate) struct Vmm {
    wanted: Arc<Wanted>,
    /// [`None`] while there is no such device that can be used.
    taken: Option<Taken>,
}

/// Which device that is.
pub(crate) struct Wanted {
    name: CString,
    has_pool: bool,
}

/// The device, while it receives what bounces.
struct Taken {
    // Fields drop in declaration order: the card stops before nobody looks at what it gives.
    pool: Option<DefaultPool>,
    hook: Hook<Inlet>,
    _claim: Claim,
}

/// What the device receives from the card, for this filter's VF: it passes level 1 here, and stays if it bounces.
struct Inlet(Arc<Filter>);

impl Handler for Inlet {
    // The last one, so that others see what comes in as it came.
    const PRIORITY: i32 = i32::MAX;

    fn ingress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        // What the filter has given to the device has a mark; the card gives none.
        let is_for_vm = !Note::is_mark(visit.mark())
            && seen::divert_frame(&visit)
                .is_some_and(|info| info.tag.is_none() && self.0.has_mac(info.dst));
        if is_for_vm {
            self.0.looked_at(visit)
        } else {
            Outcome::Pass(visit)
        }
    }

    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        Outcome::Pass(visit)
    }
}

impl Wanted {
    /// Lets the device receive what `filter` bounces.
    ///
    /// # Errors
    ///
    /// As [`Vmm::new`].
    fn take(&self, filter: &Arc<Filter>) -> Result<Taken> {
        let device = Device::named(self.name.to_str().map_err(|_| EINVAL)?)?;
        let claim = |device| filter.claims.claim(device, Role::Bounced);
        let (pool, claim) = match self.has_pool {
            false => (None, claim(device)?),
            true => {
                let (pf, vf) = device.physical()?;
                if filter.pf() != Some(pf) {
                    return Err(EXDEV);
                }
                let claim = claim(device)?;
                (Some(DefaultPool::new(pf, vf)?), claim)
            }
        };
        Ok(Taken {
            pool,
            hook: Hook::new(device, Ok(Inlet(filter.clone())))?,
            _claim: claim,
        })
    }
}

impl Vmm {
    /// Lets a device receive what `filter`, which has the VF of a PF if it has one, bounces on its way to the VM.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is no such device, [`EBUSY`] if its packets pass a filter; with a pool [`EOPNOTSUPP`] if it
    /// is no 82576 or the device is no VF's, [`EXDEV`] if that is none of the same card, [`EBUSY`] if another VF of the
    /// host has the pool; or as [`Hook::new`].
    pub(crate) fn new(filter: &Arc<Filter>, choice: Choice<'_>) -> Result<Option<Self>> {
        let (name, has_pool) = match choice {
            Choice::Pair => return Ok(None),
            Choice::Device(name) => (name, false),
            Choice::Pool(name) => (name, true),
        };
        let wanted = Wanted {
            name: CString::try_from_fmt(format_args!("{}", name.as_str()))?,
            has_pool,
        };
        Ok(Some(Self {
            taken: Some(wanted.take(filter)?),
            wanted: Arc::new(wanted, GFP_KERNEL)?,
        }))
    }

    /// Which device it is, and whether that is there.
    pub(crate) fn state(&self) -> (Arc<Wanted>, Presence) {
        let presence = match &self.taken {
            None => Presence::Missing,
            Some(taken) if taken.hook.with(|_| ()).is_some() => Presence::There,
            Some(_) => Presence::Gone,
        };
        (self.wanted.clone(), presence)
    }

    /// What is to have no device for the time being.
    pub(crate) fn without(wanted: Arc<Wanted>) -> Self {
        Self {
            wanted,
            taken: None,
        }
    }

    /// What has its device again.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub(crate) fn again(filter: &Arc<Filter>, wanted: Arc<Wanted>) -> Result<Self> {
        Ok(Self {
            taken: Some(wanted.take(filter)?),
            wanted,
        })
    }

    /// Whether the card itself gives the device what is for the VM, so that the PF must not listen to it.
    pub(crate) fn has_pool(&self) -> bool {
        self.taken
            .as_ref()
            .is_some_and(|taken| taken.pool.is_some())
    }

    /// Whether that is so at the moment.
    pub(crate) fn is_pooled(&self) -> bool {
        let pool = self.taken.as_ref().and_then(|taken| taken.pool.as_ref());
        pool.is_some_and(DefaultPool::is_in_force)
    }

    /// Lets the device receive a frame that bounces.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`ENETDOWN`] if it is down, [`ENOBUFS`].
    pub(crate) fn receive(&self, frame: Frame) -> Result {
        let taken = self.taken.as_ref().ok_or(ENODEV)?;
        taken
            .hook
            .with(|here| here.receive(frame))
            .unwrap_or(Err(ENODEV))
    }

    /// Whether a frame could be received.
    pub(crate) fn is_up(&self) -> bool {
        let is_up = |taken: &Taken| taken.hook.with(|here| here.is_up());
        self.taken.as_ref().and_then(is_up).unwrap_or(false)
    }

    /// Writes it as it was chosen.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show(&self, out: &mut dyn fmt::Write) -> Result {
        let kind = if self.wanted.has_pool { "pool" } else { "dev" };
        let name = self.wanted.name.to_str().map_err(|_| EIO)?;
        writeln!(out, "{kind}:{name}").map_err(|_| EIO)
    }
}

/// Whether a device can receive what bounces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It does.
    There,
    /// It has gone since.
    Gone,
    /// It is not there.
    Missing,
}
