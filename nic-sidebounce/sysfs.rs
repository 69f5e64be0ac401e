// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/kernel/nic_sidebounce`; `ABI` describes each.

use crate::{
    driver::Root,
    ffi::Teacher,
    filter::{
        Filter,
        Status, //
    },
    holding::Holding,
    model::{
        flow::Lesson,
        hold::{
            Bounds,
            Phase, //
        },
        mark::LearnMark,
        mode::{
            Bum,
            Fail,
            TxMode, //
        },
        text::Switch, //
    },
    sampling::Sampling,
    settings::Settings,
    stats::Counter,
    vmm::{
        Choice,
        Vmm, //
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
        Object,
        TextFile, //
    }, //
};

/// Version of the interface described in `ABI`.
const VERSION: u32 = 1;

/// The data of a filter's directory.
type SharedFilter = Arc<Filter>;

/// Attributes of `/sys/kernel/nic_sidebounce`.
pub(crate) const ROOT: &[&Group<Root>] = &[&ROOT_GROUP];
/// Attributes of `/sys/kernel/nic_sidebounce/filters/<name>`.
pub(crate) const FILTER: &[&Group<SharedFilter>] = &[&FILTER_GROUP, &FILTER_STATS];

sysfs_group!(static ROOT_GROUP: Root = [Version, AddFilter, RemoveFilter]);
sysfs_group!(static FILTER_GROUP: SharedFilter = [
    TargetName,
    Backend,
    State,
    Reason,
    Vid,
    VfMac,
    Ports,
    RulesError,
    TxModeName,
    BumName,
    FailName,
    Quarantine,
    BouncePerS,
    BounceBurst,
    Learn,
    Forget,
    LearnMarks,
    LearnS,
    SampleGroup,
    VmmDevice,
    VmmPool,
    Hold,
    HoldPackets,
    HoldBytes,
    HoldMs,
    PhaseName,
    Waiting,
    WaitingBytes,
], texts [Rules, RuleStats, FlowList]);
sysfs_group!(static FILTER_STATS: SharedFilter in c"stats" = [
    RxAccepted,
    RxDropped,
    RxBounced,
    TxAccepted,
    TxDropped,
    TxBounced,
    BounceLimited,
    NoPort,
    InjectedRx,
    InjectedTx,
    LearnedHits,
    Cached,
    UnparsedAll,
    Reflected,
    Lost,
    Held,
    HoldDropped,
    Copies,
    Patterns,
    Masks,
    Chain,
    TableBytes,
], texts [Unparsed]);

sysfs_shown!(Root:
    Version = c"version", _root => VERSION;
);

sysfs_written!(Root:
    AddFilter = c"add_filter", root, text => root.filters.add(text);
    RemoveFilter = c"remove_filter", root, text => root.filters.remove(text);
);

sysfs_shown!(SharedFilter:
    TargetName = c"target", filter => filter.target.to_str().map_err(|_| EIO)?;
    Backend = c"backend", filter => filter.backend();
    State = c"state", filter => filter.status().as_str();
    Reason = c"reason", filter => match filter.status() {
        Status::Filtering { .. } => "",
        Status::Waiting(reason) => reason,
    };
    Vid = c"vid", filter => match filter.status() {
        Status::Filtering { vid, .. } => vid,
        Status::Waiting(_) => 0,
    };
    PhaseName = c"phase", filter => match filter.holding.phase() {
        Phase::Serving => "serving",
        Phase::Holding => "holding",
        Phase::Replaying => "replaying",
    };
    VmmPool = c"vmm_pool", filter => Switch::from(
        filter.vmm.with(|vmm| vmm.is_some_and(Vmm::is_pooled))
    );
    Waiting = c"waiting", filter => filter.holding.len();
    WaitingBytes = c"waiting_bytes", filter => filter.holding.len_bytes();
    Patterns = c"patterns", filter => filter.judge.ruled().shape().patterns;
    Masks = c"masks", filter => filter.judge.ruled().shape().masks;
    Chain = c"chain", filter => filter.judge.ruled().shape().chain;
    TableBytes = c"table_bytes", filter => filter.judge.ruled().shape().len_bytes;
    RxAccepted = c"rx_accepted", filter => filter.counters.sum(Counter::RxAccepted);
    RxDropped = c"rx_dropped", filter => filter.counters.sum(Counter::RxDropped);
    RxBounced = c"rx_bounced", filter => filter.counters.sum(Counter::RxBounced);
    TxAccepted = c"tx_accepted", filter => filter.counters.sum(Counter::TxAccepted);
    TxDropped = c"tx_dropped", filter => filter.counters.sum(Counter::TxDropped);
    TxBounced = c"tx_bounced", filter => filter.counters.sum(Counter::TxBounced);
    BounceLimited = c"bounce_limited", filter => filter.counters.sum(Counter::BounceLimited);
    NoPort = c"no_port", filter => filter.counters.sum(Counter::NoPort);
    InjectedRx = c"injected_rx", filter => filter.counters.sum(Counter::InjectedRx);
    InjectedTx = c"injected_tx", filter => filter.counters.sum(Counter::InjectedTx);
    LearnedHits = c"learned_hits", filter => filter.counters.sum(Counter::LearnedHits);
    Cached = c"cached", filter => filter.counters.sum(Counter::Cached);
    UnparsedAll = c"unparsed", filter => filter.counters.sum(Counter::Unparsed);
    Reflected = c"reflected", filter => filter.counters.sum(Counter::Reflected);
    Lost = c"lost", filter => filter.counters.sum(Counter::Lost);
    Held = c"held", filter => filter.counters.sum(Counter::Held);
    HoldDropped = c"hold_dropped", filter => filter.counters.sum(Counter::HoldDropped);
    Copies = c"copies", filter => filter.counters.sum(Counter::Copies);
);

sysfs_written!(SharedFilter:
    Learn = c"learn", filter, text => {
        let lesson = Lesson::parse(text).map_err(|malformed| Error::from(malformed.kind))?;
        filter.learn(&lesson, Teacher::Command)
    };
    Forget = c"forget", filter, text => match text {
        "all" => {
            filter.judge.unlearn_all();
            Ok(())
        }
        _ => Err(EINVAL),
    };
);

struct VfMac;

impl Attribute<SharedFilter> for VfMac {
    const NAME: &'static CStr = c"mac";
    const MODE: Mode = Mode::ReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        match filter.status() {
            Status::Filtering { mac: Some(mac), .. } => show(out, mac),
            _ => show(out, "none"),
        }
    }
}

struct Ports;

impl Attribute<SharedFilter> for Ports {
    const NAME: &'static CStr = c"ports";
    const MODE: Mode = Mode::ReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        writeln!(out, "sb{0}u sb{0}d", filter.id).map_err(|_| EIO)
    }
}

struct Rules;

impl TextFile<SharedFilter> for Rules {
    const NAME: &'static CStr = c"rules";
    const MODE: Mode = Mode::RootReadWrite;

    fn show(filter: &Object<SharedFilter>, out: &mut dyn Write) -> Result {
        filter.judge.show(out).map_err(|_| EIO)
    }

    fn store(filter: &Object<SharedFilter>, text: &str) -> Result {
        filter.judge.write(text)
    }
}

struct RulesError;

impl Attribute<SharedFilter> for RulesError {
    const NAME: &'static CStr = c"rules_error";
    const MODE: Mode = Mode::ReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        match filter.judge.refused() {
            Some(malformed) => show(out, malformed),
            None => show(out, "none"),
        }
    }
}

struct RuleStats;

impl TextFile<SharedFilter> for RuleStats {
    const NAME: &'static CStr = c"rule_stats";
    const MODE: Mode = Mode::RootReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut dyn Write) -> Result {
        filter.judge.show_counters(out).map_err(|_| EIO)
    }
}

struct VmmDevice;

impl Attribute<SharedFilter> for VmmDevice {
    const NAME: &'static CStr = c"vmm";
    const MODE: Mode = Mode::ReadWrite;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        filter.vmm.with(|vmm| match vmm {
            Some(vmm) => vmm.show(out),
            None => show(out, "pair"),
        })
    }

    fn store(filter: &Object<SharedFilter>, text: &str) -> Result {
        filter.set_vmm(Choice::parse(text)?)
    }
}

struct Unparsed;

impl TextFile<SharedFilter> for Unparsed {
    const NAME: &'static CStr = c"unparsed_reasons";
    const MODE: Mode = Mode::RootReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut dyn Write) -> Result {
        filter.counters.show_unparsed(out).map_err(|_| EIO)
    }
}

struct FlowList;

impl TextFile<SharedFilter> for FlowList {
    const NAME: &'static CStr = c"flows";
    const MODE: Mode = Mode::RootReadOnly;

    fn show(filter: &Object<SharedFilter>, out: &mut dyn Write) -> Result {
        filter.judge.show_flows(out).map_err(|_| EIO)
    }
}

struct SampleGroup;

impl Attribute<SharedFilter> for SampleGroup {
    const NAME: &'static CStr = c"sample_group";
    const MODE: Mode = Mode::ReadWrite;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        match filter
            .sampling
            .with(|sampling| sampling.map(Sampling::group))
        {
            Some(group) => show(out, group),
            None => show(out, "none"),
        }
    }

    fn store(filter: &Object<SharedFilter>, text: &str) -> Result {
        let former = match text {
            "none" => filter.sampling.take(),
            _ => {
                let sampling = Sampling::new(param::ranged(text, Some)?)?;
                filter.sampling.replace(sampling)?
            }
        };
        drop(former);
        Ok(())
    }
}

struct Hold;

impl Attribute<SharedFilter> for Hold {
    const NAME: &'static CStr = c"hold";
    const MODE: Mode = Mode::ReadWrite;

    fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
        show(out, Switch::from(filter.holding.phase() == Phase::Holding))
    }

    fn store(filter: &Object<SharedFilter>, text: &str) -> Result {
        filter.hold(Switch::parse(text)?);
        Ok(())
    }
}

/// Declares an attribute of a filter's settings: where it is, and how it is shown and read.
macro_rules! knob {
    ($attr:ident = $name:literal, $field:ident, $text:ident => $parsed:expr) => {
        struct $attr;

        impl Attribute<SharedFilter> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadWrite;

            fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
                show(out, filter.settings().$field)
            }

            fn store(filter: &Object<SharedFilter>, $text: &str) -> Result {
                let value = $parsed?;
                filter.set(|settings| settings.$field = value)
            }
        }
    };
}

knob!(TxModeName = c"tx_mode", tx_mode, text => TxMode::parse(text).map_err(Error::from));
knob!(BumName = c"bum", bum, text => Bum::parse(text).map_err(Error::from));
knob!(FailName = c"fail", fail, text => Fail::parse(text).map_err(Error::from));
knob!(Quarantine = c"quarantine", quarantine, text => Switch::parse(text).map_err(Error::from));
knob!(BouncePerS = c"bounce_per_s", bounce_rate, text => Settings::parse_rate(text));
knob!(BounceBurst = c"bounce_burst", bounce_burst,
    text => param::ranged(text, |burst| (1..=Settings::MAX_BURST).contains(&burst).then_some(burst)));
knob!(LearnMarks = c"learn_mark", learn_mark, text => LearnMark::parse(text).map_err(Error::from));
knob!(LearnS = c"learn_s", learn_s,
    text => param::ranged(text, |s| (1..=Settings::MAX_LEARN_S).contains(&s).then_some(s)));

/// Declares a bound of what is held: where it is, how it is shown and how it is read.
macro_rules! bound {
    ($attr:ident = $name:literal, $field:ident, $value:ident => $shown:expr, $text:ident => $parsed:expr) => {
        struct $attr;

        impl Attribute<SharedFilter> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadWrite;

            fn show(filter: &Object<SharedFilter>, out: &mut Formatter<'_>) -> Result {
                let $value = filter.holding.bounds().$field;
                show(out, $shown)
            }

            fn store(filter: &Object<SharedFilter>, $text: &str) -> Result {
                let $field = $parsed?;
                filter.set_hold_bounds(|bounds| Bounds { $field, ..bounds })
            }
        }
    };
}

bound!(HoldPackets = c"hold_packets", packets, packets => packets,
    text => param::ranged(text, |packets| (1..=Bounds::MAX_PACKETS).contains(&packets).then_some(packets)));
bound!(HoldBytes = c"hold_bytes", len_bytes, len_bytes => len_bytes,
    text => param::ranged(text, |bytes| (64..=Holding::MAX_LEN_BYTES).contains(&bytes).then_some(bytes)));
bound!(HoldMs = c"hold_ms", age_ns, age_ns => age_ns / 1_000_000,
text => param::ranged(text, |ms| {
    (1..=Holding::MAX_AGE_MS).contains(&ms).then(|| u64::from(ms).saturating_mul(1_000_000))
}));
