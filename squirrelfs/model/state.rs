// SPDX-License-Identifier: GPL-2.0

//! Objects on the medium, with what is known of them as types.
//!
//! An [`Obj`] has a kind (inode, directory record, ...), a persistence ([`Clean`] or [`Dirty`]) and an
//! operation state, which each kind defines and which says what its words mean. A transition consumes
//! the object in one state and gives it back in the next; one that must come after another object is
//! durable takes that object, clean, as evidence. Code in the wrong order does not compile.
//!
//! Rules of synchronous soft updates (SquirrelFS, OSDI'24, section 3), which the transitions encode:
//!
//! 1. Never point to a structure before it is initialised and durable.
//! 2. Never reuse a resource before all pointers to it are durably gone.
//! 3. Never remove the last pointer to a live resource before the new one is durable.
//!
//! What the original leaves open is closed here:
//!
//! - A dirty object cannot be dropped: in the module the build fails, on the host the program panics.
//! - Evidence is tied to identity: a transition takes the number it stores from the evidence itself.
//! - Only [`fence`] makes objects clean, and it flushes just the lines that were touched.

use super::pm::{
    Offset,
    Pm,
    LINE_BYTES, //
};
use core::marker::PhantomData;

/// Everything stored to the object is durable.
#[derive(Debug)]
pub(crate) struct Clean;

/// The object has stores that are not durable. `GUARD` only makes the drop below generic, so that it is
/// compiled where such an object is dropped and nowhere else.
#[derive(Debug)]
pub(crate) struct Dirty<const GUARD: bool = false> {
    /// First and last position stored to through the cache.
    touched: Option<(Offset, Offset)>,
}

impl Dirty {
    /// Of objects that know themselves which lines they touch.
    pub(super) const fn without_lines() -> Self {
        Self { touched: None }
    }

    /// A fence made everything durable.
    pub(super) fn settle(self, _: Fenced) {
        core::mem::forget(self);
    }
}

impl<const GUARD: bool> Drop for Dirty<GUARD> {
    fn drop(&mut self) {
        #[cfg(MODULE)]
        const {
            assert!(GUARD, "a dirty persistent object is dropped here");
        }
        // PANIC: Only in tests on the host, which so find what the compiler refuses in the module.
        #[cfg(not(MODULE))]
        assert!(GUARD, "a dirty persistent object was dropped");
    }
}

/// An object on the medium; see the [module documentation](self).
///
/// # Invariants
///
/// `at` is the position of an object of kind `K` in operation state `O`, `id` is its number (an inode's
/// own, for a record that of the inode it is about), and nobody else has an `Obj` of it.
#[derive(Debug)]
#[must_use = "what is done to the object must become durable"]
pub(crate) struct Obj<K, P, O> {
    at: Offset,
    id: u64,
    persistence: P,
    _state: PhantomData<(K, O)>,
}

impl<K, P, O> Obj<K, P, O> {
    /// Position of the object's first word.
    pub(super) const fn at(&self) -> Offset {
        self.at
    }

    /// The number it is about.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl<K, O> Obj<K, Clean, O> {
    /// Takes the word of whoever looked: the object at `at` is in this state.
    pub(super) const fn found(at: Offset, id: u64) -> Self {
        // INVARIANT: The caller has just read it, or keeps the volatile index, which says so.
        Self {
            at,
            id,
            persistence: Clean,
            _state: PhantomData,
        }
    }

    /// Another name for the same contents, where an evidence was all that was missing.
    pub(super) fn into_state<O2>(self) -> Obj<K, Clean, O2> {
        Obj::found(self.at, self.id)
    }

    /// Begins a transition to the state `O2`, about the number `id`.
    pub(super) fn change<O2>(self, id: u64) -> Change<K, O2> {
        Change {
            at: self.at,
            id,
            touched: None,
            _state: PhantomData,
        }
    }
}

/// A transition under way: words are being stored. Nothing is owed until the first one is.
pub(super) struct Change<K, O> {
    at: Offset,
    id: u64,
    touched: Option<(Offset, Offset)>,
    _state: PhantomData<(K, O)>,
}

impl<K, O> Change<K, O> {
    /// Stores to a word in the line of the object's commit word. It needs no write-back of its own: the
    /// line becomes durable in the order of its stores, and that of the commit word comes later.
    pub(super) fn store_before_commit(self, pm: &impl Pm, index: u64, value: u64) -> Self {
        pm.store(self.at.word(index), value);
        self
    }

    /// Stores to the `index`-th word of the object.
    pub(super) fn store(mut self, pm: &impl Pm, index: u64, value: u64) -> Self {
        let at = self.at.word(index);
        pm.store(at, value);
        self.touched = Some(match self.touched {
            Some((first, last)) => (first.min(at), last.max(at)),
            None => (at, at),
        });
        self
    }

    /// Ends the transition: the object is dirty.
    pub(super) fn dirty(self) -> Obj<K, Dirty, O> {
        Obj {
            at: self.at,
            id: self.id,
            persistence: Dirty {
                touched: self.touched,
            },
            _state: PhantomData,
        }
    }
}

/// What [`fence`] makes durable: a dirty object, or several.
pub(crate) trait Flush {
    /// The same, durable.
    type Durable;

    /// Writes back every line that was touched.
    fn write_back(&self, pm: &impl Pm);

    /// Gives the clean objects. Only [`fence`] may call it, after its fence.
    fn durable(self, fenced: Fenced) -> Self::Durable;
}

/// Proof that a fence came after the write-back. Only [`fence`] has it.
#[derive(Clone, Copy)]
pub(crate) struct Fenced(());

impl<K, O> Flush for Obj<K, Dirty, O> {
    type Durable = Obj<K, Clean, O>;

    fn write_back(&self, pm: &impl Pm) {
        if let Some((first, last)) = self.persistence.touched {
            let mut line = first.line();
            while line <= last {
                pm.write_back(line);
                line = line.plus(LINE_BYTES);
            }
        }
    }

    fn durable(self, fenced: Fenced) -> Self::Durable {
        self.persistence.settle(fenced);
        Obj::found(self.at, self.id)
    }
}

impl Flush for () {
    type Durable = ();

    fn write_back(&self, _pm: &impl Pm) {}

    fn durable(self, _: Fenced) -> Self::Durable {}
}

macro_rules! flush_tuples {
    ($(($($object:ident),+))+) => {$(
        impl<$($object: Flush),+> Flush for ($($object,)+) {
            type Durable = ($($object::Durable,)+);

            fn write_back(&self, pm: &impl Pm) {
                #[allow(non_snake_case)]
                let ($($object,)+) = self;
                $($object.write_back(pm);)+
            }

            fn durable(self, fenced: Fenced) -> Self::Durable {
                #[allow(non_snake_case)]
                let ($($object,)+) = self;
                ($($object.durable(fenced),)+)
            }
        }
    )+};
}

flush_tuples!((A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E));

/// Makes dirty objects durable, with one fence for all of them: one **epoch** of an operation.
pub(crate) fn fence<F: Flush>(pm: &impl Pm, objects: F) -> F::Durable {
    objects.write_back(pm);
    pm.fence();
    objects.durable(Fenced(()))
}

/// Writes a dirty object back and leaves it to any later fence of this CPU. Only for what recovery
/// repairs and nothing depends on: a leftover.
pub(super) fn leave<F: Flush>(pm: &impl Pm, objects: F) {
    objects.write_back(pm);
    // Nobody gets to use the result, so that nothing can depend on it.
    let _ = objects.durable(Fenced(()));
}
