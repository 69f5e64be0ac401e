// SPDX-License-Identifier: GPL-2.0

//! Generic netlink: commands that programs send, lists that they ask for, and messages to whoever listens.
//!
//! The `kernel` crate has families that only send messages ([`netlink::Family`]); this adds commands to one.
//!
//! All commands need `CAP_NET_ADMIN` of the first user namespace, and are seen in the first network namespace
//! only. The kernel checks the attributes of a request against [`Action::ACCEPTS`] before it gets here.
//!
//! # A list that is read slowly
//!
//! The kernel asks a [`Dump`] for the next messages when the program has read the last ones. Until the program has
//! read all, or closes its socket, the dump and the module stay.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)
//!
//! [`netlink::Family`]: kernel::net::netlink::Family
//!
//! # Examples
//!
//! ```ignore
//! const NAME: Attr<Text<32>> = Attr::new(1);
//!
//! struct Forget;
//!
//! impl Action<Memory> for Forget {
//!     const NUMBER: u8 = 1;
//!     const ACCEPTS: &'static [Accepted] = &accept::<2>(&[&[NAME.accepted()]]);
//!
//!     fn run(memory: &Memory, request: &Request<'_>) -> Result {
//!         memory.forget(request.need(NAME)?)
//!     }
//! }
//!
//! impl Protocol for Memory {
//!     const NAME: &'static CStr = c"memory";
//!     const VERSION: u32 = 1;
//!     const GROUPS: &'static [MulticastGroup] = &[];
//!     const COMMANDS: &'static [Command<Self>] = &[Command::action::<Forget>()];
//! }
//!
//! static FAMILY: Family<Memory> = Family::new(&LocalModule::THIS_MODULE);
//!
//! let registration = FAMILY.open(Ok(memory))?;
//! ```

mod attr;
mod command;
mod family;
mod message;
mod request;

pub use attr::{
    accept,
    Accepted,
    Attr,
    Bytes,
    Flag,
    Plain,
    Text,
    Uint,
    Value, //
};
pub use command::{
    Action,
    Command,
    Dump,
    Progress, //
};
pub use family::{
    Family,
    Protocol,
    Registration, //
};
pub use kernel::net::netlink::MulticastGroup;
pub use message::{
    Message,
    Page, //
};
pub use request::Request;
