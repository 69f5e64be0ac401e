// SPDX-License-Identifier: GPL-2.0

//! Families: what a program finds by name.

use super::{
    command::Command,
    message::{
        Message,
        Recipient, //
    },
};
use crate::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    error::to_result,
    net::netlink::{
        self,
        MulticastGroup, //
    },
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu, //
    }, //
};

/// What a family is, and whose commands it has.
pub trait Protocol: Send + Sync + Sized + 'static {
    /// Its name, of at most 15 bytes.
    const NAME: &'static CStr;
    /// The version that its messages have.
    const VERSION: u32;
    /// Whom messages go to.
    const GROUPS: &'static [MulticastGroup];
    /// What programs can ask for.
    const COMMANDS: &'static [Command<Self>];
}

/// A family of generic netlink; it exists between [`Family::open`] and the end of what that returns.
///
/// It is a static since a dump, which holds the module only, uses it after that end.
///
/// # Invariants
///
/// - `protocol` is null, or points to what a [`Registration`] owns, or is about to own. It is changed only where no
///   request is served.
/// - While `is_open`, the family is registered and stays so for a grace period.
pub struct Family<P: Protocol> {
    family: netlink::Family,
    protocol: Atomic<*const P>,
    is_open: Atomic<bool>,
}

impl<P: Protocol> Family<P> {
    /// A family of the module; for statics only: panics if the name is too long or there are too many groups.
    pub const fn new(module: &ThisModule) -> Self {
        let name = P::NAME.to_bytes_with_nul();
        // INVARIANT: Null, and not open.
        Self {
            family: netlink::Family::const_new(module, name, P::VERSION, P::GROUPS),
            protocol: Atomic::new(core::ptr::null()),
            is_open: Atomic::new(false),
        }
    }

    /// Registers it. Process context; waits for requests to other families. Nothing else may fail in the init
    /// function of the module after this: a program may be reading a list, and the module would go nevertheless.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it is open, [`EEXIST`] if another one has the name, [`EINVAL`] if commands have the same number,
    /// [`ENOMEM`], or what `protocol` fails with.
    pub fn open(&'static self, protocol: impl PinInit<P, Error>) -> Result<Registration<P>> {
        let count = u8::try_from(P::COMMANDS.len()).map_err(|_| EINVAL)?;
        let protocol = KBox::pin_init(protocol, GFP_KERNEL)?;
        // INVARIANT: The registration below will own it; nothing is served yet.
        self.protocol
            .cmpxchg(core::ptr::null(), &raw const *protocol, Full)
            .map_err(|_| EBUSY)?;
        let family = self.family.as_raw();
        // SAFETY: It was closed and has been claimed above, so that nobody else is here, and the kernel does not know
        // it. A dump that is left from before looks at another field only. `Command` is transparent.
        unsafe {
            (*family).ops = P::COMMANDS.as_ptr().cast();
            (*family).n_ops = count;
            if (*family).netnsok() != 0 {
                (*family).set_netnsok(0);
            }
        }
        // SAFETY: A static, whose groups and commands are constants; it is not registered.
        if let Err(error) = to_result(unsafe { bindings::genl_register_family(family) }) {
            // INVARIANT: Nothing has been served.
            self.protocol.store(core::ptr::null(), Relaxed);
            return Err(error);
        }
        // INVARIANT: It was just registered.
        self.is_open.store(true, Release);
        Ok(Registration {
            family: self,
            protocol,
        })
    }

    /// What the commands are about.
    ///
    /// # Errors
    ///
    /// [`ENODEV`], which never happens.
    ///
    /// # Safety
    ///
    /// `info` is what the kernel calls a command of a family of `P` with; the result is used only until that returns.
    pub(super) unsafe fn protocol<'a>(info: *const bindings::genl_info) -> Result<&'a P> {
        // SAFETY: By the safety requirement.
        let family = unsafe { (*info).family }.cast::<netlink::Family>();
        // SAFETY: `netlink::Family` is transparent, and by the safety requirement it lies in one of these, which are
        // all statics.
        let this = unsafe { &*container_of!(family, Self, family) };
        // It was stored before the family was registered, with a lock that requests are served with.
        let protocol = NonNull::new(this.protocol.load(Relaxed).cast_mut()).ok_or(ENODEV)?;
        // SAFETY: By the type invariant; `Registration::drop` waits for requests before it drops it.
        Ok(unsafe { &*protocol.as_ptr() })
    }

    /// Sends a message to all who listen to `group`, which is its place in [`Protocol::GROUPS`], if anybody does and
    /// the family is open. Process context or softirq.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such group, [`ENOMEM`], [`EMSGSIZE`] if it is longer than a page, [`ENOBUFS`] if a
    /// listener has too many unread ones, or what `write` fails with.
    pub fn multicast(
        &self,
        group: u32,
        command: u8,
        write: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result {
        let index = usize::try_from(group).map_err(|_| EINVAL)?;
        if index >= P::GROUPS.len() {
            return Err(EINVAL);
        }
        let _rcu = rcu::read_lock();
        if !self.is_open.load(Acquire) || !self.family.has_listeners(group) {
            return Ok(());
        }
        let family = self.family.as_raw();
        let size = netlink::GENLMSG_DEFAULT_SIZE;
        // SAFETY: Plain numbers.
        let skb = unsafe { bindings::genlmsg_new(size, bindings::GFP_ATOMIC) };
        let skb = NonNull::new(skb).ok_or(ENOMEM)?;
        let to = Recipient {
            port: 0,
            seq: 0,
            flags: 0,
        };
        // SAFETY: The buffer is new, and by the type invariant the family is registered.
        if let Err(error) = unsafe { Message::add(skb, family, to, command, write) } {
            // SAFETY: It was given to nobody.
            unsafe { bindings::nlmsg_free(skb.as_ptr()) };
            return Err(error);
        }
        // SAFETY: By the type invariant the family stays registered while this CPU reads; the group was checked. This
        // gives the buffer away.
        let result = unsafe {
            bindings::genlmsg_multicast(family, skb.as_ptr(), 0, group, bindings::GFP_ATOMIC)
        };
        match to_result(result) {
            // They have gone since.
            Err(error) if error == ESRCH => Ok(()),
            result => result,
        }
    }
}

/// A family that programs find; dropping it unregisters the family and waits for requests that are served.
///
/// It must not be dropped by a command of any family, nor with a lock held that one takes.
pub struct Registration<P: Protocol> {
    family: &'static Family<P>,
    protocol: Pin<KBox<P>>,
}

impl<P: Protocol> Deref for Registration<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.protocol
    }
}

impl<P: Protocol> Drop for Registration<P> {
    fn drop(&mut self) {
        // INVARIANT: Not open, and registered until the grace period is over.
        self.family.is_open.store(false, Relaxed);
        rcu::synchronize_rcu();
        // The only failure there is would be that it is not registered.
        // SAFETY: `Family::open` has registered it, and only this takes that back.
        unsafe { bindings::genl_unregister_family(self.family.family.as_raw()) };
        // INVARIANT: No request is served any more: that took a lock which they are served with. Dumps go on without.
        // `Release` is for who opens it next.
        self.family.protocol.store(core::ptr::null(), Release);
    }
}
