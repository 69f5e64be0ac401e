// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/kernel/irq_mod`; `ABI` describes each.

use crate::{
    driver::{
        Lines,
        Root, //
    },
    line::Line,
    model::interval::Latency, //
};
use kernel::{
    prelude::*,
    str::Formatter, //
};
use kernel_ext::{
    irq::Status,
    param,
    sysfs::{
        show,
        sysfs_group,
        Attribute,
        Group,
        Mode,
        Object, //
    }, //
};

/// Version of the interface described in `ABI`.
const VERSION: u32 = 1;

/// Attributes of `/sys/kernel/irq_mod`.
pub(crate) const ROOT: &[&Group<Root>] = &[&ROOT_GROUP];
/// Attributes of `/sys/kernel/irq_mod/lines`.
pub(crate) const LINES: &[&Group<Lines>] = &[&LINES_GROUP];
/// Attributes of `/sys/kernel/irq_mod/lines/<name>`.
pub(crate) const LINE: &[&Group<Line>] = &[&LINE_GROUP, &STATS_GROUP];

sysfs_group!(static ROOT_GROUP: Root = [Version]);
sysfs_group!(static LINES_GROUP: Lines = [Add, Remove]);
sysfs_group!(static LINE_GROUP: Line = [Irq, State, LatencyUs, EffectiveUs]);
sysfs_group!(static STATS_GROUP: Line in c"stats" = [
    Delivered,
    Held,
    Windows,
    Masked,
    ReplayedInline,
    ReplayedInjected,
    Dropped,
    MaxHoldUs,
]);

struct Version;

impl Attribute<Root> for Version {
    const NAME: &'static CStr = c"version";
    const MODE: Mode = Mode::ReadOnly;

    fn show(_: &Object<Root>, out: &mut Formatter<'_>) -> Result {
        show(out, VERSION)
    }
}

struct Add;

impl Attribute<Lines> for Add {
    const NAME: &'static CStr = c"add";
    const MODE: Mode = Mode::WriteOnly;

    fn store(lines: &Object<Lines>, text: &str) -> Result {
        lines.add(lines, text)
    }
}

struct Remove;

impl Attribute<Lines> for Remove {
    const NAME: &'static CStr = c"remove";
    const MODE: Mode = Mode::WriteOnly;

    fn store(lines: &Object<Lines>, text: &str) -> Result {
        lines.remove(text)
    }
}

struct Irq;

impl Attribute<Line> for Irq {
    const NAME: &'static CStr = c"irq";
    const MODE: Mode = Mode::ReadOnly;

    fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
        show(out, line.irq())
    }
}

struct State;

impl Attribute<Line> for State {
    const NAME: &'static CStr = c"state";
    const MODE: Mode = Mode::ReadOnly;

    fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
        show(
            out,
            match line.status() {
                Status::Attached => "attached",
                Status::Gone => "gone",
            },
        )
    }
}

struct LatencyUs;

impl Attribute<Line> for LatencyUs {
    const NAME: &'static CStr = c"latency_us";
    const MODE: Mode = Mode::ReadWrite;

    fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
        show(out, line.moderator().latency().us())
    }

    fn store(line: &Object<Line>, text: &str) -> Result {
        line.moderator()
            .set_latency(param::ranged(text, Latency::from_us)?);
        Ok(())
    }
}

struct EffectiveUs;

impl Attribute<Line> for EffectiveUs {
    const NAME: &'static CStr = c"effective_us";
    const MODE: Mode = Mode::ReadOnly;

    fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
        show(
            out,
            match line.status() {
                Status::Attached => line.moderator().latency().effective_us(),
                Status::Gone => 0,
            },
        )
    }
}

/// Declares a read-only attribute below `stats/` that shows one number derived from the counters.
macro_rules! counter {
    ($attr:ident, $name:literal, $counters:ident => $value:expr) => {
        struct $attr;

        impl Attribute<Line> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadOnly;

            fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
                let $counters = line.counters();
                show(out, $value)
            }
        }
    };
}

counter!(Delivered, c"delivered", counters => counters.delivered);
counter!(Held, c"held", counters => counters.held);
counter!(Windows, c"windows", counters => counters.windows);
counter!(Masked, c"masked", counters => counters.masked);
counter!(ReplayedInline, c"replayed_inline", counters => counters.replayed_inline);
counter!(ReplayedInjected, c"replayed_injected", counters => counters.replayed_injected);
counter!(Dropped, c"dropped", counters => counters.dropped);
counter!(MaxHoldUs, c"max_hold_us", counters => counters.max_hold_ns / 1_000);
