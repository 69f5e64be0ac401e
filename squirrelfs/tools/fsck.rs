// SPDX-License-Identifier: GPL-2.0

//! `fsck.squirrelfs`: checks a file system and repairs what a crash has left.
//!
//! The core's recovery runs on the medium, but its changes are kept in memory; what they are is shown.
//! Only if they are wanted, it runs once more and for good. So without a yes nothing is written, and a
//! medium that recovery does not understand stays as it is.

use crate::changes;
use crate::device::{self, Device, Purpose, Refused};
use crate::fsck_args::{code, parse, Answer, Args, PROGRAM};
use crate::image::{Changes, Image};
use crate::model::{
    format::{Access, Unreadable, CLEAN, MOUNTED},
    pm::{Offset, Pm},
    scan::{self, Refused as ScanRefused},
};
use crate::problem::{self, Problem};
use crate::program::{complain, end, say, Failure};
use crate::superblock::{self, Copies, Second};
use crate::survey::Survey;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

/// Problems that are shown, of perhaps many millions.
const SHOWN_PROBLEMS: usize = 1000;

/// Runs the program.
pub fn main() -> ExitCode {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Recovery can be interrupted at any point and begun again.
        let always = Arc::new(AtomicBool::new(true));
        let _ = signal_hook::flag::register_conditional_shutdown(
            signal,
            code::CANCELLED.into(),
            always,
        );
    }
    end(
        PROGRAM,
        parse().and_then(|args| args.map_or(Ok(0), |args| run(&args))),
    )
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(code::FAILED, message)
}

fn open(args: &Args) -> Result<Device, Failure> {
    let purpose = match args.answer {
        Answer::No => Purpose::LookAlone,
        _ => Purpose::Change,
    };
    match device::open(&args.path, purpose) {
        Err(refused @ Refused::Busy(_)) if args.answer == Answer::No => {
            let text = refused.text(&args.path);
            complain(
                PROGRAM,
                format!("warning: {text}; what is found may be changes under way"),
            );
            device::open(&args.path, Purpose::Look)
        }
        other => other,
    }
    .map_err(|refused| failed(refused.text(&args.path)))
}

fn run(args: &Args) -> Result<u8, Failure> {
    if args.answer == Answer::Ask && !io::stdin().is_terminal() {
        return Err(failed("there is no terminal to ask; say -n, -p or -y"));
    }
    let device = open(args)?;
    let check = Check {
        args,
        name: args.path.display().to_string(),
        device: &device,
    };
    check.run()
}

struct Check<'a> {
    args: &'a Args,
    name: String,
    device: &'a Device,
}

impl Check<'_> {
    fn unread(&self) -> impl Fn(io::Error) -> Failure + '_ {
        |error| failed(format!("cannot read {}: {error}", self.name))
    }

    fn unwritten(&self) -> impl Fn(io::Error) -> Failure + '_ {
        |error| {
            failed(format!(
                "cannot write {}: {error}; the check is to be repeated",
                self.name
            ))
        }
    }

    fn image(&self, changes: Changes) -> Image<'_> {
        Image::new(&self.device.file, self.device.size_bytes, changes)
    }

    fn run(&self) -> Result<u8, Failure> {
        let copies = Copies::read(&self.device.file, self.device.size_bytes, Access::ReadWrite)
            .map_err(self.unread())?;
        let valid_at = match copies.valid_at() {
            Ok(at) => at,
            Err(why) => return self.no_superblock(why),
        };
        let view = self.image(Changes::Kept);
        let state = match valid_at {
            Offset(0) => view.load(Offset(0).word(crate::model::layout::superblock::STATE)),
            _ => 0,
        };
        if self.args.verbose {
            let superblock = superblock::Superblock::load(&view, valid_at);
            say!("{}: {}", self.name, identity(&superblock));
        }
        let is_whole = state == CLEAN && copies.second == Second::Same;
        if is_whole && !self.args.force {
            view.check().map_err(self.unread())?;
            say!("{}: clean (unmounted); not checked, see -f", self.name);
            return Ok(0);
        }
        match state {
            CLEAN => {}
            MOUNTED => say!("{}: was not unmounted, checking", self.name),
            _ => say!("{}: its state is not known, checking", self.name),
        }
        self.check(&copies, view, state)
    }

    fn no_superblock(&self, why: Unreadable) -> Result<u8, Failure> {
        let name = &self.name;
        match why {
            Unreadable::NotSquirrelfs => {
                Err(failed(format!("{name} has no squirrelfs file system")))
            }
            Unreadable::Unsupported => {
                let what = problem::unreadable(why);
                Err(failed(format!("the superblock of {name} {what}")))
            }
            Unreadable::Corrupt => {
                say!("{name}: neither the superblock nor its copy can be read");
                say!("{name}: {CORRUPT}");
                Ok(code::UNCORRECTED)
            }
        }
    }

    /// Checks, and repairs if that is wanted. `view` is the medium, with changes kept in memory.
    fn check(&self, copies: &Copies, view: Image<'_>, state: u64) -> Result<u8, Failure> {
        if let Some((from, to)) = copies.damage() {
            superblock::restore(&view, from, to);
        }
        let before = view.changed().map_err(self.unread())?;
        let mounted = scan::mount(&view, Access::ReadWrite);
        view.check().map_err(self.unread())?;
        let (geometry, refused) = match &mounted {
            Ok((fs, _)) => (*fs.geometry(), None),
            Err(ScanRefused::NoMemory) => return Err(failed("out of memory")),
            Err(ScanRefused::Unreadable(why)) => return self.no_superblock(*why),
            Err(ScanRefused::Corrupt(what)) => {
                let geometry = copies.geometry();
                let geometry = geometry.ok_or_else(|| failed("the superblock is gone"))?;
                (geometry, Some(Problem::Core(*what)))
            }
            // Only who may not write hears that.
            Err(ScanRefused::NeedsRecovery) => return Err(failed("recovery refuses to recover")),
        };
        let survey = Survey::read(&view, geometry);
        let changed: Vec<_> = view
            .changed()
            .map_err(self.unread())?
            .into_iter()
            .filter(|it| !before.contains(it))
            .collect();
        view.check().map_err(self.unread())?;

        let corrupt = self.show_problems(refused.as_ref(), &survey);
        let repairs = match refused {
            // Recovery ended at the problem.
            Some(_) => Vec::new(),
            None => changes::describe(&view, &geometry, &changed),
        };
        let damage = copies.damage();
        let count = repairs.len() + usize::from(damage.is_some());
        let answer = self.answer(count, copies, &repairs)?;
        let mut result = if corrupt { code::UNCORRECTED } else { 0 };
        let must_write = count > 0 || (state != CLEAN && !corrupt);
        match answer {
            Answer::Yes if must_write => {
                self.repair(damage, refused.is_none(), corrupt)?;
                result |= if count > 0 { code::CORRECTED } else { 0 };
            }
            _ if count > 0 => result |= code::UNCORRECTED,
            _ => {}
        }
        self.summary(&survey, result, corrupt);
        Ok(result)
    }

    /// Shows what is corrupt; returns whether anything is.
    fn show_problems(&self, refused: Option<&Problem>, survey: &Survey) -> bool {
        let further = survey.problems.iter().filter(|it| Some(*it) != refused);
        let count = refused.iter().count() + further.clone().count();
        for what in refused.into_iter().chain(further).take(SHOWN_PROBLEMS) {
            say!("{}: corrupt: {what}", self.name);
        }
        if count > SHOWN_PROBLEMS {
            say!("{}: and {} more", self.name, count - SHOWN_PROBLEMS);
        }
        count > 0
    }

    /// Shows what is to be repaired, and finds out whether that is wanted.
    fn answer(
        &self,
        count: usize,
        copies: &Copies,
        repairs: &[changes::Repair],
    ) -> Result<Answer, Failure> {
        let said = match self.args.answer {
            Answer::Yes => "? yes",
            Answer::No => "? no",
            Answer::Ask => "?",
        };
        match (copies.first, copies.second) {
            (Err(why), _) => say!("The superblock {}. Restore{said}", problem::unreadable(why)),
            (_, Second::Differs) => {
                say!("The copy of the superblock, in the last page, is damaged. Restore{said}");
            }
            _ => {}
        }
        for repair in repairs {
            say!("{}. {}{said}", repair.what, repair.remedy);
        }
        if self.args.answer != Answer::Ask || count == 0 {
            // Marking it as unmounted needs no question, but no -n either.
            return Ok(match self.args.answer {
                Answer::No => Answer::No,
                _ => Answer::Yes,
            });
        }
        let _ = write!(io::stdout(), "{}: repair ({count}), y/N? ", self.name);
        let _ = io::stdout().flush();
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => Err(Failure::new(
                code::CANCELLED,
                "cancelled; nothing was changed",
            )),
            Ok(_) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(Answer::Yes),
            Ok(_) => Ok(Answer::No),
        }
    }

    /// Does for good what was tried before. What stays corrupt is not marked as unmounted, so that the
    /// next check sees it too.
    fn repair(
        &self,
        damage: Option<(Offset, Offset)>,
        recover: bool,
        corrupt: bool,
    ) -> Result<(), Failure> {
        let image = self.image(Changes::Written);
        if let Some((from, to)) = damage {
            superblock::restore(&image, from, to);
            image.check().map_err(self.unwritten())?;
        }
        if recover {
            let mounted = scan::mount(&image, Access::ReadWrite);
            image.check().map_err(self.unwritten())?;
            match mounted {
                Ok((fs, _)) if !corrupt => drop(scan::unmount(fs)),
                Ok(_) => {}
                Err(why) => return Err(failed(format!("{}: {why:?}", self.name))),
            }
        }
        image.check().map_err(self.unwritten())?;
        self.device.file.sync_all().map_err(self.unwritten())
    }

    fn summary(&self, survey: &Survey, result: u8, corrupt: bool) {
        let name = &self.name;
        if corrupt {
            say!("{name}: {CORRUPT}");
        }
        if result & code::CORRECTED != 0 {
            say!("{name}: ***** FILE SYSTEM WAS MODIFIED *****");
        }
        if result == code::UNCORRECTED && !corrupt {
            say!("{name}: nothing was changed; errors are left");
        }
        let geometry = &survey.geometry;
        say!(
            "{name}: {}/{} inodes, {}/{} data pages",
            survey.inodes.len(),
            geometry.inode_count() - 1,
            survey.used_pages,
            geometry.data_pages()
        );
        if self.args.verbose {
            let dirs = survey
                .inodes
                .values()
                .filter(|inode| inode.is_dir())
                .count();
            let names: u64 = survey.inodes.values().map(|inode| inode.names).sum();
            say!(
                "{name}: {dirs} directories, {} names",
                names.saturating_sub(1)
            );
        }
    }
}

const CORRUPT: &str =
    "CORRUPT: no crash leaves this, and it is not repaired; copy what can be read";

fn identity(superblock: &superblock::Superblock) -> String {
    let label = superblock.label();
    let label = match label.is_empty() {
        true => String::from("no label"),
        false => format!("label '{}'", crate::text::Name(&label)),
    };
    format!("{label}, UUID {}", superblock.uuid())
}
