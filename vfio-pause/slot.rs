// SPDX-License-Identifier: GPL-2.0

//! A slot: one persistent device, and everything that happens to it.

mod front;
mod place;
mod transition;

use crate::{
    driver::{
        self,
        Host, //
    },
    knobs::Knobs,
    model::{
        config::Shadow,
        identity::Identity,
        slot as machine,
        spec::{
            FrontKind,
            Spec,
            Target, //
        },
        state::{
            Refusal,
            State, //
        },
        text::Switch, //
    },
    stage::{
        Stage,
        User, //
    },
    wiring::Wiring,
};
use kernel::{
    device,
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce, //
    },
    workqueue::{
        impl_has_work,
        new_work,
        Work, //
    }, //
};
use kernel_ext::{
    front::Front,
    pci::{
        Address,
        Function, //
    },
    sync::{
        new_wait_queue,
        WaitQueue, //
    },
    sysfs::Notifier,
};

/// One persistent device.
///
/// Lock order: `front` before `control` before `config`; `announced`, `target` and `former` are
/// leaf locks. `control` is taken in page faults and under the mutex of the front's IOMMU group, so
/// under it nothing touches memory of users, and nothing is called that takes that mutex or a
/// device's lock.
#[pin_data]
pub(crate) struct Slot {
    knobs: Arc<Knobs>,
    kind: FrontKind,
    /// What a user was promised, once there was a back.
    identity: SetOnce<Identity>,
    /// A function behind the same IOMMU as all backs, which may be gone.
    template: ARef<device::Device>,
    /// What belongs behind it.
    #[pin]
    target: Mutex<Target>,
    #[pin]
    control: Mutex<Control>,
    #[pin]
    config: Mutex<KBox<Shadow>>,
    /// Woken when registers may be there again.
    #[pin]
    returned: WaitQueue,
    /// The front, from the first back on.
    #[pin]
    front: Mutex<Option<Front<Slot>>>,
    /// States that nobody outside was told of yet.
    #[pin]
    announced: Mutex<KVec<State>>,
    /// What the back was to the host before.
    #[pin]
    former: Mutex<Option<Former>>,
    /// The state while a transition holds `control`, by its place in [`STATES`].
    shown: Atomic<u32>,
    /// Whether the next back was just found by the host, and so holds nothing of anybody.
    is_fresh: AtomicFlag,
    /// Whether interrupts are to be signalled once more.
    kick_due: AtomicFlag,
    /// Tells who polls the file `state`.
    notifier: Notifier,
    host: Arc<Host>,
    #[pin]
    work: Work<Slot>,
}

impl_has_work! {
    impl HasWork<Self> for Slot { self.work }
}

/// What a function was before it was reserved for a slot.
struct Former {
    function: Function,
    driver: Option<CString>,
    reserved: Option<CString>,
}

/// What changes together.
pub(crate) struct Control {
    /// Where the slot stands.
    pub(crate) machine: machine::Slot,
    /// What it owns there.
    pub(crate) stage: Stage,
    /// What its user has set up.
    pub(crate) user: User,
    /// What went wrong last.
    error: Option<CString>,
    /// Why the last function was refused, until somebody has asked.
    refused: Option<Error>,
}

/// All states, for [`Slot::shown`].
const STATES: [State; 6] = [
    State::Empty,
    State::Running,
    State::Pausing,
    State::Paused,
    State::Resuming,
    State::Error,
];

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => EBUSY,
            Refusal::NoDevice => ENODEV,
        }
    }
}

impl Slot {
    /// Makes a slot without a back; `template` is behind the same IOMMU as its backs will be.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(
        host: Arc<Host>,
        spec: &Spec<'_>,
        template: ARef<device::Device>,
    ) -> Result<Arc<Self>> {
        let name = CString::try_from_fmt(format_args!("{}", spec.name.as_str()))?;
        let knobs = Arc::new(Knobs::new(name), GFP_KERNEL)?;
        let user = User {
            open: None,
            mapping: None,
            wiring: Wiring::new(knobs.clone())?,
            master: Switch::Off,
            pin_disable: Switch::Off,
        };
        let control = Control {
            machine: machine::Slot::EMPTY,
            stage: Stage::Empty,
            user,
            error: None,
            refused: None,
        };
        let config = KBox::new(const { Shadow::empty() }, GFP_KERNEL)?;
        let (kind, target) = (spec.front, spec.target);
        Arc::pin_init(
            try_pin_init!(Self {
                knobs,
                kind,
                identity: SetOnce::new(),
                template,
                target <- new_mutex!(target, "vfio_pause::Slot::target"),
                control <- new_mutex!(control, "vfio_pause::Slot::control"),
                config <- new_mutex!(config, "vfio_pause::Slot::config"),
                returned <- new_wait_queue!("vfio_pause::Slot::returned"),
                front <- new_mutex!(None, "vfio_pause::Slot::front"),
                announced <- new_mutex!(KVec::new(), "vfio_pause::Slot::announced"),
                former <- new_mutex!(None, "vfio_pause::Slot::former"),
                shown: Atomic::new(0),
                is_fresh: AtomicFlag::new(false),
                kick_due: AtomicFlag::new(false),
                notifier: Notifier::new(c"state")?,
                host,
                work <- new_work!("vfio_pause::Slot::work"),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Name, settings and counters.
    pub(crate) fn knobs(&self) -> &Arc<Knobs> {
        &self.knobs
    }

    /// What tells who polls the file `state`.
    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// What a user was promised.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether the user was promised a device that can be reset.
    pub(crate) fn can_reset(&self) -> bool {
        self.identity().is_some_and(|identity| identity.can_reset)
    }

    /// What changes together.
    pub(crate) fn control(&self) -> &Mutex<Control> {
        &self.control
    }

    /// The configuration space that the user sees.
    pub(crate) fn config(&self) -> &Mutex<KBox<Shadow>> {
        &self.config
    }

    /// What is woken when registers may be there again.
    pub(crate) fn returned(&self) -> &WaitQueue {
        &self.returned
    }

    /// The state; that of a transition while it is under way.
    pub(crate) fn state(&self) -> State {
        let number = usize::try_from(self.shown.load(Relaxed)).unwrap_or(0);
        STATES.get(number).copied().unwrap_or(State::Empty)
    }

    /// What belongs behind it.
    pub(crate) fn target(&self) -> Target {
        *self.target.lock()
    }

    /// Where the function behind it is.
    pub(crate) fn backing(&self) -> Option<Address> {
        let control = self.control.lock();
        Some(control.stage.back()?.function().address())
    }

    /// The function whose IOMMU is the front's: the back, or in its absence one that has the same.
    pub(crate) fn template(&self) -> ARef<device::Device> {
        if let Some(back) = self.control.lock().stage.back() {
            return back.function().to_dev();
        }
        let present = match self.target() {
            Target::Vf { pf, .. } => driver::function_at(pf),
            Target::Function(bdf) => driver::function_at(bdf),
        };
        present.map_or_else(|| self.template.clone(), |function| function.to_dev())
    }

    /// Runs `f` with the front, if there is one.
    pub(crate) fn with_front<R>(&self, f: impl FnOnce(&Front<Slot>) -> Option<R>) -> Option<R> {
        f(self.front.lock().as_ref()?)
    }

    /// What went wrong last, as text for `out`.
    pub(crate) fn show_error(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let control = self.control.lock();
        let text = control.error.as_ref().and_then(|text| text.to_str().ok());
        out.write_str(text.unwrap_or("none"))
    }
}
