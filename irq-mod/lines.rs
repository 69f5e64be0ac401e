// SPDX-License-Identifier: GPL-2.0

//! The lines, in `/sys/kernel/irq_mod/lines`.

use crate::{
    assist::Claims,
    guests::Guests,
    line::{
        Line,
        State, //
    },
    meter::Meters,
    model::{
        interval::Latency,
        name::Name,
        spec::{
            LineSpec,
            LineTarget, //
        },
    },
    settings::Settings,
    sysfs as attributes, //
};
use core::fmt;
use kernel::{
    debugfs::{
        self,
        Scope,
        ScopedDir, //
    },
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use kernel_ext::{
    irq::{
        Changes,
        Postings, //
    },
    power::{
        self,
        Phase, //
    },
    queue::Errand,
    registry::Registry,
    sysfs::{
        AsKobject,
        Dir,
        Parent, //
    }, //
};

/// Most lines at a time.
const MAX_LINES: usize = 1024;
/// How long a driver that is coming or going has time before it is looked at.
const PAUSE: Delta = Delta::from_millis(100);
/// How long a line that lacks something waits until it looks again, in milliseconds: nothing tells of
/// an interrupt that is requested long after it was activated.
const RETRY_MS: u32 = 500;

/// A line and its directories.
struct Entry {
    line: Arc<Line>,
    // Held for their `Drop`, which removes the directories.
    _dir: Dir<Arc<Line>>,
    _debug: Pin<KBox<Scope<Arc<Line>>>>,
}

/// The lines and their directory.
struct Open {
    // Fields drop in declaration order: inner directories go first.
    named: Registry<Entry>,
    dir: Dir<()>,
    debug: debugfs::Dir,
    phase: Phase,
}

/// What all lines share.
pub(crate) struct Host {
    /// What lines can belong to.
    pub(crate) guests: Arc<Guests>,
    /// What looks for their vectors.
    pub(crate) again: Arc<Again>,
    /// Devices that assist.
    pub(crate) claims: Arc<Claims>,
    /// What is known of packets.
    pub(crate) meters: Arc<Meters>,
    /// Vectors that the hardware delivers.
    pub(crate) postings: Postings,
}

/// All lines.
///
/// Lock order: `open` is taken before any lock of a line, and by no attribute of a line, since it is
/// held while a line's directory is removed.
#[pin_data]
pub(crate) struct Lines {
    /// [`None`] before there is a directory, and once the module is being unloaded.
    #[pin]
    open: Mutex<Option<Open>>,
    latency: Latency,
    host: Arc<Host>,
    /// As `open`.
    #[pin]
    power: Mutex<Option<power::Watch<Power>>>,
}

impl Lines {
    pub(crate) fn new(latency: Latency, guests: Arc<Guests>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            open <- new_mutex!(None, "irq_mod::Lines"),
            latency,
            host: Arc::new(
                Host {
                    guests,
                    again: Arc::pin_init(Again::new(), GFP_KERNEL)?,
                    claims: Arc::pin_init(Claims::new(), GFP_KERNEL)?,
                    meters: Arc::pin_init(Meters::new()?, GFP_KERNEL)?,
                    postings: Postings::new()?,
                },
                GFP_KERNEL,
            )?,
            power <- new_mutex!(None, "irq_mod::Lines::power"),
        })
    }

    /// Creates the directory `lines` in `parent`; lines can be added from then on, and attach to what comes.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`EOPNOTSUPP`] if this kernel does not tell of interrupts that come.
    pub(crate) fn open(self: &Arc<Self>, parent: &dyn AsKobject) -> Result {
        *self.host.again.changes.lock() = Some(Changes::new(Ok(Refresh(self.clone())))?);
        let dir = Dir::new(Parent::Dir(parent), c"lines", &[], Ok(()))?;
        *self.open.lock() = Some(Open {
            named: Registry::new(MAX_LINES),
            dir,
            debug: debugfs::Dir::new(c"irq_mod"),
            // Until the next one tells.
            phase: Phase::Suspending,
        });
        let watch = power::Watch::new(Power(self.clone()))?;
        *self.power.lock() = Some(watch);
        Ok(())
    }

    /// Adds the line that `text` describes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] or [`ERANGE`] for a malformed text, [`EEXIST`] for a name that is taken, [`ENOSPC`]
    /// beyond [`MAX_LINES`], [`ENODEV`] during unload, [`ENXIO`] if a number is no interrupt, or why all
    /// interrupts that there are cannot be moderated.
    pub(crate) fn add(&self, text: &str) -> Result {
        let spec = LineSpec::parse(text)?;
        let name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        // First, so that no interrupt is touched in vain.
        let vacancy = open.named.vacancy(name)?;
        let line = Arc::pin_init(
            Line::new(
                spec.target,
                Settings::new(self.latency),
                &self.host,
                open.phase,
            ),
            GFP_KERNEL,
        )?;
        line.refresh();
        let state = line.state();
        match (state, spec.target) {
            (State::Unsupported(refusal), _) => return Err(refusal.into()),
            (State::Waiting(_), LineTarget::Irq(_)) => return Err(ENXIO),
            _ => {}
        }
        pr_info!("line {}: {}\n", spec.name.as_str(), state.as_str());
        let entry = Entry {
            _dir: Dir::new(
                Parent::Dir(&*open.dir),
                vacancy.name(),
                attributes::LINE,
                Ok(line.clone()),
            )?,
            _debug: KBox::pin_init(
                open.debug.scope(line.clone(), vacancy.name(), records),
                GFP_KERNEL,
            )?,
            line,
        };
        open.named.insert(vacancy, entry)
    }

    /// Removes the line named `text`; its interrupts then reach their drivers directly.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if no line can have that name, [`ENOENT`] if none has, [`ENODEV`] during unload.
    pub(crate) fn remove(&self, text: &str) -> Result {
        let name = Name::new(text).ok_or(EINVAL)?;
        let mut open = self.open.lock();
        let open = (*open).as_mut().ok_or(ENODEV)?;
        // With the lock held, so that the name is free only when its directory is gone. No attribute
        // of a line takes this lock.
        drop(open.named.remove(name.as_str())?);
        // Others may have waited for what it had.
        self.host.again.trigger();
        pr_info!("line {}: removed\n", name.as_str());
        Ok(())
    }

    /// Lets all lines look for their vectors again.
    fn refresh(&self) {
        let open = self.open.lock();
        let lines = || open.iter().flat_map(|open| open.named.iter());
        // All of them first, since what one has to give up another one may take.
        lines().for_each(|entry| entry.line.prune());
        lines().for_each(|entry| entry.line.refresh());
        if self.host.claims.settle().is_err() {
            self.host.again.trigger_later();
        }
    }

    /// Lets all lines hold nothing while the system is about to sleep.
    fn enter(&self, phase: Phase) {
        let mut open = self.open.lock();
        if let Some(open) = &mut *open {
            open.phase = phase;
            open.named.iter().for_each(|named| named.line.enter(phase));
        }
    }

    /// Removes all lines for good.
    pub(crate) fn close(&self) {
        // They wait for callbacks, which take the other lock.
        let power = self.power.lock().take();
        drop(power);
        let changes = self.host.again.changes.lock().take();
        drop(changes);
        let open = self.open.lock().take();
        drop(open);
    }
}

/// The histograms of a line, in its directory of debugfs.
fn records<'data, 'dir>(line: &'data Arc<Line>, dir: &'dir ScopedDir<'data, 'dir>) {
    let holds_us = &|line: &Arc<Line>, out: &mut fmt::Formatter<'_>| {
        write!(out, "{}", line.counters().holds_us)
    };
    let lateness_us = &|line: &Arc<Line>, out: &mut fmt::Formatter<'_>| {
        write!(out, "{}", line.counters().lateness_us)
    };
    let batches = &|line: &Arc<Line>, out: &mut fmt::Formatter<'_>| {
        write!(out, "{}", line.counters().batches)
    };
    dir.read_callback_file(c"hold_us", line, holds_us);
    dir.read_callback_file(c"lateness_us", line, lateness_us);
    dir.read_callback_file(c"batch", line, batches);
}

/// Lets lines attach to what comes.
#[pin_data]
pub(crate) struct Again {
    /// [`None`] before there are lines, and once the module is being unloaded.
    #[pin]
    changes: Mutex<Option<Changes<Refresh>>>,
}

impl Again {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            changes <- new_mutex!(None, "irq_mod::Again"),
        })
    }

    /// Lets all lines look for their vectors again, in a moment.
    pub(crate) fn trigger(&self) {
        if let Some(changes) = &*self.changes.lock() {
            changes.trigger();
        }
    }

    /// Lets them do so after a while.
    pub(crate) fn trigger_later(&self) {
        if let Some(changes) = &*self.changes.lock() {
            changes.trigger_after(RETRY_MS);
        }
    }
}

struct Refresh(Arc<Lines>);

impl Errand for Refresh {
    fn run(&self) {
        // An interrupt gets its name a little after its vector.
        fsleep(PAUSE);
        self.0.refresh();
    }
}

struct Power(Arc<Lines>);

impl power::Watcher for Power {
    fn entered(&self, phase: Phase) {
        self.0.enter(phase);
    }
}
