// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/kernel/irq_mod`; `ABI` describes each.

use crate::{
    driver::Root,
    guest::Guest,
    line::Line,
    model::{
        budget::Limit,
        interval::{
            Halted,
            Latency,
            Overflow,
            OverflowRule, //
        },
        rate::{
            DepthRule,
            RateHint, //
        },
        text::Switch, //
    }, //
};
use core::fmt::Write;
use kernel::{
    prelude::*,
    str::Formatter,
    sync::Arc, //
};
use kernel_ext::{
    param,
    sysfs::{
        show,
        sysfs_group,
        sysfs_shown,
        sysfs_written,
        Attribute,
        Group,
        Mode,
        Object, //
    }, //
};

/// Version of the interface described in `ABI`.
const VERSION: u32 = 2;

/// The data of a line's directory.
pub(crate) type SharedLine = Arc<Line>;
/// The data of a guest's directory.
type SharedGuest = Arc<Guest>;

/// Attributes of `/sys/kernel/irq_mod`.
pub(crate) const ROOT: &[&Group<Root>] = &[&ROOT_GROUP];
/// Attributes of `/sys/kernel/irq_mod/lines/<name>`.
pub(crate) const LINE: &[&Group<SharedLine>] = &[&LINE_GROUP, &LINE_STATS];
/// Attributes of `/sys/kernel/irq_mod/guests/<name>`.
pub(crate) const GUEST: &[&Group<SharedGuest>] = &[&GUEST_GROUP, &GUEST_STATS];

sysfs_group!(static ROOT_GROUP: Root = [Version, AddLine, RemoveLine, AddGuest, RemoveGuest]);
sysfs_group!(static LINE_GROUP: SharedLine = [
    LineTarget,
    LineGuest,
    LatencyUs,
    OverflowUs,
    OverflowMaxUs,
    Depth,
    RateHintPerS,
    HaltedUs,
    BurstEvents,
    Adaptive,
    HwAssist,
    LineState,
    Reason,
    Irqs,
    EffectiveUs,
]);
sysfs_group!(static LINE_STATS: SharedLine in c"stats" = [
    Delivered,
    DeliveredRunning,
    DeliveredReady,
    DeliveredHalted,
    Held,
    Windows,
    Masked,
    Rearmed,
    Early,
    ReplayedInline,
    ReplayedInjected,
    Dropped,
    MaxHoldUs,
    PacketsPerS,
    Ring,
]);
sysfs_group!(static GUEST_GROUP: SharedGuest = [GuestTarget, GuestState, Members, MaxIrqs]);
sysfs_group!(static GUEST_STATS: SharedGuest in c"stats" = [
    ActiveNs,
    ReadyNs,
    HaltedNs,
    Activations,
    Contained,
]);

sysfs_shown!(Root:
    Version = c"version", _root => VERSION;
);

sysfs_written!(Root:
    AddLine = c"add_line", root, text => root.lines.add(text);
    RemoveLine = c"remove_line", root, text => root.lines.remove(text);
    AddGuest = c"add_guest", root, text => root.guests.add(text);
    RemoveGuest = c"remove_guest", root, text => root.guests.remove(text);
);

sysfs_shown!(SharedLine:
    LineTarget = c"target", line => line.target().to_str().map_err(|_| EIO)?;
    LineState = c"state", line => line.state().as_str();
    Reason = c"reason", line => line.reason();
    EffectiveUs = c"effective_us", line => line.effective_us();
    Delivered = c"delivered", line => line.counters().delivered;
    DeliveredRunning = c"delivered_running", line => line.counters().delivered_running;
    DeliveredReady = c"delivered_ready", line => line.counters().delivered_ready;
    DeliveredHalted = c"delivered_halted", line => line.counters().delivered_halted;
    Held = c"held", line => line.counters().held;
    Windows = c"windows", line => line.counters().windows;
    Masked = c"masked", line => line.counters().masked;
    Rearmed = c"rearmed", line => line.counters().rearmed;
    Early = c"early", line => line.counters().early;
    ReplayedInline = c"replayed_inline", line => line.counters().replayed_inline;
    ReplayedInjected = c"replayed_injected", line => line.counters().replayed_injected;
    Dropped = c"dropped", line => line.counters().dropped;
    MaxHoldUs = c"max_hold_us", line => line.counters().max_hold_ns / 1_000;
    PacketsPerS = c"packets_per_s", line => line.packets_per_s();
    Ring = c"ring", line => line.ring();
);

sysfs_shown!(SharedGuest:
    GuestTarget = c"target", guest => guest.target.to_str().map_err(|_| EIO)?;
    GuestState = c"state", guest => match guest.is_gone() {
        true => "gone",
        false => guest.activity().as_str(),
    };
    Members = c"members", guest => guest.members();
    ActiveNs = c"active_ns", guest => guest.spent().active_ns;
    ReadyNs = c"ready_ns", guest => guest.spent().ready_ns;
    HaltedNs = c"halted_ns", guest => guest.spent().halted_ns;
    Activations = c"activations", guest => guest.activations();
    Contained = c"contained", guest => guest.budget.contained();
);

struct MaxIrqs;

impl Attribute<SharedGuest> for MaxIrqs {
    const NAME: &'static CStr = c"max_irqs";
    const MODE: Mode = Mode::ReadWrite;

    fn show(guest: &Object<SharedGuest>, out: &mut Formatter<'_>) -> Result {
        show(out, guest.budget.limit().irqs_per_s())
    }

    fn store(guest: &Object<SharedGuest>, text: &str) -> Result {
        guest.set_limit(param::ranged(text, Limit::from_irqs_per_s)?);
        Ok(())
    }
}

struct LineGuest;

impl Attribute<SharedLine> for LineGuest {
    const NAME: &'static CStr = c"guest";
    const MODE: Mode = Mode::ReadWrite;

    fn show(line: &Object<SharedLine>, out: &mut Formatter<'_>) -> Result {
        line.show_guest(|name| show(out, name))
    }

    fn store(line: &Object<SharedLine>, text: &str) -> Result {
        line.bind_to(text)
    }
}

struct HwAssist;

impl Attribute<SharedLine> for HwAssist {
    const NAME: &'static CStr = c"hw_assist";
    const MODE: Mode = Mode::ReadWrite;

    fn show(line: &Object<SharedLine>, out: &mut Formatter<'_>) -> Result {
        show(out, line.hw_assist())
    }

    fn store(line: &Object<SharedLine>, text: &str) -> Result {
        line.set_hw_assist(Switch::parse(text)?)
    }
}

struct Irqs;

impl Attribute<SharedLine> for Irqs {
    const NAME: &'static CStr = c"irqs";
    const MODE: Mode = Mode::ReadOnly;

    fn show(line: &Object<SharedLine>, out: &mut Formatter<'_>) -> Result {
        let mut separator = "";
        line.each_irq(|irq| {
            let shown = write!(out, "{separator}{irq}").map_err(|_| EIO);
            separator = " ";
            shown
        })?;
        show(out, "")
    }
}

/// Declares an attribute of a line's settings: where it is, how it is shown and how it is parsed.
macro_rules! knob {
    ($attr:ident = $name:literal, $($field:ident).+, $value:ident => $shown:expr, $text:ident => $parsed:expr) => {
        struct $attr;

        impl Attribute<SharedLine> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadWrite;

            fn show(line: &Object<SharedLine>, out: &mut Formatter<'_>) -> Result {
                let $value = line.settings().$($field).+;
                show(out, $shown)
            }

            fn store(line: &Object<SharedLine>, $text: &str) -> Result {
                let value = $parsed?;
                line.set(|settings| settings.$($field).+ = value);
                Ok(())
            }
        }
    };
}

knob!(LatencyUs = c"latency_us", intervals.latency, latency => latency.us(),
    text => param::ranged(text, Latency::from_us));
knob!(OverflowUs = c"overflow_us", overflow, overflow => overflow,
    text => OverflowRule::parse(text).map_err(Error::from));
knob!(OverflowMaxUs = c"overflow_max_us", overflow_max, max => max.us(),
    text => param::ranged(text, Overflow::from_us));
knob!(Depth = c"depth", depth, depth => depth,
    text => DepthRule::parse(text).map_err(Error::from));
knob!(RateHintPerS = c"rate_hint", rate_hint, hint => hint.per_s(),
    text => param::ranged(text, RateHint::from_per_s));
knob!(HaltedUs = c"halted_us", intervals.halted, halted => halted,
    text => Halted::parse(text).map_err(Error::from));
knob!(BurstEvents = c"burst_events", burst_events, events => events,
    text => param::ranged(text, Some));
knob!(Adaptive = c"adaptive", adaptive, adaptive => adaptive,
    text => Switch::parse(text).map_err(Error::from));
