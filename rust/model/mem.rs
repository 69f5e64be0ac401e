// SPDX-License-Identifier: GPL-2.0

//! Lists and boxes that say when memory runs out. Modules include this file in their models.
//!
//! Of a model, this is the only file that differs between the module and the host.

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

    /// Removes the values that are not to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.0.retain(|value| keep(value));
    }

    /// Removes and returns the last value.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<T> List<T> {
    /// Sorts by `key`, in place and in the time of n log n at worst (heapsort).
    pub(crate) fn sort_by_key(&mut self, key: impl Fn(&T) -> u64) {
        let len = self.0.len();
        for root in (0..len / 2).rev() {
            self.sift_down(root, len, &key);
        }
        for end in (1..len).rev() {
            self.0.swap(0, end);
            self.sift_down(0, end, &key);
        }
    }

    /// Moves the value at `root` down in the heap of the first `end` values.
    fn sift_down(&mut self, mut root: usize, end: usize, key: &impl Fn(&T) -> u64) {
        loop {
            let left = root * 2 + 1;
            let key_at = |at: usize| self.0.get(at).filter(|_| at < end).map(key);
            // None, which is what lies beyond the end, is less than any key.
            let largest = match key_at(left + 1) > key_at(left) {
                true => left + 1,
                false => left,
            };
            if key_at(largest) <= key_at(root) {
                return;
            }
            self.0.swap(root, largest);
            root = largest;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sorted_by_their_keys() {
        for len in 0..40_u64 {
            let mut list = List::new();
            for value in 0..len {
                list.push(value * 7 % 13).unwrap();
            }
            let mut sorted = list.to_vec();
            sorted.sort_unstable();
            list.sort_by_key(|value| *value);
            assert_eq!(*list, sorted);
        }
    }
}
