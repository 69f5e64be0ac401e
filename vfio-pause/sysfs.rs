// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/kernel/vfio_pause`; `ABI` describes each.

use crate::{
    driver::{
        Root,
        Slots, //
    },
    knobs::{
        Flag,
        Policy, //
    },
    model::{
        policy::{
            BlockMs,
            FaultPolicy, //
        },
        spec::{
            Command,
            Target, //
        },
        text::Switch, //
    },
    slot::Slot, //
};
use kernel::{
    prelude::*,
    str::Formatter,
    sync::Arc, //
};
use kernel_ext::sysfs::{
    show,
    sysfs_group,
    sysfs_shown,
    sysfs_written,
    Attribute,
    Group,
    Mode,
    Object, //
};

/// Version of the interface described in `ABI`.
const VERSION: u32 = 1;

/// What the attributes of a slot show.
type Shared = Arc<Slot>;

/// Attributes of `/sys/kernel/vfio_pause`.
pub(crate) const ROOT: &[&Group<Root>] = &[&ROOT_GROUP];
/// Attributes of `/sys/kernel/vfio_pause/slots`.
pub(crate) const SLOTS: &[&Group<Slots>] = &[&SLOTS_GROUP];
/// Attributes of `/sys/kernel/vfio_pause/slots/<name>`.
pub(crate) const SLOT: &[&Group<Shared>] = &[&SLOT_GROUP, &POLICY_GROUP, &STATS_GROUP];

sysfs_group!(static ROOT_GROUP: Root = [Version, Reconfigure]);
sysfs_group!(static SLOTS_GROUP: Slots = [Add, Remove]);
sysfs_group!(static SLOT_GROUP: Shared = [
    State,
    Control,
    TargetFile,
    Backing,
    Bdf,
    IommuGroup,
    LastError,
]);
sysfs_group!(static POLICY_GROUP: Shared in c"policy" = [
    AutoPause,
    AutoResume,
    Kick,
    AllowP2p,
    Fault,
    BlockMsFile,
]);
sysfs_group!(static STATS_GROUP: Shared in c"stats" = [
    Pauses,
    Resumes,
    PauseNs,
    ResumeNs,
    OutageNs,
    BlockedFaults,
    SunkFaults,
    DmaMaps,
    DmaUnmaps,
    DmaBytes,
    PhantomMaps,
    Irqs,
    DroppedIrqs,
]);

sysfs_shown!(Root:
    Version = c"version", _root => VERSION;
);

sysfs_written!(Root:
    Reconfigure = c"reconfigure", root, text => root.reconfigure(text);
);

sysfs_written!(Slots:
    Add = c"add", slots, text => slots.add(slots, text);
    Remove = c"remove", slots, text => slots.remove(text);
);

sysfs_shown!(Shared:
    State = c"state", slot => slot.state();
    Pauses = c"pauses", slot => slot.knobs().stats.pauses.get();
    Resumes = c"resumes", slot => slot.knobs().stats.resumes.get();
    PauseNs = c"pause_ns", slot => slot.knobs().stats.pause_ns.get();
    ResumeNs = c"resume_ns", slot => slot.knobs().stats.resume_ns.get();
    OutageNs = c"outage_ns", slot => slot.knobs().stats.outage_ns.get();
    BlockedFaults = c"blocked_faults", slot => slot.knobs().stats.blocked_faults.get();
    SunkFaults = c"sunk_faults", slot => slot.knobs().stats.sunk_faults.get();
    DmaMaps = c"dma_maps", slot => slot.knobs().stats.dma_maps.get();
    DmaUnmaps = c"dma_unmaps", slot => slot.knobs().stats.dma_unmaps.get();
    DmaBytes = c"dma_bytes", slot => slot.knobs().stats.dma_bytes.get();
    PhantomMaps = c"phantom_maps", slot => slot.knobs().stats.phantom_maps.get();
    Irqs = c"irqs", slot => slot.knobs().stats.irqs.get();
    DroppedIrqs = c"dropped_irqs", slot => slot.knobs().stats.dropped_irqs.get();
);

sysfs_written!(Shared:
    Control = c"control", slot, text => slot.command(Command::parse(text)?);
);

struct TargetFile;

impl Attribute<Shared> for TargetFile {
    const NAME: &'static CStr = c"target";
    const MODE: Mode = Mode::ReadWrite;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        show(out, slot.target())
    }

    fn store(slot: &Object<Shared>, text: &str) -> Result {
        slot.retarget(Target::parse(text)?)
    }
}

struct Backing;

impl Attribute<Shared> for Backing {
    const NAME: &'static CStr = c"backing";
    const MODE: Mode = Mode::ReadOnly;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        match slot.backing() {
            Some(address) => show(out, address),
            None => show(out, "none"),
        }
    }
}

struct Bdf;

impl Attribute<Shared> for Bdf {
    const NAME: &'static CStr = c"bdf";
    const MODE: Mode = Mode::ReadOnly;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        // One that the host has removed has no group.
        slot.with_front(|front| {
            front.group_id()?;
            front.address().to_str().ok().map(|text| show(out, text))
        })
        .unwrap_or_else(|| show(out, "none"))
    }
}

struct IommuGroup;

impl Attribute<Shared> for IommuGroup {
    const NAME: &'static CStr = c"iommu_group";
    const MODE: Mode = Mode::ReadOnly;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        match slot.with_front(|front| front.group_id()) {
            Some(number) => show(out, number),
            None => show(out, "none"),
        }
    }
}

struct LastError;

impl Attribute<Shared> for LastError {
    const NAME: &'static CStr = c"last_error";
    const MODE: Mode = Mode::ReadOnly;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        slot.show_error(out).map_err(|_| EIO)?;
        show(out, "")
    }
}

/// Declares an attribute below `policy/` for a setting that is on or off.
macro_rules! flag {
    ($attr:ident, $name:literal, $field:ident) => {
        struct $attr;

        impl $attr {
            fn of(policy: &Policy) -> &Flag {
                &policy.$field
            }
        }

        impl Attribute<Shared> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadWrite;

            fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
                show(out, Self::of(&slot.knobs().policy).get())
            }

            fn store(slot: &Object<Shared>, text: &str) -> Result {
                Self::of(&slot.knobs().policy).set(Switch::parse(text)?);
                Ok(())
            }
        }
    };
}

flag!(AutoPause, c"auto_pause", auto_pause);
flag!(AutoResume, c"auto_resume", auto_resume);
flag!(Kick, c"kick", kick);
flag!(AllowP2p, c"allow_p2p", allow_p2p);

struct Fault;

impl Attribute<Shared> for Fault {
    const NAME: &'static CStr = c"fault";
    const MODE: Mode = Mode::ReadWrite;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        show(out, slot.knobs().policy.fault())
    }

    fn store(slot: &Object<Shared>, text: &str) -> Result {
        slot.set_fault(FaultPolicy::parse(text)?);
        Ok(())
    }
}

struct BlockMsFile;

impl Attribute<Shared> for BlockMsFile {
    const NAME: &'static CStr = c"block_ms";
    const MODE: Mode = Mode::ReadWrite;

    fn show(slot: &Object<Shared>, out: &mut Formatter<'_>) -> Result {
        show(out, slot.knobs().policy.block())
    }

    fn store(slot: &Object<Shared>, text: &str) -> Result {
        slot.knobs().policy.set_block(BlockMs::parse(text)?);
        slot.returned().wake_all();
        Ok(())
    }
}
