// SPDX-License-Identifier: GPL-2.0

//! The module's own C side, `shim.h` and `events.h`: tracepoints. All may be passed in any context.

use crate::model::{
    divert::Lost,
    field::Action,
    key::Direction,
    note::{
        action_code,
        direction_code,
        Note, //
    },
    verdict::{
        Decision,
        Source, //
    }, //
};
use kernel::{
    bindings::tracepoint,
    ffi::{
        c_char,
        c_int, //
    },
    jump_label::static_branch_unlikely,
    prelude::*, //
};

// The class of a lock, which is in a tracepoint, has no fields unless the kernel checks locks.
#[allow(improper_ctypes)]
extern "C" {
    static __tracepoint_nic_sidebounce_verdict: tracepoint;
    static __tracepoint_nic_sidebounce_bounce: tracepoint;
    static __tracepoint_nic_sidebounce_inject: tracepoint;
    static __tracepoint_nic_sidebounce_hold: tracepoint;
    static __tracepoint_nic_sidebounce_learn: tracepoint;
    static __tracepoint_nic_sidebounce_lost: tracepoint;

    fn nic_sidebounce_trace_verdict(
        id: u32,
        name: *const c_char,
        dir: u32,
        verdict: u32,
        reason: u32,
        source: u32,
        prio: u32,
        cached: bool,
        len: u32,
    );
    fn nic_sidebounce_trace_bounce(id: u32, name: *const c_char, dir: u32, end: u32, len: u32);
    fn nic_sidebounce_trace_inject(id: u32, name: *const c_char, dir: u32, mark: u32, len: u32);
    fn nic_sidebounce_trace_hold(id: u32, name: *const c_char, what: u32, waiting: u32, len: u32);
    fn nic_sidebounce_trace_learn(
        id: u32,
        name: *const c_char,
        dir: u32,
        action: u32,
        teacher: u32,
        lasts_s: u32,
    );
    fn nic_sidebounce_trace_lost(
        id: u32,
        name: *const c_char,
        dir: u32,
        why: u32,
        error: c_int,
        len: u32,
    );
}

/// Whether somebody listens to a tracepoint: an instruction that does nothing, or a jump.
macro_rules! is_on {
    ($tracepoint:path) => {
        // SAFETY: C defines the tracepoint in `shim.c`, as what the declaration above says.
        unsafe { static_branch_unlikely!($tracepoint, tracepoint, key) }
    };
}

/// A filter as events name it.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    /// Its number, which is that of its pair of devices.
    pub(crate) id: u32,
    /// Its name.
    pub(crate) name: &'a CStr,
}

/// What has become of a frame that bounced.
#[derive(Clone, Copy)]
pub(crate) enum Bounced {
    /// The host has received it.
    Received,
    /// Nobody receives it, so it goes where it was going.
    FailedOpen,
    /// Nobody receives it, so it is dropped.
    FailedClosed,
}

/// Who says what is to become of a flow.
#[derive(Clone, Copy)]
pub(crate) enum Teacher {
    /// A program.
    Command,
    /// The mark of a frame that was given back.
    Mark,
}

/// What happens to a frame for a VM that is paused or absent.
#[derive(Clone, Copy)]
pub(crate) enum Held {
    /// It waits, and is the first.
    First,
    /// It waits.
    Kept,
    /// It is dropped, as too many wait.
    Overflow,
    /// It has waited too long, and is dropped.
    Expired,
    /// It is handed over.
    Replayed,
}

/// Why a frame goes nowhere, beside a verdict.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// As [`Lost::Reflection`].
    Reflection,
    /// As [`Lost::LinkLocal`].
    LinkLocal,
    /// There was no memory for a copy.
    NoMemory,
    /// A device did not take it.
    Refused(Error),
}

impl From<Lost> for Why {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Reflection => Self::Reflection,
            Lost::LinkLocal => Self::LinkLocal,
        }
    }
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        if error == ENOMEM {
            Self::NoMemory
        } else {
            Self::Refused(error)
        }
    }
}

/// Traces what becomes of a frame. If somebody listens, `priority` is asked for that of a rule by its place in the
/// list, and `frame` for the filter and the length in bytes.
#[inline(always)]
pub(crate) fn trace_verdict<'a>(
    direction: Direction,
    decision: &Decision,
    priority: impl FnOnce(u32) -> u32,
    frame: impl FnOnce() -> (Filter<'a>, u32),
) {
    if is_on!(__tracepoint_nic_sidebounce_verdict) {
        let (filter, len_bytes) = frame();
        let priority = match decision.source {
            Source::Rule(place) => priority(place),
            Source::Learned | Source::Quarantine | Source::Default => 0,
        };
        let note = Note {
            filter: filter.id,
            direction,
            decision: *decision,
            priority,
        };
        pass_verdict(filter, &note, len_bytes);
    }
}

#[cold]
fn pass_verdict(filter: Filter<'_>, note: &Note, len_bytes: u32) {
    // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
    unsafe {
        nic_sidebounce_trace_verdict(
            filter.id,
            filter.name.as_char_ptr(),
            direction_code(note.direction).into(),
            note.verdict_code().into(),
            note.reason_code().into(),
            note.source_code().into(),
            note.priority,
            note.decision.is_cached,
            len_bytes,
        );
    }
}

/// Traces what has become of a frame that bounced.
#[inline(always)]
pub(crate) fn trace_bounce(
    filter: Filter<'_>,
    direction: Direction,
    bounced: Bounced,
    len_bytes: u32,
) {
    if is_on!(__tracepoint_nic_sidebounce_bounce) {
        let (name, dir) = (filter.name.as_char_ptr(), direction_code(direction).into());
        let end = match bounced {
            Bounced::Received => 0,
            Bounced::FailedOpen => 1,
            Bounced::FailedClosed => 2,
        };
        // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
        unsafe { nic_sidebounce_trace_bounce(filter.id, name, dir, end, len_bytes) };
    }
}

/// Traces that the host gives a frame with that mark back, which goes on in `direction`.
#[inline(always)]
pub(crate) fn trace_inject(filter: Filter<'_>, direction: Direction, mark: u32, len_bytes: u32) {
    if is_on!(__tracepoint_nic_sidebounce_inject) {
        let (name, dir) = (filter.name.as_char_ptr(), direction_code(direction).into());
        // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
        unsafe { nic_sidebounce_trace_inject(filter.id, name, dir, mark, len_bytes) };
    }
}

/// Traces what happens to a frame for a VM that is paused or absent, for which `waiting` frames wait after that.
#[inline(always)]
pub(crate) fn trace_hold(filter: Filter<'_>, held: Held, waiting: usize, len_bytes: u32) {
    if is_on!(__tracepoint_nic_sidebounce_hold) {
        let name = filter.name.as_char_ptr();
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let what = match held {
            Held::First => 0,
            Held::Kept => 1,
            Held::Overflow => 2,
            Held::Expired => 3,
            Held::Replayed => 4,
        };
        // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
        unsafe { nic_sidebounce_trace_hold(filter.id, name, what, waiting, len_bytes) };
    }
}

/// Traces that for `lasts_s` seconds `action` becomes of the frames of a flow.
#[inline(always)]
pub(crate) fn trace_learn(
    filter: Filter<'_>,
    direction: Direction,
    action: Action,
    teacher: Teacher,
    lasts_s: u32,
) {
    if is_on!(__tracepoint_nic_sidebounce_learn) {
        let (name, dir) = (filter.name.as_char_ptr(), direction_code(direction).into());
        let action = action_code(action).into();
        let teacher = match teacher {
            Teacher::Command => 0,
            Teacher::Mark => 1,
        };
        // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
        unsafe { nic_sidebounce_trace_learn(filter.id, name, dir, action, teacher, lasts_s) };
    }
}

/// Traces that a frame goes nowhere, though no verdict says so.
#[inline(always)]
pub(crate) fn trace_lost(filter: Filter<'_>, direction: Direction, why: Why, len_bytes: u32) {
    if is_on!(__tracepoint_nic_sidebounce_lost) {
        let (name, dir) = (filter.name.as_char_ptr(), direction_code(direction).into());
        let (why, error) = match why {
            Why::Reflection => (0, 0),
            Why::LinkLocal => (1, 0),
            Why::NoMemory => (2, 0),
            Why::Refused(error) => (3, error.to_errno()),
        };
        // SAFETY: C copies the name, which ends with a zero, and takes any numbers.
        unsafe { nic_sidebounce_trace_lost(filter.id, name, dir, why, error, len_bytes) };
    }
}
