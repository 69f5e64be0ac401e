// SPDX-License-Identifier: GPL-2.0

//! Numbers from a user's text.
//!
//! A text that is no number gives [`EINVAL`], a number that does not fit gives [`ERANGE`]: the text
//! is read as the widest integer first, so that a number too large for the target type is told
//! apart from junk.

use kernel::prelude::*;

/// Makes an error number of a module's `Malformed`, which its model reads texts with:
/// [`EINVAL`] for what cannot be read, [`ERANGE`] for a number that does not fit.
#[macro_export]
macro_rules! malformed_is_errno {
    ($malformed:ident) => {
        impl From<$malformed> for ::kernel::error::Error {
            fn from(malformed: $malformed) -> Self {
                match malformed {
                    $malformed::Syntax => ::kernel::error::code::EINVAL,
                    $malformed::Range => ::kernel::error::code::ERANGE,
                }
            }
        }
    };
}
pub use malformed_is_errno;

/// Reads a decimal number.
///
/// # Errors
///
/// [`EINVAL`] unless `text` consists of ASCII digits, [`ERANGE`] if the number exceeds
/// [`u64::MAX`].
pub fn number(text: &str) -> Result<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EINVAL);
    }
    text.parse().map_err(|_| ERANGE)
}

/// Reads a decimal number and converts it to a type that knows its own range.
///
/// # Errors
///
/// As [`number`]; [`ERANGE`] also if `T` refuses the number.
///
/// # Examples
///
/// ```ignore
/// let latency: Latency = param::ranged(text, Latency::from_us)?;
/// ```
pub fn ranged<N: TryFrom<u64>, T>(text: &str, accept: impl FnOnce(N) -> Option<T>) -> Result<T> {
    let number = N::try_from(number(text)?).map_err(|_| ERANGE)?;
    accept(number).ok_or(ERANGE)
}
