// SPDX-License-Identifier: GPL-2.0

//! A table that is read on hot paths.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::{
    peek,
    Reader, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ptr::null_mut,
    slice, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed,
            Release, //
        },
        rcu,
        Mutex, //
    }, //
};

/// Chains of a table; a power of two. Keys that are handed out in sequence, like those of threads,
/// spread evenly; a chain of a table with very many values takes long to follow.
const CHAINS: usize = 1024;

/// A pointer to the next node of a chain, or null.
///
/// # Invariants
///
/// What a link of a table points to is a node that [`Table::insert`] made and that is freed only
/// once a grace period has passed after no link of the table leads to it any more, or when the table is
/// dropped, which readers borrow.
struct Link<T>(Atomic<*mut Node<T>>);

/// A value in its chain.
struct Node<T> {
    next: Link<T>,
    /// The next one of those that were removed together; protected by the table's lock until then.
    also_removed: UnsafeCell<*mut Node<T>>,
    key: u32,
    value: T,
}

impl<T> Link<T> {
    const fn new(node: *mut Node<T>) -> Self {
        Self(Atomic::new(node))
    }

    /// Where this link leads to.
    #[inline]
    fn target(&self) -> *mut Node<T> {
        peek(&self.0)
    }

    /// The node behind this link.
    #[inline]
    fn follow<'a>(&self, _rcu: Reader<'a>) -> Option<&'a Node<T>>
    where
        T: 'a,
    {
        // SAFETY: By the type invariant the node lives throughout `'a`. Nothing of it changes but its
        // link, which is atomic, and `also_removed`, which no reader looks at.
        unsafe { self.target().as_ref() }
    }
}

/// A map from numbers to values for readers that run at the rate of interrupts or of context
/// switches: looking something up takes no lock, calls nothing and writes nothing.
///
/// Changes are slow and may sleep. What is removed is dropped after a grace period, in the context
/// of whoever removes it.
///
/// # Examples
///
/// ```ignore
/// #[pin_data]
/// struct Members {
///     #[pin]
///     threads: Table<Member>,
/// }
///
/// fn switched(&self, prev: Task<'_>, left: Left, next: Task<'_>) {
///     if let Some(member) = self.threads.get(next.tid(), next.reader()) {
///         member.runs();
///     }
/// }
/// ```
#[pin_data(PinnedDrop)]
pub struct Table<T: Send + Sync> {
    chains: [Link<T>; CHAINS],
    /// Held while links are changed.
    #[pin]
    changes: Mutex<()>,
    // The table owns values, which the raw pointers do not say.
    _values: PhantomData<T>,
}

impl<T: Send + Sync> Table<T> {
    /// Creates an empty table. It takes 8 KiB, so it belongs where allocations are initialised in
    /// place.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: A null link leads nowhere.
            chains <- pin_init::init_array_from_fn(|_| Link::new(null_mut())),
            changes <- new_mutex!((), "kernel_ext::Table"),
            _values: PhantomData,
        })
    }

    #[inline]
    fn chain(&self, key: u32) -> &Link<T> {
        const MASK: u32 = 1023;
        const { assert!(CHAINS == 1024) };
        let index = usize::try_from(key & MASK).unwrap_or(0);
        // The index is always within bounds, which the compiler sees.
        self.chains.get(index).unwrap_or(&self.chains[0])
    }

    /// Whether there may be a value of `key`: a first look of four instructions, for those who want to
    /// leave all else to a function that is called only then. Callable from any context but NMI.
    #[inline]
    pub fn may_have(&self, key: u32) -> bool {
        !self.chain(key).target().is_null()
    }

    /// The value of `key`. Callable from any context but NMI.
    #[inline]
    pub fn get<'a>(&'a self, key: u32, rcu: Reader<'a>) -> Option<&'a T> {
        let mut link = self.chain(key);
        while let Some(node) = link.follow(rcu) {
            if node.key == key {
                return Some(&node.value);
            }
            link = &node.next;
        }
        None
    }

    /// Adds a value. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if there is one of that key, [`ENOMEM`]; the value is dropped then.
    pub fn insert(&self, key: u32, value: T) -> Result {
        self.add(Self::node(key, value)?)
    }

    fn node(key: u32, value: T) -> Result<KBox<Node<T>>> {
        let node = Node {
            next: Link::new(null_mut()),
            also_removed: UnsafeCell::new(null_mut()),
            key,
            value,
        };
        Ok(KBox::new(node, GFP_KERNEL)?)
    }

    fn add(&self, mut node: KBox<Node<T>>) -> Result {
        let chain = self.chain(node.key);
        let _changes = self.changes.lock();
        {
            let guard = rcu::read_lock();
            if self.get(node.key, Reader::from(&guard)).is_some() {
                return Err(EEXIST);
            }
        }
        // Relaxed: nobody else changes links while the lock is held, and nobody sees the node yet.
        // INVARIANT: The new link leads where the table's leads already.
        node.next = Link::new(chain.0.load(Relaxed));
        // INVARIANT: `take` is the only one to free it, but for `drop`, which no reader outlives.
        // Release: whoever sees the node sees what it holds.
        chain.0.store(KBox::into_raw(node), Release);
        Ok(())
    }

    /// Adds a value in the place of that of `key`, if there is one; in between there is none. Sleeps: not
    /// to be called by an RCU reader.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; nothing is changed then.
    pub fn replace(&self, key: u32, value: T) -> Result {
        let node = Self::node(key, value)?;
        self.remove(key);
        self.add(node)
    }

    /// Removes the value of `key`; returns whether there was one. Nobody sees it any more once this
    /// returns. Sleeps: not to be called by an RCU reader.
    pub fn remove(&self, key: u32) -> bool {
        self.take(slice::from_ref(self.chain(key)), |found, _| found == key) > 0
    }

    /// Removes all values that `keep` refuses, waiting only once; returns how many. Nobody sees them
    /// any more once this returns. Sleeps: not to be called by an RCU reader.
    ///
    /// `keep` may sleep. It must not change this table.
    pub fn retain(&self, mut keep: impl FnMut(u32, &T) -> bool) -> usize {
        self.take(self.chains.as_slice(), |key, value| !keep(key, value))
    }

    /// Removes what `goes` chooses of `chains`.
    fn take(&self, chains: &[Link<T>], mut goes: impl FnMut(u32, &T) -> bool) -> usize {
        let mut removed: *mut Node<T> = null_mut();
        let changes = self.changes.lock();
        for chain in chains {
            let mut link = chain;
            loop {
                // Relaxed: nobody else changes links while the lock is held.
                let ptr = link.0.load(Relaxed);
                // SAFETY: By the invariant of `Link` and since nodes are removed under the lock, the
                // node lives until it is freed below. No reader looks at `also_removed`.
                let Some(node) = (unsafe { ptr.as_ref() }) else {
                    break;
                };
                if !goes(node.key, &node.value) {
                    link = &node.next;
                    continue;
                }
                // Its own link stays, for readers that are there.
                // INVARIANT: The link leads where that of the removed node does.
                link.0.store(node.next.0.load(Relaxed), Release);
                // SAFETY: As above; only whoever holds the lock accesses the field.
                unsafe { (*ptr).also_removed.get().write(removed) };
                removed = ptr;
            }
        }
        drop(changes);
        if removed.is_null() {
            return 0;
        }
        rcu::synchronize_rcu();
        let mut count = 0;
        while !removed.is_null() {
            // SAFETY: `insert` made the node from a box. Since a grace period has passed after it was
            // removed, nobody else has a reference to it.
            let mut node = unsafe { KBox::from_raw(removed) };
            removed = *node.also_removed.get_mut();
            count += 1;
        }
        count
    }
}

#[pinned_drop]
impl<T: Send + Sync> PinnedDrop for Table<T> {
    fn drop(self: Pin<&mut Self>) {
        for chain in self.chains.iter() {
            // Relaxed: the exclusive reference says that nobody else is here.
            let mut next = chain.0.load(Relaxed);
            while !next.is_null() {
                // SAFETY: `insert` made the node from a box, and readers borrow the table.
                let node = unsafe { KBox::from_raw(next) };
                next = node.next.0.load(Relaxed);
            }
        }
    }
}
