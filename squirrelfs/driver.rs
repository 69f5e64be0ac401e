// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading.

use crate::mount::Mount;
use kernel::{
    prelude::*,
    InPlaceModule, //
};
use kernel_ext::{
    fs::Registration,
    sysfs::{
        Dir,
        Parent, //
    }, //
};

/// The data of `/sys/fs/squirrelfs`: none.
pub(crate) struct Root;

/// The module: a registered file system.
#[pin_data]
pub(crate) struct SquirrelFs {
    #[pin]
    registration: Registration<Mount>,
}

impl InPlaceModule for SquirrelFs {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let root = Dir::new(Parent::FileSystems, c"squirrelfs", &[], Ok(Root));
        try_pin_init!(Self {
            registration <- Registration::new(module, root?),
        })
    }
}
