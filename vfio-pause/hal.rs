// SPDX-License-Identifier: GPL-2.0

//! Keeping functions still that are not still without access to memory; see [`quiet`].

use crate::model::quiet::{
    self,
    MAX_SWITCHES, //
};
use kernel::time::{
    delay::fsleep,
    Delta, //
};
use kernel_ext::pci::{
    Function,
    Window, //
};

/// The registers behind all base address registers of a function.
pub(crate) type Windows = [Option<Window>; 6];

/// What a function's switches were before they were turned off.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    vendor: u16,
    device: u16,
    registers: [Option<u32>; MAX_SWITCHES],
}

/// The register of a switch.
fn load(windows: &Windows, switch: &quiet::Switch) -> Option<u32> {
    let window = windows.get(usize::from(switch.bar))?.as_ref()?;
    let mut bytes = [0; 4];
    window
        .load(switch.offset, &mut bytes)
        .then(|| u32::from_le_bytes(bytes))
}

fn store(windows: &Windows, switch: &quiet::Switch, value: u32) {
    if let Some(Some(window)) = windows.get(usize::from(switch.bar)) {
        window.store(switch.offset, &value.to_le_bytes());
    }
}

impl Held {
    /// Turns all switches of `function`, which nobody can tell anything now, off. Sleeps.
    pub(crate) fn hold(function: &Function, windows: &Windows) -> Self {
        let (vendor, device, _, _, class, _) = function.ids();
        match quiet::settle_ms(class) {
            0 => {}
            ms => fsleep(Delta::from_millis(i64::from(ms))),
        }
        let mut registers = [None; MAX_SWITCHES];
        for (switch, register) in quiet::switches(vendor, device).iter().zip(&mut registers) {
            *register = load(windows, switch).filter(|value| value & switch.mask != 0);
            if let Some(value) = register {
                store(windows, switch, *value & !switch.mask);
            }
        }
        Self {
            vendor,
            device,
            registers,
        }
    }

    /// Turns the switches on that were on.
    pub(crate) fn release(&self, windows: &Windows) {
        let switches = quiet::switches(self.vendor, self.device);
        for (switch, register) in switches.iter().zip(self.registers) {
            if let Some(value) = register {
                store(windows, switch, value);
            }
        }
    }
}
