// SPDX-License-Identifier: GPL-2.0

//! Processes as a user names them.

use super::text::{
    decimal,
    Malformed, //
};
use core::fmt;

/// The number of a process.
///
/// # Invariants
///
/// It is at least 2, since 0 is no process and 1 no guest, and at most [`Pid::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pid(u32);

impl Pid {
    /// Greatest number, that of a signed 32-bit integer.
    pub(crate) const MAX: u32 = 0x7fff_ffff;

    /// The number.
    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    /// Reads a decimal number.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match u32::try_from(decimal(text)?).map_err(|_| Malformed::Range)? {
            0 | 1 => Err(Malformed::Syntax),
            // INVARIANT: Both bounds are checked here.
            number @ 2..=Self::MAX => Ok(Self(number)),
            _ => Err(Malformed::Range),
        }
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A list of different processes.
///
/// # Invariants
///
/// The first `len` of `pids`, at least one, are the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pids {
    pids: [Pid; Self::MAX_LEN],
    len: usize,
}

impl Pids {
    /// Longest list.
    pub(crate) const MAX_LEN: usize = 32;

    /// The processes, in the order they were named.
    pub(crate) fn as_slice(&self) -> &[Pid] {
        self.pids.get(..self.len).unwrap_or_default()
    }

    /// Reads `P[,P...]`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        // Where nothing is named yet there is a number that is no part of the list.
        let mut list = Self {
            // INVARIANT: 2 is in range.
            pids: [Pid(2); Self::MAX_LEN],
            len: 0,
        };
        for word in text.split(',') {
            let pid = Pid::parse(word)?;
            if list.as_slice().contains(&pid) {
                return Err(Malformed::Syntax);
            }
            *list.pids.get_mut(list.len).ok_or(Malformed::Range)? = pid;
            list.len = list.len.saturating_add(1);
        }
        // INVARIANT: `split` yields one word at least, and each was stored at the end of the list.
        Ok(list)
    }
}

impl fmt::Display for Pids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for pid in self.as_slice() {
            write!(f, "{separator}{pid}")?;
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_32_processes_at_most() {
        let list = |len: u32| {
            let pids: Vec<_> = (2..2 + len).map(|pid| pid.to_string()).collect();
            Pids::parse(&pids.join(",")).map(|list| list.as_slice().to_vec())
        };
        assert_eq!(list(1), Ok(vec![Pid(2)]));
        assert_eq!(list(32), Ok((2..34).map(Pid).collect()));
        assert_eq!(list(33), Err(Malformed::Range));
    }
}
