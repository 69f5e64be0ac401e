// SPDX-License-Identifier: GPL-2.0

//! Loading, unloading, and the set of moderated lines.

use crate::{
    line::Line,
    model::{
        interval::Latency,
        spec::{
            Malformed,
            Name,
            Spec, //
        },
    },
    module_parameters,
    sysfs as attributes, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::Mutex, //
};
use kernel_ext::sysfs::{
    AsKobject,
    Dir,
    Parent, //
};

/// Most lines at a time.
const MAX_LINES: usize = 1024;

/// The module: `/sys/kernel/irq_mod` and what is below it.
pub(crate) struct IrqMod {
    // Fields drop in declaration order: the inner directory goes first.
    lines: Dir<Lines>,
    _root: Dir<Root>,
}

/// The data of `/sys/kernel/irq_mod`: none.
pub(crate) struct Root;

/// A line and its name.
struct Named {
    name: CString,
    // Held for its `Drop`, which detaches.
    _dir: Dir<Line>,
}

/// The lines, in `/sys/kernel/irq_mod/lines`.
///
/// Lock order: `named` is taken before any lock of a line, and by no attribute of a line, since it is
/// held while a line's directory is removed.
#[pin_data]
pub(crate) struct Lines {
    /// [`None`] once the module is being unloaded, so that no line is added behind its back.
    #[pin]
    named: Mutex<Option<KVec<Named>>>,
    latency: Latency,
}

impl Lines {
    fn new(latency: Latency) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            named <- new_mutex!(Some(KVec::new()), "irq_mod::Lines"),
            latency,
        })
    }

    /// Adds the line that `text` describes, below the directory `parent`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] or [`ERANGE`] for a malformed text, [`EEXIST`] for a name or line that is taken,
    /// [`ENOSPC`] beyond [`MAX_LINES`], [`ENODEV`] during unload, or why the line is refused.
    pub(crate) fn add(&self, parent: &dyn AsKobject, text: &str) -> Result {
        let spec = Spec::parse(text).map_err(|malformed| match malformed {
            Malformed::Syntax => EINVAL,
            Malformed::Range => ERANGE,
        })?;
        let name = CString::try_from_fmt(fmt!("{}", spec.name.as_str()))?;
        let mut named = self.named.lock();
        let named = (*named).as_mut().ok_or(ENODEV)?;
        if named.iter().any(|other| *other.name == *name) {
            return Err(EEXIST);
        }
        if named.len() >= MAX_LINES {
            return Err(ENOSPC);
        }
        // Reserved first, so that nothing can fail once the line is attached.
        named.reserve(1, GFP_KERNEL)?;
        let line = Line::attach(spec.target, self.latency)?;
        pr_info!(
            "line {}: attached to irq {}\n",
            spec.name.as_str(),
            line.irq()
        );
        let dir = Dir::new(Parent::Dir(parent), &name, attributes::LINE, Ok(line))?;
        named.push(Named { name, _dir: dir }, GFP_KERNEL)?;
        Ok(())
    }

    /// Removes the line named `text`; its interrupts then reach the driver directly.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no line can have that name, [`ENOENT`] if none has.
    pub(crate) fn remove(&self, text: &str) -> Result {
        let name = Name::new(text).ok_or(EINVAL)?;
        let mut named = self.named.lock();
        let named = (*named).as_mut().ok_or(ENODEV)?;
        let index = named
            .iter()
            .position(|named| named.name.to_bytes() == name.as_str().as_bytes())
            .ok_or(ENOENT)?;
        // With the lock held, so that the name is free only when its directory is gone. No attribute
        // of a line takes this lock.
        drop(named.remove(index).map_err(|_| ENOENT)?);
        pr_info!("line {}: detached\n", name.as_str());
        Ok(())
    }

    /// Removes all lines for good.
    fn close(&self) {
        let named = self.named.lock().take();
        drop(named);
    }
}

impl kernel::Module for IrqMod {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let latency = Latency::from_us(module_parameters::latency_us.value())
            .ok_or(ERANGE)
            .inspect_err(|_| {
                pr_err!("latency_us is out of range, 0 to {}\n", Latency::MAX_US);
            })?;
        let root = Dir::new(Parent::Kernel, c"irq_mod", attributes::ROOT, Ok(Root))?;
        let lines = Dir::new(
            Parent::Dir(&*root),
            c"lines",
            attributes::LINES,
            Lines::new(latency),
        )?;
        let module = Self { lines, _root: root };
        match module_parameters::irq.value() {
            0 => {}
            irq => {
                let spec = CString::try_from_fmt(fmt!("irq{irq} irq:{irq}"))?;
                let spec = spec.to_str().map_err(|_| EINVAL)?;
                module
                    .lines
                    .add(&*module.lines, spec)
                    .inspect_err(|error| {
                        pr_err!("irq {irq} cannot be moderated ({error:?})\n");
                    })?;
            }
        }
        Ok(module)
    }
}

impl Drop for IrqMod {
    fn drop(&mut self) {
        self.lines.close();
    }
}
