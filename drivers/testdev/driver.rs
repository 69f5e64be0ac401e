// SPDX-License-Identifier: GPL-2.0

//! Binding to the device.

use crate::{
    device::{
        Acknowledge,
        CountArrivals,
        Device,
        Shared, //
    },
    module_parameters,
    sysfs as attributes, //
};
use kernel::{
    device::{
        Bound,
        Core, //
    },
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*, //
};
use kernel_ext::{
    irq::{
        Alarm,
        Hook, //
    },
    pci::Interrupt,
    sysfs::{
        Dir,
        Parent, //
    }, //
};

/// The driver.
pub(crate) struct TestDev;

/// What a bound device has.
#[pin_data]
pub(crate) struct Data<'bound> {
    // Fields drop in declaration order: first nobody can ask for interrupts, then the line is given
    // back, then its handler goes.
    _dir: Dir<Device>,
    _hook: Option<Hook<CountArrivals>>,
    #[pin]
    interrupt: Interrupt<'bound, Acknowledge>,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <TestDev as pci::Driver>::IdInfo,
    [(kernel_ext::pci::device_id(0x1234, 0x11e8), ())]
);

impl pci::Driver for TestDev {
    type IdInfo = ();
    type Data<'bound> = Data<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            pdev.enable_device_mem()?;
            pdev.set_master();
            let bound: &'bound pci::Device<Bound> = pdev;
            let shared = Shared::new(pdev.iomap_region_sized(0, c"testdev")?)?;
            if !shared.is_alive()? {
                dev_err!(pdev, "the device does not answer\n");
                return Err(ENODEV);
            }
            let handler = Acknowledge(shared.clone());
            let types = IrqTypes::default().with(IrqType::Msi);
            Ok(try_pin_init!(Data {
                interrupt <- Interrupt::new(bound, types, c"testdev", Ok::<_, Error>(handler)),
                _hook: if module_parameters::hook.value() {
                    let alarm = Alarm::new(interrupt.irq())?;
                    Some(Hook::attach(alarm, CountArrivals(shared.clone()))?)
                } else {
                    None
                },
                _dir: Dir::new(
                    Parent::Device(bound.as_ref()),
                    c"testdev",
                    attributes::GROUPS,
                    Device::new(shared, interrupt.irq(), interrupt.switch()),
                )?,
            }? Error))
        })
    }
}
