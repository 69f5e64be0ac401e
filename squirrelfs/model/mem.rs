// SPDX-License-Identifier: GPL-2.0

//! Memory for the volatile side: a list that says when memory runs out.
//!
//! This is the only file that differs between the module and the host.

/// Memory ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

#[cfg(MODULE)]
type Inner<T> = kernel::alloc::KVVec<T>;
#[cfg(not(MODULE))]
type Inner<T> = std::vec::Vec<T>;

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
        #[cfg(MODULE)]
        let done = self.0.reserve(1, kernel::alloc::flags::GFP_KERNEL);
        #[cfg(not(MODULE))]
        let done = self.0.try_reserve(1);
        done.map_err(|_| NoMemory)
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
