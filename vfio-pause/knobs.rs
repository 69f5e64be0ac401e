// SPDX-License-Identifier: GPL-2.0

//! What of a slot is also needed where the slot itself is not at hand: name, settings, counters.

use crate::{
    model::{
        policy::{
            Auto,
            BlockMs,
            FaultPolicy, //
        },
        text::Switch, //
    },
    stats::Stats,
};
use kernel::{
    str::CString,
    sync::atomic::{
        Atomic,
        AtomicFlag,
        Relaxed, //
    }, //
};

/// A setting that is on or off.
pub(crate) struct Flag(AtomicFlag);

impl Flag {
    const fn new(value: Switch) -> Self {
        Self(AtomicFlag::new(value.is_on()))
    }

    /// The setting.
    pub(crate) fn get(&self) -> Switch {
        // Relaxed: each decision takes a setting once, and nothing else depends on it.
        Switch::from(self.0.load(Relaxed))
    }

    /// Changes it.
    pub(crate) fn set(&self, value: Switch) {
        self.0.store(value.is_on(), Relaxed);
    }
}

/// A slot's settings.
pub(crate) struct Policy {
    /// Whether a back that goes away pauses the slot; otherwise that is an error.
    pub(crate) auto_pause: Flag,
    /// Whether a slot that was paused so resumes with the next back.
    pub(crate) auto_resume: Flag,
    /// Whether a resume signals all interrupts once.
    pub(crate) kick: Flag,
    /// Whether the device may access what is not memory.
    pub(crate) allow_p2p: Flag,
    fault: Atomic<u32>,
    block_ms: Atomic<u32>,
    /// Counts changes of the two above.
    changes: Atomic<u32>,
}

/// All policies, by what stands for each.
const FAULTS: [FaultPolicy; 3] = [
    FaultPolicy::Block,
    FaultPolicy::Sink,
    FaultPolicy::BlockThenSink,
];

impl Policy {
    const fn new() -> Self {
        Self {
            auto_pause: Flag::new(Auto::DEFAULT.pause),
            auto_resume: Flag::new(Auto::DEFAULT.resume),
            kick: Flag::new(Switch::On),
            allow_p2p: Flag::new(Switch::Off),
            fault: Atomic::new(2),
            block_ms: Atomic::new(BlockMs::DEFAULT.ms()),
            changes: Atomic::new(0),
        }
    }

    /// What happens by itself.
    pub(crate) fn auto(&self) -> Auto {
        Auto {
            pause: self.auto_pause.get(),
            resume: self.auto_resume.get(),
        }
    }

    /// What an access to registers gets while the slot is paused.
    pub(crate) fn fault(&self) -> FaultPolicy {
        let number = usize::try_from(self.fault.load(Relaxed)).unwrap_or(0);
        FAULTS.get(number).copied().unwrap_or(FaultPolicy::DEFAULT)
    }

    /// Changes that.
    pub(crate) fn set_fault(&self, policy: FaultPolicy) {
        for (number, each) in (0u32..).zip(FAULTS) {
            if each == policy {
                self.fault.store(number, Relaxed);
            }
        }
        self.changes.fetch_add(1, Relaxed);
    }

    /// How often what accesses get was changed.
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Relaxed)
    }

    /// How long such an access waits.
    pub(crate) fn block(&self) -> BlockMs {
        BlockMs::from_ms(self.block_ms.load(Relaxed)).unwrap_or(BlockMs::DEFAULT)
    }

    /// Changes that.
    pub(crate) fn set_block(&self, block: BlockMs) {
        self.block_ms.store(block.ms(), Relaxed);
        self.changes.fetch_add(1, Relaxed);
    }
}

/// Name, settings and counters of a slot.
pub(crate) struct Knobs {
    /// The slot's name.
    pub(crate) name: CString,
    /// Its settings.
    pub(crate) policy: Policy,
    /// Its counters.
    pub(crate) stats: Stats,
}

impl Knobs {
    /// Settings at their defaults.
    pub(crate) const fn new(name: CString) -> Self {
        Self {
            name,
            policy: Policy::new(),
            stats: Stats::new(),
        }
    }
}
