// SPDX-License-Identifier: GPL-2.0

//! Objects that a user adds and removes by name.

use kernel::{
    prelude::*,
    str::CString, //
};

/// Objects with different names, in the order in which they were added.
///
/// # Examples
///
/// ```ignore
/// let mut lines = Registry::new(1024);
/// let vacancy = lines.vacancy(name)?;
/// // Nothing can fail once the line is there.
/// lines.insert(vacancy, Line::attach()?)?;
/// ```
pub struct Registry<T> {
    entries: KVec<(CString, T)>,
    max_len: usize,
}

/// A name that was free, and room for what gets it.
pub struct Vacancy(CString);

impl Vacancy {
    /// The name.
    pub fn name(&self) -> &CStr {
        &self.0
    }
}

impl<T> Registry<T> {
    /// Creates a registry for up to `max_len` objects.
    pub const fn new(max_len: usize) -> Self {
        Self {
            entries: KVec::new(),
            max_len,
        }
    }

    /// Makes room for an object that is to be called `name`.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] for a name that is taken, [`ENOSPC`] if there are as many as there may be,
    /// [`ENOMEM`].
    pub fn vacancy(&mut self, name: CString) -> Result<Vacancy> {
        if self.entries.iter().any(|(other, _)| **other == *name) {
            return Err(EEXIST);
        }
        if self.entries.len() >= self.max_len {
            return Err(ENOSPC);
        }
        self.entries.reserve(1, GFP_KERNEL)?;
        Ok(Vacancy(name))
    }

    /// Adds an object.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], but never for the last vacancy that this registry gave.
    pub fn insert(&mut self, vacancy: Vacancy, object: T) -> Result {
        self.entries.push((vacancy.0, object), GFP_KERNEL)?;
        Ok(())
    }

    /// The object called `name`.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none.
    pub fn get(&self, name: &str) -> Result<&T> {
        let index = self.index(name)?;
        self.entries
            .get(index)
            .map(|(_, object)| object)
            .ok_or(ENOENT)
    }

    /// Takes out the object called `name`.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none.
    pub fn remove(&mut self, name: &str) -> Result<T> {
        let index = self.index(name)?;
        let (_, object) = self.entries.remove(index).map_err(|_| ENOENT)?;
        Ok(object)
    }

    /// The objects.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, object)| object)
    }

    /// The objects, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, object)| object)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.entries
            .iter()
            .position(|(other, _)| other.to_bytes() == name.as_bytes())
            .ok_or(ENOENT)
    }
}
