// SPDX-License-Identifier: GPL-2.0

//! Memory for the volatile side: lists and boxes that say when memory runs out.
//!
//! This is the only file that differs between the module and the host.

/// Memory ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

#[cfg(MODULE)]
type Inner<T> = kernel::alloc::KVVec<T>;
#[cfg(not(MODULE))]
type Inner<T> = std::vec::Vec<T>;

#[cfg(MODULE)]
type InnerBox<T> = kernel::alloc::KBox<T>;
#[cfg(not(MODULE))]
type InnerBox<T> = std::boxed::Box<T>;

/// A value with memory of its own.
#[derive(Debug)]
pub(crate) struct Boxed<T>(InnerBox<T>);

impl<T> Boxed<T> {
    /// Moves `value` into memory of its own.
    pub(crate) fn new(value: T) -> Result<Self, NoMemory> {
        #[cfg(MODULE)]
        return match InnerBox::new(value, kernel::alloc::flags::GFP_KERNEL) {
            Ok(inner) => Ok(Self(inner)),
            Err(_) => Err(NoMemory),
        };
        #[cfg(not(MODULE))]
        Ok(Self(InnerBox::new(value)))
    }
}

impl<T> core::ops::Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> core::ops::DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A growing list.
#[derive(Debug)]
pub(crate) struct List<T>(Inner<T>);

impl<T> List<T> {
    /// An empty list, without memory.
    pub(crate) const fn new() -> Self {
        Self(Inner::new())
    }

    /// Makes sure that one more [`Self::push`] succeeds.
    pub(crate) fn reserve(&mut self) -> Result<(), NoMemory> {
        self.reserve_many(1)
    }

    /// Appends `value`.
    pub(crate) fn push(&mut self, value: T) -> Result<(), NoMemory> {
        #[cfg(MODULE)]
        return self
            .0
            .push(value, kernel::alloc::flags::GFP_KERNEL)
            .map_err(|_| NoMemory);
        #[cfg(not(MODULE))]
        {
            self.reserve()?;
            self.0.push(value);
            Ok(())
        }
    }

    /// Makes sure that [`Self::push`] succeeds `count` times more.
    pub(crate) fn reserve_many(&mut self, count: usize) -> Result<(), NoMemory> {
        #[cfg(MODULE)]
        let done = self.0.reserve(count, kernel::alloc::flags::GFP_KERNEL);
        #[cfg(not(MODULE))]
        let done = self.0.try_reserve(count);
        done.map_err(|_| NoMemory)
    }

    /// Puts `value` in front of the one at `index`, or at the end.
    pub(crate) fn insert(&mut self, index: usize, value: T) -> Result<(), NoMemory> {
        self.push(value)?;
        if let Some(behind) = self.0.get_mut(index..) {
            behind.rotate_right(1);
        }
        Ok(())
    }

    /// Removes and returns the value at `index`.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        self.0.get_mut(index..)?.rotate_left(1);
        self.0.pop()
    }

    /// Removes and returns the last value.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<T: Clone> List<T> {
    /// A list of `len` times `value`.
    pub(crate) fn filled(value: T, len: usize) -> Result<Self, NoMemory> {
        let mut list = Self::new();
        #[cfg(MODULE)]
        list.0
            .resize(len, value, kernel::alloc::flags::GFP_KERNEL)
            .map_err(|_| NoMemory)?;
        #[cfg(not(MODULE))]
        {
            list.0.try_reserve_exact(len).map_err(|_| NoMemory)?;
            list.0.resize(len, value);
        }
        Ok(list)
    }
}

impl<T> core::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> core::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
