// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/fs/squirrelfs`; `ABI` describes each.

use crate::{
    mount::Mounted,
    stats::Op, //
};
use core::fmt::Write;
use kernel::{
    prelude::*,
    str::{
        BStr,
        Formatter, //
    }, //
};
use kernel_ext::sysfs::{
    show,
    sysfs_group,
    Attribute,
    Group,
    Mode,
    Object, //
};

/// Attributes of `/sys/fs/squirrelfs/<device>`.
pub(crate) const MOUNT: &[&Group<Mounted>] = &[&MOUNT_GROUP, &OPS_GROUP, &RECOVERY_GROUP];

sysfs_group!(static MOUNT_GROUP: Mounted = [
    FreePages,
    TotalPages,
    FreeInodes,
    TotalInodes,
    Fences,
    FlushedLines,
    NtBytes,
    Uuid,
    Label,
]);
sysfs_group!(static OPS_GROUP: Mounted in c"ops" = [
    Create,
    Mkdir,
    Symlink,
    Tmpfile,
    Link,
    Unlink,
    Rmdir,
    Rename,
    SetAttributes,
    Evict,
    WriteFile,
    Fill,
    Resize,
]);
sysfs_group!(static RECOVERY_GROUP: Mounted in c"recovery" = [
    Unclean,
    Orphans,
    Pages,
    LinkCounts,
    Renames,
]);

/// Declares a read-only attribute that shows one number of a mount.
macro_rules! number {
    ($attr:ident, $name:literal, $mounted:ident => $value:expr) => {
        struct $attr;

        impl Attribute<Mounted> for $attr {
            const NAME: &'static CStr = $name;
            const MODE: Mode = Mode::ReadOnly;

            fn show(mounted: &Object<Mounted>, out: &mut Formatter<'_>) -> Result {
                let $mounted: &Mounted = mounted;
                show(out, $value)
            }
        }
    };
}

number!(FreePages, c"free_pages", it => it.usage()?.free_blocks);
number!(TotalPages, c"total_pages", it => it.usage()?.blocks);
number!(FreeInodes, c"free_inodes", it => it.usage()?.free_inodes);
number!(TotalInodes, c"total_inodes", it => it.usage()?.inodes);
number!(Fences, c"fences", it => it.lock.region().fences());
number!(FlushedLines, c"flushed_lines", it => it.lock.region().flushed_lines());
number!(NtBytes, c"nt_bytes", it => it.lock.region().nt_bytes());

number!(Create, c"create", it => it.stats.get(Op::Create));
number!(Mkdir, c"mkdir", it => it.stats.get(Op::Mkdir));
number!(Symlink, c"symlink", it => it.stats.get(Op::Symlink));
number!(Tmpfile, c"tmpfile", it => it.stats.get(Op::Tmpfile));
number!(Link, c"link", it => it.stats.get(Op::Link));
number!(Unlink, c"unlink", it => it.stats.get(Op::Unlink));
number!(Rmdir, c"rmdir", it => it.stats.get(Op::Rmdir));
number!(Rename, c"rename", it => it.stats.get(Op::Rename));
number!(SetAttributes, c"attributes", it => it.stats.get(Op::Attributes));
number!(Evict, c"evict", it => it.stats.get(Op::Evict));
number!(WriteFile, c"write", it => it.stats.get(Op::Write));
number!(Fill, c"fill", it => it.stats.get(Op::Fill));
number!(Resize, c"resize", it => it.stats.get(Op::Resize));

number!(Unclean, c"unclean", it => u32::from(it.repairs()?.unclean));
number!(Orphans, c"orphans", it => it.repairs()?.orphans);
number!(Pages, c"pages", it => it.repairs()?.pages);
number!(LinkCounts, c"link_counts", it => it.repairs()?.link_counts);
number!(Renames, c"renames", it => it.repairs()?.renames);

struct Uuid;

impl Attribute<Mounted> for Uuid {
    const NAME: &'static CStr = c"uuid";
    const MODE: Mode = Mode::ReadOnly;

    fn show(mounted: &Object<Mounted>, out: &mut Formatter<'_>) -> Result {
        for (index, byte) in mounted.identity.uuid.iter().enumerate() {
            let dash = if matches!(index, 4 | 6 | 8 | 10) {
                "-"
            } else {
                ""
            };
            write!(out, "{dash}{byte:02x}").map_err(|_| EIO)?;
        }
        show(out, "")
    }
}

struct Label;

impl Attribute<Mounted> for Label {
    const NAME: &'static CStr = c"label";
    const MODE: Mode = Mode::ReadOnly;

    fn show(mounted: &Object<Mounted>, out: &mut Formatter<'_>) -> Result {
        let label = mounted.identity.label.split(|byte| *byte == 0).next();
        let label = BStr::from_bytes(label.unwrap_or_default());
        show(out, fmt!("{label}"))
    }
}
