// SPDX-License-Identifier: GPL-2.0

//! A choice of crash images for the module, and what the core makes of each.

use crate::{
    model::{
        format::Access,
        inode::{mode, Head},
        num,
        scan::{mount, Repairs},
    },
    oracle::{
        session::MTIME,
        tree::{by_id, tree, Contents, Tree, CTIME, HEAD, OWNER},
    },
    sim::{memory::Memory, random::Random},
};
use std::{fmt::Write as _, fs, io, path::Path};

/// An image of those that were offered, each as likely as any other; one that is repaired, if there is.
pub(crate) struct Choice {
    random: Random,
    sound: Reservoir,
    repaired: Reservoir,
}

#[derive(Default)]
struct Reservoir {
    offered: u64,
    chosen: Option<Memory>,
}

impl Choice {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            sound: Reservoir::default(),
            repaired: Reservoir::default(),
        }
    }

    pub(crate) fn offer(&mut self, image: &Memory, repairs: &Repairs) {
        let reservoir = match repairs.is_none() {
            true => &mut self.sound,
            false => &mut self.repaired,
        };
        reservoir.offered += 1;
        if self.random.below(reservoir.offered) == 0 {
            reservoir.chosen = Some(image.clone());
        }
    }

    pub(crate) fn chosen(self) -> Option<Memory> {
        self.repaired.chosen.or(self.sound.chosen)
    }
}

/// Writes `NAME.image` and `NAME.expected`: a line with what recovery repairs, and a [`listing`].
pub(crate) fn write(directory: &Path, name: &str, image: &Memory) -> io::Result<()> {
    fs::write(directory.join(format!("{name}.image")), image.to_bytes())?;
    let (mounted, repairs) = mount(image, Access::ReadWrite).map_err(|error| {
        io::Error::other(format!("{name} was checked and is refused: {error:?}"))
    })?;
    let Repairs {
        unclean,
        orphans,
        pages,
        link_counts,
        renames,
    } = repairs;
    let unclean = u64::from(unclean);
    let repaired = format!("{unclean} {orphans} {pages} {link_counts} {renames}\n");
    let expected = repaired + &listing(&tree(&mounted));
    fs::write(directory.join(format!("{name}.expected")), expected)
}

/// What guest.sh prints of a mounted file system, but for the order of lines and the content of files, which
/// is here in hexadecimal digits.
pub(crate) fn listing(tree: &Tree) -> String {
    let mut text = String::new();
    let by_id = by_id(tree);
    for (path, shown) in tree {
        // All names of an inode show the same.
        let shown = by_id.get(&shown.id).copied().unwrap_or(shown);
        let (kind, size, target) = match &shown.contents {
            Contents::None if shown.kind == mode::DIRECTORY => ('d', shown.pages * 4096, &[][..]),
            Contents::None => ('?', 0, &[][..]),
            Contents::Target(target) => ('l', shown.size(), &target[..]),
            Contents::Pages(_) => ('f', shown.size(), &[][..]),
        };
        let attribute = |index: usize| shown.attributes[index];
        let bits = Head::decode(attribute(HEAD)).map_or(0, |head| head.mode & 0o7777);
        let owner = attribute(OWNER);
        let time = |index| {
            let ns = attribute(index);
            format!("{}.{:09}0", ns / 1_000_000_000, ns % 1_000_000_000)
        };
        let (uid, gid, nlink) = (num::low32(owner), num::high32(owner), shown.nlink);
        let (mtime, ctime) = (time(MTIME), time(CTIME));
        let target = String::from_utf8_lossy(target);
        let line =
            format!("{kind} {bits:o} {nlink} {size} {uid} {gid} {mtime} {ctime} {path} {target}");
        text += line.trim_end();
        text.push('\n');
        if let Contents::Pages(_) = shown.contents {
            let hex = shown.bytes().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            let _ = writeln!(text, "content {path} {hex}");
        }
    }
    text
}
