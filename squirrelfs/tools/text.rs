// SPDX-License-Identifier: GPL-2.0

//! Sizes, times, modes and names as text, and back.

use crate::model::inode::mode;
use std::fmt;

/// A name or path as it can be printed: what is not printable text is escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Name<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                if char.is_control() || char == '\\' || is_direction(char) {
                    write!(to, "{}", char.escape_default())?;
                } else {
                    write!(to, "{char}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(to, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that change the direction of writing, and so the look of a whole line.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Nanoseconds since 1970 as a date.
pub(crate) fn time(ns: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(ns);
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A size with a binary unit, if it is a multiple of one.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes >= 1 << shift && bytes % (1 << shift) == 0);
    match unit {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// Reads a size in bytes, or with one of the suffixes K, M, G, T (binary).
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return None,
    };
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(1 << shift)
}

/// The word for the type in a mode.
pub(crate) fn kind(of: u16) -> &'static str {
    match of & mode::FORMAT {
        mode::DIRECTORY => "directory",
        mode::REGULAR => "file",
        mode::SYMLINK => "symlink",
        0o010_000 => "fifo",
        0o020_000 => "character device",
        0o060_000 => "block device",
        0o140_000 => "socket",
        _ => "unknown",
    }
}

/// A mode as `ls -l` shows it.
pub(crate) fn mode(of: u16) -> String {
    let kind = match of & mode::FORMAT {
        mode::DIRECTORY => 'd',
        mode::REGULAR => '-',
        mode::SYMLINK => 'l',
        0o010_000 => 'p',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o140_000 => 's',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = of >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, of & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_play_tricks_on_a_terminal() {
        let show = |bytes: &[u8]| Name(bytes).to_string();
        assert_eq!(show("grün 🦀".as_bytes()), "grün 🦀");
        assert_eq!(show(b"a\x1b[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(show(b"\xff\\"), "\\xff\\\\");
        assert_eq!(show("\u{202e}txt".as_bytes()), "\\u{202e}txt");
    }

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(parse_size("128M"), Some(128 << 20));
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        assert_eq!(parse_size("4096"), Some(4096));
        for junk in ["", "M", "-1", "1.5G", "1X", "99999999999T", "1 M", "ü"] {
            assert_eq!(parse_size(junk), None);
        }
        assert_eq!(size(128 << 20), "128 MiB");
        assert_eq!(size(4097), "4097 bytes");
        assert_eq!(size(0), "0 bytes");
    }

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode(0o100_644), "-rw-r--r--");
        assert_eq!(mode(0o041_777), "drwxrwxrwt");
        assert_eq!(mode(0o106_711), "-rws--s--x");
        assert_eq!(mode(0o102_600), "-rw---S---");
    }

    #[test]
    fn every_time_is_a_date() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(i64::MIN), "1677-09-21 00:12:43 UTC");
        assert_eq!(time(i64::MAX), "2262-04-11 23:47:16 UTC");
    }
}
