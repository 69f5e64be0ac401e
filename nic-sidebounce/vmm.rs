// SPDX-License-Identifier: GPL-2.0

//! A network device of the host that receives what bounces on its way to the VM, such as a VF that the host keeps:
//! then it can give packets back by a VLAN device for the service VLAN.

use crate::{
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

/// The device, while it receives what bounces.
pub(crate) struct Vmm {
    // Fields drop in declaration order: the card stops before nobody looks at what it gives.
    pool: Option<DefaultPool>,
    hook: Hook<Inlet>,
    name: CString,
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

impl Vmm {
    /// Lets `name` receive what `filter`, which has the VF of `pf` if it has one, bounces on its way to the VM.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is no such device; with a pool [`EOPNOTSUPP`] if it is no 82576 or the device is no VF's,
    /// [`EXDEV`] if that is none of the same card, [`EBUSY`] if another VF of the host has the pool; or as
    /// [`Hook::new`].
    pub(crate) fn new(filter: &Arc<Filter>, choice: Choice<'_>) -> Result<Option<Self>> {
        let (name, has_pool) = match choice {
            Choice::Pair => return Ok(None),
            Choice::Device(name) => (name, false),
            Choice::Pool(name) => (name, true),
        };
        let device = Device::named(name.as_str())?;
        let pool = match has_pool {
            false => None,
            true => {
                let (pf, vf) = device.physical()?;
                if filter.pf() != Some(pf) {
                    return Err(EXDEV);
                }
                Some(DefaultPool::new(pf, vf)?)
            }
        };
        Ok(Some(Self {
            pool,
            hook: Hook::new(device, Ok(Inlet(filter.clone())))?,
            name: CString::try_from_fmt(format_args!("{}", name.as_str()))?,
        }))
    }

    /// Whether the card itself gives the device what is for the VM, so that the PF must not listen to it.
    pub(crate) fn has_pool(&self) -> bool {
        self.pool.is_some()
    }

    /// Whether that is so at the moment.
    pub(crate) fn is_pooled(&self) -> bool {
        self.pool.as_ref().is_some_and(DefaultPool::is_in_force)
    }

    /// Lets the device receive a frame that bounces.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`ENETDOWN`] if it is down, [`ENOBUFS`].
    pub(crate) fn receive(&self, frame: Frame) -> Result {
        self.hook
            .with(|here| here.receive(frame))
            .unwrap_or(Err(ENODEV))
    }

    /// Whether a frame could be received.
    pub(crate) fn is_up(&self) -> bool {
        self.hook.with(|here| here.is_up()).unwrap_or(false)
    }

    /// Writes it as it was chosen.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show(&self, out: &mut dyn fmt::Write) -> Result {
        let kind = if self.has_pool() { "pool" } else { "dev" };
        let name = self.name.to_str().map_err(|_| EIO)?;
        writeln!(out, "{kind}:{name}").map_err(|_| EIO)
    }
}
