// SPDX-License-Identifier: GPL-2.0

//! Reading the whole medium: mount, recovery and check are one walk.
//!
//! What a crash may leave, and only that, is repaired: inodes that nothing names, pages without an
//! owner, link counts that are too high. Everything else that is wrong is corruption, which is found and
//! reported, never guessed at.
//!
//! Each repair is durable before the next begins and leads to a state that a crash could have left, so
//! recovery may be interrupted and begun again.

use super::{
    bitmap::Bitmap,
    dir::DirPage,
    extents::Run,
    format::{
        self,
        Access,
        Unreadable, //
    },
    fs::{
        Fs,
        Kind,
        Node, //
    },
    inode::{
        mode,
        Head, //
    },
    layout::{
        self,
        descriptor as descriptor_word,
        inode as word,
        Geometry,
        PageKind,
        FILE_MAX_BYTES,
        LINES_PER_PAGE,
        NAME_MAX_BYTES,
        ROOT_INO,
        SYMLINK_MAX_BYTES, //
    },
    mem::{
        Boxed,
        List,
        NoMemory, //
    },
    num,
    page::Owner,
    pm::{
        Offset,
        Pm,
        LINE_BYTES,
        PAGE_BYTES, //
    },
    record::{
        self,
        Line,
        Name, //
    },
    redo,
    state::{
        fence,
        Obj, //
    }, //
};

/// Why a medium was not mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unreadable(Unreadable),
    Corrupt(Corruption),
    /// A rename was committed and not finished, and the medium must not be changed.
    NeedsRecovery,
    NoMemory,
}

impl From<NoMemory> for Refused {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<Corruption> for Refused {
    fn from(what: Corruption) -> Self {
        Self::Corrupt(what)
    }
}

/// What no crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Corruption {
    /// The root's inode is not that of a directory.
    Root,
    /// An inode's head is neither 0 nor valid.
    InodeHead { ino: u64 },
    /// A page of a live inode is of no kind, or of one that does not go with the inode.
    PageKind { page: u64 },
    /// Two pages of a directory have one place in it.
    PageTwice { page: u64 },
    /// A directory's line is not of a record, or one whose name is none.
    Record { dir: u64 },
    /// Two records of a directory have one name; the second stands for this inode.
    NameTwice { dir: u64, ino: u64 },
    /// A record names an inode that is not live.
    Dangling { dir: u64, ino: u64 },
    /// A record's type is not that of its inode.
    Kind { dir: u64, ino: u64 },
    /// A directory has two records.
    SecondParent { ino: u64 },
    /// A file or the target of a symlink is larger than any, or a symlink has no target.
    Size { ino: u64 },
    /// A link count is lower than the number of links.
    LinkCount { ino: u64 },
}

/// What was repaired, or would have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    /// The medium was not unmounted. This alone repairs nothing.
    pub(crate) unclean: bool,
    /// Inodes that nothing named.
    pub(crate) orphans: u64,
    /// Pages whose owner was gone.
    pub(crate) pages: u64,
    /// Link counts that were too high, or too low after a rename that was finished.
    pub(crate) link_counts: u64,
    /// Renames that were committed and not finished.
    pub(crate) renames: u64,
}

impl Repairs {
    pub(crate) fn is_none(&self) -> bool {
        let unclean = self.unclean;
        *self
            == Self {
                unclean,
                ..Self::default()
            }
    }
}

/// Mounts a medium: reads it whole, repairs what a crash has left, and builds the volatile index.
pub(crate) fn mount<P: Pm>(pm: P, access: Access) -> Result<(Fs<P>, Repairs), Refused> {
    let geometry = format::read(&pm, access).map_err(Refused::Unreadable)?;
    let unclean = pm.load(geometry.state()) != format::CLEAN;
    if access == Access::ReadWrite {
        set_state(&pm, &geometry, format::MOUNTED);
    }
    let inodes = usize::try_from(geometry.inode_count()).map_err(|_| NoMemory)?;
    let mut nodes = List::new();
    for _ in 0..inodes {
        nodes.push(None)?;
    }
    let mut scan = Scan {
        fs: Fs {
            inodes: Bitmap::new(geometry.inode_count())?,
            pages: Bitmap::new(geometry.data_pages())?,
            nodes,
            next_generation: 2,
            pm,
            geometry,
        },
        links: List::filled(0, inodes)?,
        children: List::filled(0, inodes)?,
        access,
        repairs: Repairs {
            unclean,
            ..Repairs::default()
        },
    };
    scan.redo()?;
    scan.inodes()?;
    scan.pages()?;
    scan.tree()?;
    scan.settle()?;
    scan.forget();
    Ok((scan.fs, scan.repairs))
}

/// Marks the medium as unmounted.
pub(crate) fn unmount<P: Pm>(fs: Fs<P>) -> P {
    pause(&fs);
    fs.pm
}

/// Marks the medium as unmounted, unless it has inodes that only wait for being closed. Nothing may be
/// changed before [`resume`].
pub(crate) fn pause<P: Pm>(fs: &Fs<P>) {
    fs.pm.fence();
    let is_orphan =
        |node: &Option<Boxed<Node>>| node.as_ref().is_some_and(|it| it.orphan.is_some());
    if !fs.nodes.iter().any(is_orphan) {
        set_state(&fs.pm, &fs.geometry, format::CLEAN);
    }
}

/// Marks the medium as mounted again.
pub(crate) fn resume<P: Pm>(fs: &Fs<P>) {
    set_state(&fs.pm, &fs.geometry, format::MOUNTED);
}

fn set_state(pm: &impl Pm, geometry: &Geometry, state: u64) {
    pm.store(geometry.state(), state);
    pm.write_back(geometry.state());
    pm.fence();
}

struct Scan<P: Pm> {
    fs: Fs<P>,
    /// Records that name each inode.
    links: List<u32>,
    /// Directories in each directory.
    children: List<u32>,
    access: Access,
    repairs: Repairs,
}

impl<P: Pm> Scan<P> {
    /// Finishes the renames that were committed.
    fn redo(&mut self) -> Result<(), Refused> {
        let pm = &self.fs.pm;
        for at in (0..layout::REDO_RECORDS).filter_map(|index| self.fs.geometry.redo(index)) {
            if pm.load(at.word(layout::redo::HEAD)) == 0 {
                continue;
            }
            let committed = redo::look(pm, &self.fs.geometry, at);
            self.repairs.renames += u64::from(committed.is_some());
            match (self.access, &committed) {
                (Access::ReadOnly, Some(_)) => return Err(Refused::NeedsRecovery),
                (Access::ReadOnly, None) => continue,
                (Access::ReadWrite, _) => {}
            }
            for change in committed
                .into_iter()
                .flat_map(|(first, second)| [first, second])
            {
                let record = Obj::<_, _, record::Live>::found(change.record, change.ino);
                match self.fs.head(change.ino) {
                    Ok(head) => drop(fence(
                        pm,
                        record.set::<record::Live>(pm, change.ino, head.mode),
                    )),
                    Err(_) => drop(fence(pm, record.clear(pm))),
                }
            }
        }
        Ok(())
    }

    /// Clears the redo records, last of all: as long as one is armed, link counts may be low.
    fn forget(&self) {
        let pm = &self.fs.pm;
        for at in (0..layout::REDO_RECORDS).filter_map(|index| self.fs.geometry.redo(index)) {
            if self.access == Access::ReadWrite && pm.load(at.word(layout::redo::HEAD)) != 0 {
                let _ = fence(pm, Obj::<_, _, redo::Armed>::found(at, 0).forget(pm));
            }
        }
    }

    /// Reads the inode table: which inodes live, and as what.
    fn inodes(&mut self) -> Result<(), Refused> {
        self.fs.inodes.insert(0);
        for ino in 1..self.fs.geometry.inode_count() {
            let head = self.fs.inode_word(ino, word::HEAD).unwrap_or(0);
            if head == 0 {
                continue;
            }
            let head = Head::decode(head).ok_or(Corruption::InodeHead { ino })?;
            self.fs.next_generation = self.fs.next_generation.max(head.generation.wrapping_add(1));
            self.fs.inodes.insert(ino);
            self.fs.set_node(ino, Boxed::new(Node::new(head.mode, 0))?);
        }
        match self.fs.dir_mut(ROOT_INO) {
            Ok(root) => root.parent = ROOT_INO,
            Err(_) => return Err(Corruption::Root.into()),
        }
        Ok(())
    }

    /// Reads the descriptors: gives pages to their owners, frees those whose owner is gone.
    fn pages(&mut self) -> Result<(), Refused> {
        for page in 0..self.fs.geometry.data_pages() {
            let Some(at) = self.fs.geometry.descriptor(page) else {
                continue;
            };
            let Some(owner) = Owner::decode(self.fs.pm.load(at.word(descriptor_word::OWNER)))
            else {
                continue;
            };
            let alive = self.fs.node(owner.ino).is_some()
                && self
                    .fs
                    .head(owner.ino)
                    .is_ok_and(|head| Owner::new(owner.ino, head.generation) == owner);
            if !alive {
                self.free_page(page, at);
                continue;
            }
            let place = PageKind::of_place(self.fs.pm.load(at.word(descriptor_word::PLACE)));
            let (kind, index) = place.ok_or(Corruption::PageKind { page })?;
            if kind == PageKind::Data && self.is_behind_end(owner.ino, index) {
                self.free_page(page, at);
                continue;
            }
            self.fs.pages.insert(page);
            let position = self.fs.geometry.page(page).unwrap_or(Offset(0));
            match (kind, self.fs.node_mut(owner.ino).map(|node| &mut node.kind)) {
                (PageKind::Directory, Some(Kind::Dir(dir))) => {
                    dir.add_page(page, position, index)?;
                }
                (PageKind::Data, Some(Kind::File(extents))) => extents.collect(Run {
                    index,
                    page,
                    pages: 1,
                })?,
                (PageKind::Symlink, Some(Kind::Symlink(target))) => {
                    if index != 0 || target.replace(page).is_some() {
                        return Err(Corruption::PageTwice { page }.into());
                    }
                }
                _ => return Err(Corruption::PageKind { page }.into()),
            }
        }
        self.sort()
    }

    /// Whether the `index`-th page of a file lies behind its end: a write that would have moved the end
    /// was not finished, or the end was moved to the front.
    fn is_behind_end(&self, ino: u64, index: u64) -> bool {
        let size_bytes = self.fs.size_bytes(ino).unwrap_or(0);
        index >= size_bytes.div_ceil(PAGE_BYTES)
    }

    /// Sorts what each inode has; finds pages that have one place.
    fn sort(&mut self) -> Result<(), Refused> {
        for ino in 1..self.fs.geometry.inode_count() {
            let size_bytes = self.fs.size_bytes(ino).unwrap_or(0);
            let Some(node) = self.fs.node_mut(ino) else {
                continue;
            };
            let (sorted, most) = match &mut node.kind {
                Kind::Dir(dir) => (dir.sort(), u64::MAX),
                Kind::File(extents) => (extents.sort(), FILE_MAX_BYTES),
                Kind::Symlink(_) => (Ok(()), num::word(SYMLINK_MAX_BYTES)),
                Kind::Special => (Ok(()), u64::MAX),
            };
            sorted.map_err(|page| Corruption::PageTwice { page })?;
            if size_bytes > most {
                return Err(Corruption::Size { ino }.into());
            }
        }
        Ok(())
    }

    fn free_page(&mut self, page: u64, at: Offset) {
        self.repairs.pages += 1;
        if self.access == Access::ReadWrite {
            let _ = fence(
                &self.fs.pm,
                Obj::<_, _, super::page::Owned>::found(at, page).clear(&self.fs.pm),
            );
        }
    }

    /// Walks the tree from the root: indexes the records, counts the links.
    fn tree(&mut self) -> Result<(), Refused> {
        let mut todo = List::new();
        todo.push(ROOT_INO)?;
        while let Some(dir) = todo.pop() {
            let pages = self.fs.dir(dir).map_or(0, |dir| dir.pages().len());
            for page in 0..pages {
                let Some(page) = self
                    .fs
                    .dir(dir)
                    .ok()
                    .and_then(|dir| dir.pages().get(page).copied())
                else {
                    continue;
                };
                let mut line = 0;
                while line < LINES_PER_PAGE {
                    let at = page.at.plus(line * LINE_BYTES);
                    line += match record::look(&self.fs.pm, at, line) {
                        Line::Free => 1,
                        Line::Corrupt => return Err(Corruption::Record { dir }.into()),
                        Line::Live { ino, head } => {
                            if self.record((dir, &page), at, ino, head)? == mode::DIRECTORY {
                                todo.push(ino)?;
                            }
                            head.lines
                        }
                    };
                }
            }
        }
        Ok(())
    }

    /// Takes in one record; returns the type of its inode.
    fn record(
        &mut self,
        (dir, page): (u64, &DirPage),
        at: Offset,
        ino: u64,
        head: record::Head,
    ) -> Result<u16, Refused> {
        let is_live = self.fs.node(ino).is_some();
        let inode = self
            .fs
            .head(ino)
            .ok()
            .filter(|_| is_live)
            .ok_or(Corruption::Dangling { dir, ino })?;
        let kind = inode.mode & mode::FORMAT;
        if kind != head.kind {
            return Err(Corruption::Kind { dir, ino }.into());
        }
        if let Some(links) = self.links.get_mut(num::index(ino)) {
            *links = links.saturating_add(1);
        }
        if let Some(children) = self.children.get_mut(num::index(dir)) {
            *children = children.saturating_add(u32::from(kind == mode::DIRECTORY));
        }
        if let Ok(child) = self.fs.dir_mut(ino) {
            if child.parent != 0 {
                return Err(Corruption::SecondParent { ino }.into());
            }
            child.parent = dir;
        }
        let mut buffer = [0; NAME_MAX_BYTES];
        let name = Name::new(record::load_name(
            &self.fs.pm,
            at,
            head.name_bytes,
            &mut buffer,
        ))
        .filter(|name| name.hash() == head.hash)
        .ok_or(Corruption::Record { dir })?;
        let found = self.fs.dir(dir).ok();
        if found.is_some_and(|found| found.find(&self.fs.pm, name).is_some()) {
            return Err(Corruption::NameTwice { dir, ino }.into());
        }
        if let Ok(parent) = self.fs.dir_mut(dir) {
            parent.reserve()?;
            parent.insert(&Obj::found(at, ino), head.hash, head.lines, page.index);
        }
        Ok(kind)
    }

    /// Frees what nothing names, and sets link counts right.
    fn settle(&mut self) -> Result<(), Refused> {
        for ino in 1..self.fs.geometry.inode_count() {
            let index = num::index(ino);
            let links = self.links.get(index).copied().unwrap_or(0);
            let children = self.children.get(index).copied().unwrap_or(0);
            let is_dir = self.fs.node(ino).is_some_and(Node::is_dir);
            let (is_orphan, wanted) = match self.fs.node(ino).map(|node| &node.kind) {
                None => continue,
                Some(Kind::Dir(dir)) => (dir.parent == 0, children.saturating_add(2)),
                Some(_) => (links == 0, links),
            };
            if is_orphan {
                self.free_orphan(ino);
                continue;
            }
            let stored = self.fs.inode_word(ino, word::NLINK).unwrap_or(0);
            // A rename commits in the epoch in which it raises the link count of a directory.
            let may_be_low = self.repairs.renames > 0 && is_dir;
            if let Some(Kind::Symlink(page)) = self.fs.node(ino).map(|node| &node.kind) {
                if page.is_none() || self.fs.size_bytes(ino) == Ok(0) {
                    return Err(Corruption::Size { ino }.into());
                }
            }
            if stored < u64::from(wanted) && !may_be_low {
                return Err(Corruption::LinkCount { ino }.into());
            }
            if stored != u64::from(wanted) {
                self.repairs.link_counts += 1;
                if self.access == Access::ReadWrite {
                    self.set_links(ino, wanted);
                }
            }
        }
        Ok(())
    }

    fn set_links(&mut self, ino: u64, nlink: u32) {
        let pm = &self.fs.pm;
        if let Some(inode) = super::ops::inode_at::<super::inode::LostLink>(&self.fs.geometry, ino)
        {
            let ctime = self.fs.inode_word(ino, word::CTIME_NS).unwrap_or(0);
            let ctime_ns = num::time_ns(ctime);
            let _ = fence(pm, inode.drop_link(pm, nlink, ctime_ns));
        }
    }

    fn free_orphan(&mut self, ino: u64) {
        self.repairs.orphans += 1;
        if self.access == Access::ReadOnly {
            return;
        }
        if let Some(inode) = super::ops::inode_at(&self.fs.geometry, ino) {
            self.fs.free_inode(ino, inode);
        }
    }
}
