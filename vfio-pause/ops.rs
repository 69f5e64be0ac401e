// SPDX-License-Identifier: GPL-2.0

//! What VFIO and the IOMMU core ask of a slot: look at its state, ask the model, do what it says.

use crate::{
    dma::Mapping,
    ffi,
    model::{
        config::Effects,
        layout::{
            self,
            Place, //
        },
        policy::{
            self,
            Access,
            Away,
            Patience, //
        },
        state::{
            Decision,
            Event,
            Reset,
            State, //
        },
        text::Switch, //
    },
    slot::{
        Control,
        Slot, //
    },
    stage::Stage,
    wiring::{
        EventFds,
        Source, //
    },
};
use kernel::{
    device,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    time::Delta, //
};
use kernel_ext::{
    iommu,
    sync::{
        Signals,
        Waited, //
    },
    vfio::{
        self,
        EventFd,
        Fault,
        Info,
        IrqAction,
        IrqData,
        IrqInfo,
        MapRange,
        Mappings,
        Outcome,
        RegionInfo,
        SetIrqs,
        Wait, //
    },
};

/// The notice that the host wants to have the device back.
const REQUEST: usize = 1;

/// What a register of an absent device reads as.
const ABSENT: u8 = 0xff;

/// How an access to registers goes on.
enum Next {
    /// Try it again.
    Retry,
    /// It reads all ones, and what it writes is lost.
    Sink,
}

impl Slot {
    /// What an access gets while the slot has no registers.
    fn access(&self, control: &Control, patience: Patience) -> Access {
        let away = match (Self::paused_ms(control), control.machine.state()) {
            (Some(since_ms), _) => Away::Paused { since_ms },
            _ => Away::Error,
        };
        let knobs = self.knobs();
        let (policy, block) = (knobs.policy.fault(), knobs.policy.block());
        policy::access(policy, block, away, patience)
    }

    /// Counts and traces what an access at `offset` of a base address register gets.
    fn account(&self, access: Access, offset: u64) {
        let stats = &self.knobs().stats;
        let outcome = match access {
            Access::Wait { .. } => {
                stats.blocked_faults.count();
                ffi::Outcome::Wait
            }
            Access::Sink => {
                stats.sunk_faults.count();
                ffi::Outcome::Sink
            }
            Access::Refuse => ffi::Outcome::Refuse,
        };
        ffi::trace_access(&self.knobs().name, offset, outcome);
    }

    /// Waits until registers may be there again, or the policy is another than was `seen`.
    fn wait_for_registers(&self, limit_ms: Option<u32>, seen: u32, signals: Signals) -> Waited {
        let limit = limit_ms.map(|ms| Delta::from_millis(i64::from(ms)));
        let policy = &self.knobs().policy;
        self.returned().wait(limit, signals, || {
            policy.changes() != seen
                || matches!(self.state(), State::Running | State::Error | State::Empty)
        })
    }

    /// What becomes of a system call that accesses registers which are not there.
    fn deal_with_absence(&self, access: Access, seen: u32) -> Result<Next> {
        match access {
            Access::Sink => Ok(Next::Sink),
            Access::Refuse => Err(EIO),
            Access::Wait { limit_ms } => {
                match self.wait_for_registers(limit_ms, seen, Signals::Interruptible) {
                    Waited::Interrupted => Err(ERESTARTSYS),
                    Waited::Met | Waited::TimedOut => Ok(Next::Retry),
                }
            }
        }
    }

    /// Accesses registers by `f`, which gets the window and says whether the access was within it.
    fn registers(
        &self,
        bar: usize,
        offset: u64,
        mut f: impl FnMut(&kernel_ext::pci::Window) -> bool,
    ) -> Result<Next> {
        let bar = u8::try_from(bar).map_err(|_| EINVAL)?;
        let identity = self.identity().ok_or(ENODEV)?;
        if identity.is_msix_table(bar, offset) {
            // The messages are the host's; the user directs them by other means.
            return Ok(Next::Sink);
        }
        loop {
            let seen = self.knobs().policy.changes();
            let access = {
                let control = self.control().lock();
                match &control.stage {
                    Stage::Running(running) => {
                        let window = running.window(bar).ok_or(EINVAL)?;
                        return match f(window) {
                            true => Ok(Next::Retry),
                            false => Err(EINVAL),
                        };
                    }
                    _ => self.access(&control, Patience::CanWait),
                }
            };
            self.account(access, offset);
            match self.deal_with_absence(access, seen)? {
                Next::Sink => return Ok(Next::Sink),
                Next::Retry => {}
            }
        }
    }

    /// Adds to what was read from `offset` of the configuration space whether the back raises its pin.
    fn add_pin_status(&self, offset: u64, to: &mut [u8]) {
        const STATUS: u16 = 0x6;
        const PIN: u8 = 1 << 3;
        let place = u64::from(STATUS).checked_sub(offset);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(byte) = place.and_then(|place| to.get_mut(place)) {
            if let Stage::Running(running) = &self.control().lock().stage {
                *byte |= running.back().function().config(STATUS) & PIN;
            }
        }
    }

    /// Does what a write to the configuration space leads to.
    fn apply(&self, effects: Effects) -> Result {
        if effects.master.is_some() {
            let mut control = self.control().lock();
            let control = &mut *control;
            // Not what this write said, but the last of several at once.
            control.user.master = self.config().lock().master();
            if let Stage::Running(running) = &control.stage {
                running.set_master(control.user.master);
            }
        }
        if effects.intx_disable.is_some() {
            let mut control = self.control().lock();
            let control = &mut *control;
            control.user.pin_disable = self.config().lock().intx_disable();
            if let Stage::Running(running) = &control.stage {
                running.set_pin(&control.user);
            }
        }
        if effects.reset {
            vfio::Device::reset(self)?;
        }
        Ok(())
    }

    /// Directs interrupts to eventfds.
    fn direct(&self, request: &SetIrqs<'_>, source: Source, fds: &[i32]) -> Result {
        let start = usize::try_from(request.start()).map_err(|_| EINVAL)?;
        let count = vfio::Device::irq_info(self, request.index())?.count;
        let count = u16::try_from(count).map_err(|_| EINVAL)?;
        let mut eventfds = EventFds::new();
        for fd in fds {
            eventfds.push(eventfd(*fd)?, GFP_KERNEL)?;
        }
        let changed = eventfds.len();
        let mut control = self.control().lock();
        let control = &mut *control;
        let was_off = control.user.wiring.source().is_none();
        control.user.wiring.direct(source, count, start, eventfds)?;
        if let Stage::Running(running) = &mut control.stage {
            let armed = running.irqs().arm(&control.user.wiring, start, changed);
            if armed.is_err() {
                match was_off {
                    true => control.user.wiring.turn_off(),
                    false => control.user.wiring.undirect(start, changed),
                }
                // What is directed nowhere needs nothing that could be missing.
                running
                    .irqs()
                    .arm(&control.user.wiring, start, changed)
                    .ok();
            }
            running.set_pin(&control.user);
            armed?;
        }
        Ok(())
    }

    /// Masks or unmasks the pin.
    fn gate(&self, action: IrqAction, data: IrqData<'_>) -> Result {
        let mut control = self.control().lock();
        let wiring = &mut control.user.wiring;
        if wiring.source() != Some(Source::Pin) {
            return Err(EINVAL);
        }
        match (action, data) {
            (_, IrqData::Bool([0])) => {}
            (IrqAction::Mask, IrqData::None | IrqData::Bool(_)) => wiring.gate().mask(),
            (IrqAction::Unmask, IrqData::None | IrqData::Bool(_)) => wiring.gate().unmask(),
            (IrqAction::Unmask, IrqData::EventFds([fd])) => {
                return wiring.unmask_by((*fd >= 0).then_some(*fd));
            }
            _ => return Err(ENOTTY),
        }
        Ok(())
    }

    /// Takes the interrupts of a kind out of use.
    fn turn_off(&self, source: Source) -> Result {
        let mut control = self.control().lock();
        let control = &mut *control;
        if control.user.wiring.source() != Some(source) {
            return Err(EINVAL);
        }
        control.user.wiring.turn_off();
        if let Stage::Running(running) = &mut control.stage {
            running.irqs().arm(&control.user.wiring, 0, 0)?;
        }
        Ok(())
    }

    /// Directs or signals a notice: one of errors, or one of the host's wish to have the device back.
    fn set_notice(&self, request: &SetIrqs<'_>) -> Result {
        let number = match request.index() {
            layout::VFIO_PCI_ERR_IRQ_INDEX => 0,
            _ => REQUEST,
        };
        let eventfd = match (request.action(), request.data()) {
            (IrqAction::Trigger, IrqData::EventFds(&[fd])) => Some(eventfd(fd)?),
            (IrqAction::Trigger, IrqData::None) if request.count() == 0 => {
                let mut control = self.control().lock();
                return control.user.wiring.drop_notice(number);
            }
            (IrqAction::Trigger, IrqData::None | IrqData::Bool([1..=u8::MAX])) => None,
            (IrqAction::Trigger, IrqData::Bool(_)) => return Ok(()),
            _ => return Err(ENOTTY),
        };
        let mut control = self.control().lock();
        match eventfd {
            Some(eventfd) => control.user.wiring.direct_notice(number, eventfd),
            None if control.user.wiring.signal_notice(number) => {}
            None => return Err(EINVAL),
        }
        Ok(())
    }

    /// Signals interrupts as if the device had.
    fn loop_back(&self, request: &SetIrqs<'_>, flags: Option<&[u8]>) -> Result {
        let control = self.control().lock();
        let wiring = &control.user.wiring;
        if wiring.source() != Source::of_index(request.index()) {
            return Err(EINVAL);
        }
        for number in 0..request.count() {
            let place = usize::try_from(number).map_err(|_| EINVAL)?;
            if flags.is_some_and(|flags| flags.get(place).is_none_or(|flag| *flag == 0)) {
                continue;
            }
            let vector = request.start().checked_add(number).ok_or(EINVAL)?;
            wiring.signal(usize::try_from(vector).map_err(|_| EINVAL)?);
        }
        Ok(())
    }
}

/// The eventfd `fd`, or none if it is negative.
fn eventfd(fd: i32) -> Result<Option<Arc<EventFd>>> {
    if fd < 0 {
        return Ok(None);
    }
    Ok(Some(Arc::new(EventFd::from_fd(fd)?, GFP_KERNEL)?))
}

impl vfio::Device for Slot {
    fn open(&self, mappings: Mappings) -> Result {
        let mut control = self.control().lock();
        let control = &mut *control;
        match self.decide(control, Event::Open) {
            Decision::Open { reset: Reset::Flr } => {
                if let Stage::Running(running) = &control.stage {
                    running.reset(&control.user).inspect_err(|_| {
                        self.decide(control, Event::Close);
                    })?;
                }
            }
            Decision::Open { reset: Reset::None } => {}
            Decision::Refuse(refusal) => return Err(refusal.into()),
            _ => return Err(EBUSY),
        }
        control.user.open = Some(mappings);
        Ok(())
    }

    fn close(&self) {
        let mut control = self.control().lock();
        let control = &mut *control;
        if self.decide(control, Event::Close) != Decision::Close {
            return;
        }
        control.user.zap();
        control.user.open = None;
        control.user.wiring.clear();
        control.user.master = Switch::Off;
        self.config().lock().renew();
        if let Stage::Running(running) = &mut control.stage {
            running.set_master(Switch::Off);
            // What is turned off needs nothing that could be missing.
            running.irqs().arm(&control.user.wiring, 0, 0).ok();
        }
        // Whoever has it next resets it again; until then nothing of this user is left in it. That it
        // may be gone is no matter.
        if let Some(back) = control.stage.back() {
            back.reset(kernel_ext::pci::Reset::Unlocked).ok();
        }
    }

    fn requested(&self, _times: u32) {
        let control = self.control().lock();
        control.user.wiring.signal_notice(REQUEST);
    }

    fn info(&self) -> Info {
        Info {
            flags: match self.can_reset() {
                true => Info::PCI | Info::RESET,
                false => Info::PCI,
            },
            regions: layout::VFIO_PCI_NUM_REGIONS,
            irqs: layout::VFIO_PCI_NUM_IRQS,
        }
    }

    fn region_info(&self, index: u32) -> Result<RegionInfo> {
        let identity = self.identity().ok_or(ENODEV)?;
        let region = layout::region(identity, index).ok_or(EINVAL)?;
        Ok(RegionInfo {
            offset: region.offset,
            size_bytes: region.size_bytes,
            access: region.flags,
            msix_mappable: region.has_msix_table,
        })
    }

    fn irq_info(&self, index: u32) -> Result<IrqInfo> {
        let identity = self.identity().ok_or(ENODEV)?;
        let irqs = layout::irqs(identity, index).ok_or(EINVAL)?;
        Ok(IrqInfo {
            flags: irqs.flags,
            count: irqs.count,
        })
    }

    fn set_irqs(&self, request: &SetIrqs<'_>) -> Result {
        let (action, data) = (request.action(), request.data());
        let Some(source) = Source::of_index(request.index()) else {
            return self.set_notice(request);
        };
        match (action, data) {
            (IrqAction::Trigger, IrqData::None) if request.count() == 0 => self.turn_off(source),
            (IrqAction::Trigger, IrqData::None) => self.loop_back(request, None),
            (IrqAction::Trigger, IrqData::Bool(flags)) => self.loop_back(request, Some(flags)),
            (IrqAction::Trigger, IrqData::EventFds(fds)) => self.direct(request, source, fds),
            (action, data) if source == Source::Pin => self.gate(action, data),
            _ => Err(ENOTTY),
        }
    }

    fn reset(&self) -> Result {
        if !self.can_reset() {
            return Err(EINVAL);
        }
        let mut control = self.control().lock();
        let control = &mut *control;
        match self.decide(control, Event::UserReset) {
            Decision::Reset => match &control.stage {
                Stage::Running(running) => running.reset(&control.user),
                _ => Ok(()),
            },
            Decision::Refuse(refusal) => Err(refusal.into()),
            _ => Ok(()),
        }
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<usize> {
        let len_bytes = u64::try_from(to.len()).map_err(|_| EINVAL)?;
        let identity = self.identity().ok_or(ENODEV)?;
        match layout::place(identity, offset, len_bytes) {
            Place::Absent => return Err(EINVAL),
            Place::Config { offset } => {
                self.config().lock().read(offset, to).ok_or(EINVAL)?;
                self.add_pin_status(offset, to);
            }
            Place::Bar { index, offset } => {
                match self.registers(index, offset, |window| window.load(offset, to))? {
                    Next::Sink => to.fill(ABSENT),
                    Next::Retry => {}
                }
            }
        }
        Ok(to.len())
    }

    fn write(&self, offset: u64, from: &[u8]) -> Result<usize> {
        let len_bytes = u64::try_from(from.len()).map_err(|_| EINVAL)?;
        let identity = self.identity().ok_or(ENODEV)?;
        match layout::place(identity, offset, len_bytes) {
            Place::Absent => return Err(EINVAL),
            Place::Config { offset } => {
                let effects = self.config().lock().write(offset, from).ok_or(EINVAL)?;
                self.apply(effects)?;
            }
            Place::Bar { index, offset } => {
                self.registers(index, offset, |window| window.store(offset, from))?;
            }
        }
        Ok(from.len())
    }

    fn map(&self, range: MapRange) -> Result {
        let identity = self.identity().ok_or(ENODEV)?;
        match layout::mapping(identity, range.offset, range.len_bytes) {
            Some(_) => Ok(()),
            None => Err(EINVAL),
        }
    }

    fn fault(&self, access: &Fault<'_>) -> Outcome {
        const PAGE_BYTES: u64 = 4096;
        let place = self
            .identity()
            .and_then(|identity| layout::mapping(identity, access.offset(), PAGE_BYTES));
        let Some((bar, offset)) = place else {
            return Outcome::Refuse;
        };
        let control = self.control().lock();
        if let Stage::Running(running) = &control.stage {
            let window = u8::try_from(bar).ok().and_then(|bar| running.window(bar));
            // Under the lock under which a pause takes all pages away.
            return match window.and_then(|window| window.page(offset)) {
                Some(page) => access.insert_io(page),
                None => Outcome::Refuse,
            };
        }
        let patience = match access.can_wait() {
            true => Patience::CanWait,
            false => Patience::CannotWait,
        };
        let what = self.access(&control, patience);
        self.account(what, offset);
        match what {
            Access::Refuse => Outcome::Refuse,
            Access::Sink => access.insert_sink(),
            Access::Wait { .. } => Outcome::Wait,
        }
    }

    fn wait_accessible(&self, wait: &Wait) {
        let seen = self.knobs().policy.changes();
        let limit_ms = match self.access(&self.control().lock(), Patience::CanWait) {
            Access::Wait { limit_ms } => limit_ms,
            _ => return,
        };
        self.wait_for_registers(limit_ms, seen, wait.signals());
    }
}

impl iommu::Front for Slot {
    type Domain = Mapping;

    fn new_domain(&self) -> Result<Arc<Mapping>> {
        let template = Slot::template(self);
        Mapping::new(template, self.knobs().clone())
    }

    fn attach(&self, domain: Option<Arc<Mapping>>) -> Result {
        Slot::attach(self, domain)
    }

    fn template(&self) -> ARef<device::Device> {
        Slot::template(self)
    }
}
