// SPDX-License-Identifier: GPL-2.0

//! A dump for people.

use crate::dump::Medium;
use crate::model::layout::inode as word;
use crate::text::{self, Name};
use crate::tree::{target, Walk};
use crate::view::{kind_name, InodeView};
use std::io::{self, Write};

/// Writes the whole medium.
pub(crate) fn medium(out: &mut impl Write, it: &Medium<'_>) -> io::Result<()> {
    head(out, it)?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>9} {:>4} mode       {:>5} {:>11} {:>14} {:>7} path",
        "inode", "gen", "links", "owner", "size", "pages"
    )?;
    for node in Walk::new(&it.survey, it.image) {
        line(out, it, node.ino, &node.path)?;
    }
    if it.survey.orphans().next().is_some() || !it.survey.lost_pages.is_empty() {
        writeln!(out)?;
        orphans(out, it)?;
    }
    problems(out, it)
}

fn head(out: &mut impl Write, it: &Medium<'_>) -> io::Result<()> {
    let (superblock, geometry, counts) = (it.superblock(), it.geometry(), it.counts());
    let label = it.superblock.label();
    let label = match label.is_empty() {
        true => String::from("(none)"),
        false => Name(&label).to_string(),
    };
    writeln!(out, "format      {}", superblock.version)?;
    writeln!(out, "label       {label}")?;
    writeln!(out, "UUID        {}", superblock.uuid)?;
    writeln!(out, "created     {}", text::time(superblock.created_ns))?;
    writeln!(
        out,
        "features    compat {:#x}, ro_compat {:#x}, incompat {:#x}",
        superblock.features_compat, superblock.features_ro_compat, superblock.features_incompat
    )?;
    writeln!(out, "superblocks {}", superblock.copies)?;
    writeln!(out, "state       {}", superblock.state)?;
    writeln!(out, "size        {}", text::size(geometry.size_bytes))?;
    writeln!(
        out,
        "inodes      {} of {}, table at {:#x}",
        counts.used_inodes, geometry.inodes, geometry.inode_table_at
    )?;
    writeln!(
        out,
        "data pages  {} of {}, from {:#x} on, descriptors at {:#x}",
        counts.used_data_pages, geometry.data_pages, geometry.data_at, geometry.descriptors_at
    )?;
    writeln!(
        out,
        "tree        {} directories, {} names",
        counts.directories, counts.names
    )?;
    if counts.unfinished_renames > 0 {
        writeln!(
            out,
            "renames     {} not finished",
            counts.unfinished_renames
        )?;
    }
    Ok(())
}

fn line(out: &mut impl Write, it: &Medium<'_>, ino: u64, path: &[u8]) -> io::Result<()> {
    let (Some(inode), Some(node)) = (it.inode(ino), it.survey.inodes.get(&ino)) else {
        return writeln!(
            out,
            "{ino:>9}    ? {:>56} {}",
            "(no such inode)",
            Name(path)
        );
    };
    let owner = format!("{}:{}", inode.uid, inode.gid);
    write!(
        out,
        "{ino:>9} {:>4} {} {:>5} {owner:>11} {:>14} {:>7} {}",
        inode.generation,
        text::mode(inode.mode),
        inode.nlink,
        inode.size_bytes,
        node.pages(),
        Name(path)
    )?;
    if let Some(target) = target(&it.survey, it.image, ino, inode.size_bytes) {
        write!(out, " -> {}", Name(&target))?;
    }
    writeln!(out)
}

/// Writes what belongs to nobody.
pub(crate) fn orphans(out: &mut impl Write, it: &Medium<'_>) -> io::Result<()> {
    writeln!(
        out,
        "inodes without a name: {}",
        it.survey.orphans().count()
    )?;
    for (ino, _) in it.survey.orphans() {
        line(out, it, ino, b"(none)")?;
    }
    let lost = &it.survey.lost_pages;
    writeln!(out, "pages without an owner: {}", lost.len())?;
    for pages in lost.chunk_by(|page, next| page + 1 == *next) {
        match pages {
            [page] => writeln!(out, "{page:>9}")?,
            [first, .., last] => writeln!(out, "{first:>9} to {last}")?,
            [] => {}
        }
    }
    Ok(())
}

fn problems(out: &mut impl Write, it: &Medium<'_>) -> io::Result<()> {
    if !it.survey.problems.is_empty() {
        writeln!(out, "\nproblems: {}", it.survey.problems.len())?;
    }
    for problem in &it.survey.problems {
        writeln!(out, "  {problem}")?;
    }
    Ok(())
}

/// Writes one inode.
pub(crate) fn inode(out: &mut impl Write, it: &Medium<'_>, ino: u64) -> io::Result<()> {
    let Some(inode) = it.inode(ino) else {
        return Ok(());
    };
    words(out, it, &inode)?;
    for extent in &inode.extents {
        writeln!(
            out,
            "{:<11} {} at index {}: from {} on, at {:#x}",
            format!("{} page", kind_name(extent.kind)),
            extent.pages,
            extent.index,
            extent.page,
            extent.at
        )?;
    }
    if it.survey.inodes.get(&ino).is_some_and(|node| node.is_dir()) {
        writeln!(out, "\n{:>9} {:<16} {:>12} name", "inode", "type", "at")?;
        let (entries, _) = it.survey.entries(it.image, ino);
        for entry in entries {
            writeln!(
                out,
                "{:>9} {:<16} {:>#12x} {}",
                entry.ino,
                text::kind(entry.head.kind),
                entry.at.0,
                Name(&entry.name)
            )?;
        }
    }
    Ok(())
}

fn words(out: &mut impl Write, it: &Medium<'_>, inode: &InodeView) -> io::Result<()> {
    let names = it
        .survey
        .inodes
        .get(&inode.ino)
        .map_or(0, |node| node.names);
    writeln!(
        out,
        "inode       {}, generation {}",
        inode.ino, inode.generation
    )?;
    writeln!(out, "type        {}", inode.kind)?;
    writeln!(
        out,
        "mode        {} ({:o})",
        text::mode(inode.mode),
        inode.mode
    )?;
    writeln!(out, "links       {}, found {names}", inode.nlink)?;
    writeln!(out, "owner       {}:{}", inode.uid, inode.gid)?;
    writeln!(out, "size        {}", text::size(inode.size_bytes))?;
    let times = [
        ("accessed", inode.atime_ns),
        ("modified", inode.mtime_ns),
        ("changed", inode.ctime_ns),
        ("made", inode.btime_ns),
    ];
    for (name, ns) in times {
        writeln!(out, "{name:<11} {} ({ns} ns)", text::time(ns))?;
    }
    for (name, value) in [
        ("device", inode.rdev),
        ("flags", inode.flags),
        ("xattr", inode.xattr),
        ("project", inode.project),
    ] {
        if value != 0 {
            writeln!(out, "{name:<11} {value:#x}")?;
        }
    }
    if let Some(at) = it.survey.geometry.inode(inode.ino) {
        writeln!(out, "words       at {:#x}, head {:#018x}", at.0, {
            it.survey.inode_word(it.image, inode.ino, word::HEAD)
        })?;
    }
    if let Some(target) = target(&it.survey, it.image, inode.ino, inode.size_bytes) {
        writeln!(out, "target      {}", Name(&target))?;
    }
    Ok(())
}
