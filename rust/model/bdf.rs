// SPDX-License-Identifier: GPL-2.0

//! Where a PCI function sits. Modules include this file in their models.

use super::text::{
    hexadecimal,
    Malformed, //
};
use core::fmt;

/// The address of a PCI function: `domain:bus:device.function`, as in `0000:01:00.0`.
///
/// # Invariants
///
/// `device` is at most [`Bdf::MAX_DEVICE`], `function` at most [`Bdf::MAX_FUNCTION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bdf {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl Bdf {
    /// Highest device number of a bus.
    pub(crate) const MAX_DEVICE: u8 = 31;
    /// Highest function number of a device.
    pub(crate) const MAX_FUNCTION: u8 = 7;

    /// Returns [`None`] if a number is out of range.
    pub(crate) const fn new(domain: u32, bus: u8, device: u8, function: u8) -> Option<Self> {
        if device > Self::MAX_DEVICE || function > Self::MAX_FUNCTION {
            return None;
        }
        // INVARIANT: Both were checked above.
        Some(Self {
            domain,
            bus,
            device,
            function,
        })
    }

    /// The PCI domain.
    pub(crate) const fn domain(self) -> u32 {
        self.domain
    }

    /// The bus in the domain.
    pub(crate) const fn bus(self) -> u8 {
        self.bus
    }

    /// The device on the bus.
    pub(crate) const fn device(self) -> u8 {
        self.device
    }

    /// The function of the device.
    pub(crate) const fn function(self) -> u8 {
        self.function
    }

    /// Reads `0000:01:00.0`: 4 to 8 digits of domain, two of bus, two of device, one of function.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let (domain, rest) = text.split_once(':').ok_or(Malformed::Syntax)?;
        let (bus, rest) = rest.split_once(':').ok_or(Malformed::Syntax)?;
        let (device, function) = rest.split_once('.').ok_or(Malformed::Syntax)?;
        let domain = hexadecimal(domain, 4..=8)?;
        let [bus, device] = [hexadecimal(bus, 2..=2)?, hexadecimal(device, 2..=2)?];
        let function = hexadecimal(function, 1..=1)?;
        let narrow = |number: u64| u8::try_from(number).map_err(|_| Malformed::Range);
        let domain = u32::try_from(domain).map_err(|_| Malformed::Range)?;
        Self::new(domain, narrow(bus)?, narrow(device)?, narrow(function)?).ok_or(Malformed::Range)
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_printed_as_it_is_read() {
        for text in [
            "0000:01:00.0",
            "8000:00:00.0",
            "ffff:ff:1f.7",
            "10000:e1:00.3",
            "ffffffff:00:00.0",
        ] {
            assert_eq!(Bdf::parse(text).map(|bdf| bdf.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn digits_may_be_upper_case_and_a_domain_longer_than_needed() {
        let bdf = Bdf::parse("0000000A:0B:1C.1").map(|bdf| bdf.to_string());
        assert_eq!(bdf, Ok("000a:0b:1c.1".into()));
    }

    #[test]
    fn junk_is_malformed_and_a_device_that_no_bus_has_is_out_of_range() {
        for text in [
            "",
            "01:00.0",
            "000:01:00.0",
            "000000000:01:00.0",
            "0000:1:00.0",
            "0000:01:0.0",
            "0000:01:00",
            "0000:01:00.",
            "0000:01:00.00",
            "0000:01:00.0 ",
            "0000:01:00:0",
            "0000:+1:00.0",
            "0000:01:00.g",
        ] {
            assert_eq!(Bdf::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["0000:01:20.0", "0000:01:00.8", "0000:01:ff.f"] {
            assert_eq!(Bdf::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }
}
