// SPDX-License-Identifier: GPL-2.0

//! The operations on the namespace as ordered changes of the medium. Each takes objects that were all
//! prepared before, cannot fail, and returns when everything is durable.
//!
//! Epochs, separated by fences:
//!
//! | operation | epoch 1 | epoch 2 |
//! |---|---|---|
//! | create, mkdir | new inode, name, parent's times (and link count), contents of a new page | record's inode number, owner of the new page |
//! | symlink | as create, and the target's page with its owner | as create |
//! | a file without a name | new inode | |
//! | link | inode's link count, name, parent's times, contents of a new page | record's inode number, owner of the new page |
//! | rename, exchange | new name, times of the inode and the parents (and link count), redo record | both records' inode numbers |
//! | unlink, rmdir | record's inode number, parent's times | |
//!
//! Rename ends with a third epoch, in which the redo record is cleared: it must not be found once one of
//! its records has changed again. A directory that needs a page for the new name gets it before, in two
//! epochs of its own.
//!
//! What follows the last epoch of unlink and rmdir, link counts, the inode's head and the owners of its
//! pages, are leftovers: recovery does the same with whatever of them a crash prevents.

use super::{
    extents::Run,
    inode::{
        self,
        Attributes,
        Inode, //
    },
    layout::{
        Geometry,
        PageKind, //
    },
    num,
    page::{
        self,
        Batch,
        Page, //
    },
    pm::{
        Offset,
        Pm, //
    },
    record::{
        self,
        Durable,
        Name,
        Record,
        Replaced, //
    },
    redo::{
        self,
        Change,
        Redo, //
    },
    state::{
        fence,
        leave,
        Clean,
        Dirty,
        Flush,
        Obj, //
    }, //
};

/// Where a new record goes: into a page of the directory, or into one that it gets with it.
pub(crate) trait Room {
    /// What epoch 1 has to make durable.
    type Filling: Flush;
    /// What epoch 2 has to make durable.
    type Owning: Flush;
    /// What is needed in between.
    type Plan;
    /// When the new name has to be durable: with a page that is there, where the line of a commit word
    /// that did not arrive is free, not before that.
    const NAME: Durable;

    /// Begins: makes the page, except for the `lines` lines at `keep`.
    fn fill(self, pm: &impl Pm, keep: Offset, lines: u64) -> (Self::Filling, Self::Plan);

    /// Ends: gives the page to `dir`.
    fn own(
        plan: Self::Plan,
        pm: &impl Pm,
        filled: <Self::Filling as Flush>::Durable,
        dir: &Obj<Inode, Clean, impl inode::Alive>,
    ) -> Self::Owning;
}

/// There is room in a page of the directory.
pub(crate) struct InPage;

impl Room for InPage {
    type Filling = ();
    type Owning = ();
    type Plan = ();
    const NAME: Durable = Durable::WithCommit;

    fn fill(self, _: &impl Pm, _: Offset, _: u64) -> ((), ()) {
        ((), ())
    }

    fn own((): (), _: &impl Pm, (): (), _: &Obj<Inode, Clean, impl inode::Alive>) {}
}

/// The directory gets a page.
pub(crate) struct NewPage {
    pub(crate) descriptor: Obj<Page, Clean, page::Free>,
    /// Position of the page.
    pub(crate) at: Offset,
    /// Its index in the directory.
    pub(crate) index: u64,
    /// The directory's generation.
    pub(crate) generation: u32,
}

impl Room for NewPage {
    type Filling = Obj<Page, Dirty, page::Filled>;
    type Owning = Obj<Page, Dirty, page::Owned>;
    type Plan = (u64, u32);
    // Before the page has its owner: until then its lines hold whatever the page held before.
    const NAME: Durable = Durable::AtOnce;

    fn fill(self, pm: &impl Pm, keep: Offset, lines: u64) -> (Self::Filling, Self::Plan) {
        let filling = self.descriptor.fill_directory(pm, self.at, keep, lines);
        (filling, (self.index, self.generation))
    }

    fn own(
        (index, generation): Self::Plan,
        pm: &impl Pm,
        filled: Obj<Page, Clean, page::Filled>,
        dir: &Obj<Inode, Clean, impl inode::Alive>,
    ) -> Self::Owning {
        filled.own(pm, PageKind::Directory, index, dir, generation)
    }
}

/// A name that is to be made in a directory.
pub(crate) struct NewName<'a, R> {
    pub(crate) dir: Obj<Inode, Clean, inode::Live>,
    pub(crate) record: Obj<Record, Clean, record::Free>,
    pub(crate) name: Name<'a>,
    pub(crate) room: R,
    pub(crate) now_ns: i64,
}

impl<'a> NewName<'a, ()> {
    /// With the room for it.
    pub(crate) fn with<R>(self, room: R) -> NewName<'a, R> {
        let Self {
            dir,
            record,
            name,
            now_ns,
            ..
        } = self;
        NewName {
            dir,
            record,
            name,
            room,
            now_ns,
        }
    }
}

/// The contents of a symlink that is to be made.
pub(crate) struct Target<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) descriptor: Obj<Page, Clean, page::Free>,
    /// Position of the page.
    pub(crate) at: Offset,
}

/// A new inode that is to be made.
pub(crate) struct NewInode<'a> {
    pub(crate) inode: Obj<Inode, Clean, inode::Free>,
    pub(crate) generation: u32,
    pub(crate) attributes: &'a Attributes,
}

/// Makes a new inode under a name: create, mknod.
pub(crate) fn create<R: Room>(
    pm: &impl Pm,
    to: NewName<'_, R>,
    new: NewInode<'_>,
) -> Obj<Record, Clean, record::Live> {
    let dir = to.dir.touch(pm, to.now_ns);
    make(pm, (to.record, to.name, to.room), dir, new).0
}

/// Makes a new directory under a name; `dir_nlink` is what its parent's link count becomes.
pub(crate) fn mkdir<R: Room>(
    pm: &impl Pm,
    to: NewName<'_, R>,
    new: NewInode<'_>,
    dir_nlink: u32,
) -> Obj<Record, Clean, record::Live> {
    let dir = to.dir.touch_and_add_link(pm, dir_nlink, to.now_ns);
    let (record, dir) = make(pm, (to.record, to.name, to.room), dir, new);
    let _ = dir.settled(&record);
    record
}

/// What create and mkdir have in common: all but what becomes of the parent.
fn make<R: Room, S: inode::Alive>(
    pm: &impl Pm,
    (record, name, room): (Obj<Record, Clean, record::Free>, Name<'_>, R),
    dir: Obj<Inode, Dirty, S>,
    new: NewInode<'_>,
) -> (Obj<Record, Clean, record::Live>, Obj<Inode, Clean, S>) {
    let (filling, plan) = room.fill(pm, record.at(), name.lines());
    let named = record.name(pm, name, new.attributes.mode, R::NAME);
    let inode = new.inode.init(pm, new.generation, new.attributes);
    let (filled, named, inode, dir) = fence(pm, (filling, named, inode, dir));

    let owning = R::own(plan, pm, filled, &dir);
    let record = named.link(pm, &inode);
    let (record, _) = fence(pm, (record, owning));
    let _ = inode.linked(&record);
    (record, dir)
}

/// Makes a symlink under a name.
pub(crate) fn symlink<R: Room>(
    pm: &impl Pm,
    to: NewName<'_, R>,
    new: NewInode<'_>,
    target: Target<'_>,
) -> Obj<Record, Clean, record::Live> {
    let dir = to.dir.touch(pm, to.now_ns);
    let (filling, plan) = to.room.fill(pm, to.record.at(), to.name.lines());
    let named = to.record.name(pm, to.name, new.attributes.mode, R::NAME);
    let size_bytes = num::word(target.bytes.len());
    let inode = new
        .inode
        .init_hollow(pm, new.generation, new.attributes, size_bytes);
    let contents =
        target
            .descriptor
            .fill_symlink(pm, target.at, target.bytes, &inode, new.generation);
    let (filled, named, inode, contents, dir) = fence(pm, (filling, named, inode, contents, dir));

    let owning = R::own(plan, pm, filled, &dir);
    let inode = inode.with_contents(&contents);
    let record = named.link(pm, &inode);
    let (record, _) = fence(pm, (record, owning));
    let _ = inode.linked(&record);
    record
}

/// Makes an inode without a name.
pub(crate) fn tmpfile(pm: &impl Pm, new: NewInode<'_>) -> Obj<Inode, Clean, inode::LostLink> {
    fence(pm, new.inode.init(pm, new.generation, new.attributes)).unnamed()
}

/// Names an inode once more; `nlink` is what its link count becomes, `mode` its mode.
pub(crate) fn link<R: Room>(
    pm: &impl Pm,
    to: NewName<'_, R>,
    inode: Obj<Inode, Clean, inode::Live>,
    mode: u16,
    nlink: u32,
) -> Obj<Record, Clean, record::Live> {
    let at = to.record.at();
    let (filling, plan) = to.room.fill(pm, at, to.name.lines());
    let named = to.record.name(pm, to.name, mode, R::NAME);
    let inode = inode.add_link(pm, nlink, to.now_ns);
    let dir = to.dir.touch(pm, to.now_ns);
    let (filled, named, inode, dir) = fence(pm, (filling, named, inode, dir));

    let owning = R::own(plan, pm, filled, &dir);
    let record = named.link_again(pm, &inode);
    let (record, _) = fence(pm, (record, owning));
    let _ = inode.settled(&record);
    record
}

/// Gives an empty page to a directory.
pub(crate) fn grow(pm: &impl Pm, dir: &Obj<Inode, Clean, inode::Live>, page: NewPage) {
    let (filling, plan) = page.fill(pm, Offset(0), 0);
    let filled = fence(pm, filling);
    let _ = fence(pm, NewPage::own(plan, pm, filled, dir));
}

/// The directories of a rename.
pub(crate) enum Parents {
    /// The same one for both names.
    One(Obj<Inode, Clean, inode::Live>),
    /// From, to; and what the link count of the latter becomes if a directory moves.
    Two(
        Obj<Inode, Clean, inode::Live>,
        Obj<Inode, Clean, inode::Live>,
        Option<u32>,
    ),
}

impl Parents {
    /// Sets their times, and counts a link that is about to be made; together with `with`, in one epoch.
    fn touch<F: Flush>(self, pm: &impl Pm, now_ns: i64, with: F) -> F::Durable {
        match self {
            Self::One(dir) => fence(pm, (with, dir.touch(pm, now_ns))).0,
            Self::Two(from, to, None) => {
                fence(pm, (with, from.touch(pm, now_ns), to.touch(pm, now_ns))).0
            }
            Self::Two(from, to, Some(nlink)) => {
                let to = to.touch_and_add_link(pm, nlink, now_ns);
                fence(pm, (with, from.touch(pm, now_ns), to)).0
            }
        }
    }
}

/// The record that a rename moves from, and what it needs besides.
pub(crate) struct Source {
    pub(crate) record: Obj<Record, Clean, record::Live>,
    pub(crate) inode: Obj<Inode, Clean, inode::Live>,
    /// Type of the inode.
    pub(crate) kind: u16,
    pub(crate) redo: Obj<Redo, Clean, redo::Empty>,
    pub(crate) parents: Parents,
    pub(crate) now_ns: i64,
}

/// Moves an inode to a new name.
pub(crate) fn rename(
    pm: &impl Pm,
    from: Source,
    to: Obj<Record, Clean, record::Free>,
    name: Name<'_>,
) -> (
    Obj<Record, Clean, record::Live>,
    Obj<Record, Clean, record::Moved>,
) {
    let ino = from.record.id();
    let (first, second) = (
        Change {
            record: to.at(),
            ino,
        },
        Change {
            record: from.record.at(),
            ino: 0,
        },
    );
    let named = to.name(pm, name, from.kind, Durable::AtOnce);
    let redo = from.redo.arm(pm, ino, first, second);
    let inode = from.inode.renamed(pm, from.now_ns);
    let (named, redo, _) = from.parents.touch(pm, from.now_ns, (named, redo, inode));

    let to = named.link_moved(pm, &redo);
    let moved = from.record.moved(pm, &redo);
    let (to, moved) = fence(pm, (to, moved));
    let _ = fence(pm, redo.disarm(pm, &to, &moved));
    (to, moved)
}

/// Moves an inode to a name that another one has.
pub(crate) fn rename_over(
    pm: &impl Pm,
    from: Source,
    to: Obj<Record, Clean, record::Live>,
) -> (
    Obj<Record, Clean, record::Live>,
    Obj<Record, Clean, record::Moved>,
    Replaced,
) {
    let ino = from.record.id();
    let (first, second) = (
        Change {
            record: to.at(),
            ino,
        },
        Change {
            record: from.record.at(),
            ino: 0,
        },
    );
    let redo = from.redo.arm(pm, ino, first, second);
    let inode = from.inode.renamed(pm, from.now_ns);
    let (redo, _) = from.parents.touch(pm, from.now_ns, (redo, inode));

    let (to, replaced) = to.replace(pm, &redo, from.kind);
    let moved = from.record.moved(pm, &redo);
    let (to, moved) = fence(pm, (to, moved));
    let _ = fence(pm, redo.disarm(pm, &to, &moved));
    (to, moved, replaced)
}

/// Exchanges what two names stand for; `kind` is the type of the inode of `other`. Returns the record
/// that the source had.
pub(crate) fn exchange(
    pm: &impl Pm,
    source: Source,
    (other, other_inode): (
        Obj<Record, Clean, record::Live>,
        Obj<Inode, Clean, inode::Live>,
    ),
    kind: u16,
) -> Obj<Record, Clean, record::Exchanged> {
    let ino = source.record.id();
    let (first, second) = (
        Change {
            record: other.at(),
            ino,
        },
        Change {
            record: source.record.at(),
            ino: other.id(),
        },
    );
    let redo = source.redo.arm(pm, ino, first, second);
    let inodes = (
        source.inode.renamed(pm, source.now_ns),
        other_inode.renamed(pm, source.now_ns),
    );
    let (redo, _) = source.parents.touch(pm, source.now_ns, (redo, inodes));

    let (other, replaced) = other.replace(pm, &redo, source.kind);
    let record = source.record.exchanged(pm, &redo, &replaced, kind);
    let (other, record) = fence(pm, (other, record));
    let _ = fence(pm, redo.disarm_exchange(pm, &other, &record));
    record
}

/// Takes a name from an inode.
pub(crate) fn unlink(
    pm: &impl Pm,
    dir: Obj<Inode, Clean, inode::Live>,
    record: Obj<Record, Clean, record::Live>,
    now_ns: i64,
) -> Obj<Record, Clean, record::Cleared> {
    let record = record.clear(pm);
    let dir = dir.touch(pm, now_ns);
    let (record, _) = fence(pm, (record, dir));
    record
}

/// After [`unlink`], if links remain: counts one less. Recovery counts anew, so this is a leftover.
pub(crate) fn count_less(
    pm: &impl Pm,
    inode: Obj<Inode, Clean, inode::LostLink>,
    nlink: u32,
    now_ns: i64,
) {
    leave(pm, inode.drop_link(pm, nlink, now_ns));
}

/// After [`unlink`] of a directory: its parent has a link less. A leftover, too.
pub(crate) fn lost_child(
    pm: &impl Pm,
    dir: Obj<Inode, Clean, inode::Live>,
    gone: &Obj<Record, Clean, impl record::Gone>,
    nlink: u32,
    now_ns: i64,
) {
    leave(pm, dir.lost_child(pm, nlink, now_ns, gone));
}

/// After [`unlink`], if no link remains and nobody has it open: frees an inode and its pages.
///
/// They may be used again at once, without a fence in between (rule 2 asks for none): the last pointer
/// to the inode is durably gone, so that whatever a crash leaves of it is an orphan. A new life of the
/// inode, or a new owner of a page, begins in the same line as the old one ended, and so after it, and
/// pages that still name the old life have another generation.
pub(crate) fn free(
    pm: &impl Pm,
    geometry: &Geometry,
    inode: Obj<Inode, Clean, inode::LostLink>,
    runs: impl Iterator<Item = Run>,
) {
    for run in runs {
        let pages: Batch<_, _, page::Owned> = Batch::found(geometry, [run]);
        leave(pm, pages.clear(pm, &inode));
    }
    leave(pm, inode.free(pm));
}

/// Position of an inode as an object; [`None`] for a number that is none.
pub(crate) fn inode_at<O>(geometry: &Geometry, ino: u64) -> Option<Obj<Inode, Clean, O>> {
    geometry.inode(ino).map(|at| Obj::found(at, ino))
}
