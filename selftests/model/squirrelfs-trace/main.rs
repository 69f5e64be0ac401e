// SPDX-License-Identifier: GPL-2.0

//! The crash states of what the module did in a machine, out of a trace of its stores, write-backs and
//! fences, recovered by the core and compared with what was there before and after each operation.
//!
//! usage: squirrelfs-trace check IMAGE TRACE [COUNT DIRECTORY]
//!        squirrelfs-trace mutate IMAGE TRACE
//!
//! `check` prints a line for each operation and, for what is wrong, `violation: ...` or `over budget: ...`. A
//! `+` behind the number of states says that these are a choice. It leaves COUNT of the images in DIRECTORY for the module itself to mount, with what the core makes of
//! each, and final.expected, what is there at the end.
//!
//! `mutate` is the counter-check: the trace without one of its fences or write-backs is not right.
//!
//! Exit status: 0 all is as it should be, 1 not, 2 wrong usage. RVM_LONG in the environment: more states.

#[allow(dead_code, clippy::all)]
#[path = "../../../squirrelfs/model/mod.rs"]
mod model;
mod mutants;
#[allow(dead_code)]
mod oracle;
mod reader;
mod replay;
mod samples;
#[allow(dead_code)]
#[path = "../squirrelfs/sim/mod.rs"]
mod sim;
mod stage;

use crate::{
    replay::Cost,
    samples::{listing, Choice},
    sim::{crash::Limits, random::mix},
    stage::{size_bytes, stages, Stage},
};
use std::{env, error::Error, fs::File, io::Read, path::Path, process::ExitCode};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The largest medium that is read.
const MOST_BYTES: usize = 64 << 20;

/// Reads IMAGE and TRACE.
fn load(image: &str, trace: &str) -> Outcome<Vec<Stage>> {
    let mut medium = vec![0; 4096];
    File::open(image)?.read_exact(&mut medium)?;
    let size = size_bytes(&medium).ok_or("there is no squirrelfs in the image")?;
    if size > MOST_BYTES {
        return Err(format!("the file system has {size} bytes").into());
    }
    medium.resize(size, 0);
    File::open(image)?.read_exact(&mut medium)?;
    let sections = reader::read(&std::fs::read(trace)?)?;
    Ok(stages(&medium, sections)?)
}

fn limits() -> Limits {
    let (images, samples) = match env::var_os("RVM_LONG") {
        None => (4096, 1024),
        Some(_) => (1 << 18, 1 << 14),
    };
    Limits {
        images,
        samples,
        ..Limits::default()
    }
}

/// Checks every stage; returns whether all is well, and an image of each operation.
fn check(stages: &[Stage]) -> (bool, Vec<Choice>) {
    let (mut well, mut total, mut states, mut partly) = (true, Cost::default(), 0, 0);
    let mut choices = Vec::new();
    println!("  states fences +copy  lines stores streamed  operation");
    for (stage, seed) in stages.iter().zip(0..) {
        let mut choice = Choice::new(mix(seed));
        let report = stage.explore(limits(), None, &mut |image, repairs| {
            choice.offer(image, repairs)
        });
        let Cost {
            stores,
            streamed_bytes,
            write_backs,
            fences,
            copy_fences,
        } = stage.cost;
        let all = if report.exhaustive { ' ' } else { '+' };
        let label = match stage.label.as_str() {
            "" => "(between two operations)",
            label => label,
        };
        println!(
            "{:8}{all}{fences:6} {copy_fences:5} {write_backs:6} {stores:6} {streamed_bytes:8}  {label}",
            report.states
        );
        for it in &report.violations {
            let (moment, epoch, reason, arrived) = (it.moment, it.epoch, &it.reason, &it.arrived);
            println!("violation: {label}: {moment:?}, epoch {epoch}: {reason}; arrived: {arrived}");
        }
        well &= report.violations.is_empty();
        if let Some(budget) = stage.budget().filter(|budget| fences > *budget) {
            println!("over budget: {label}: {fences} fences instead of {budget}");
            well = false;
        }
        states += report.states;
        partly += usize::from(!report.exhaustive);
        total.add(stage.cost);
        choices.push(choice);
    }
    let sections = stages
        .iter()
        .filter(|stage| !stage.label.is_empty())
        .count();
    println!(
        "total: {sections} operations ({partly} sampled), {states} crash states, {} stores, {} bytes streamed, \
         {} lines written back, {} fences and {} of copies from user space",
        total.stores, total.streamed_bytes, total.write_backs, total.fences, total.copy_fences
    );
    (well, choices)
}

fn sample(count: usize, directory: &Path, choices: Vec<Choice>) -> Outcome<()> {
    let mut images: Vec<_> = (0_u64..)
        .zip(choices)
        .filter_map(|(seed, choice)| Some((mix(seed), choice.chosen()?)))
        .collect();
    images.sort_by_key(|(place, _)| *place);
    for (number, (_, image)) in images.iter().take(count).enumerate() {
        samples::write(directory, &format!("{number:03}"), image)?;
    }
    Ok(())
}

fn run(args: &[&str]) -> Outcome<Option<bool>> {
    Ok(Some(match *args {
        ["check", image, trace] => check(&load(image, trace)?).0,
        ["check", image, trace, count, directory] => {
            let stages = load(image, trace)?;
            let (well, choices) = check(&stages);
            let directory = Path::new(directory);
            sample(count.parse()?, directory, choices)?;
            if let Some(last) = stages.last() {
                std::fs::write(directory.join("final.expected"), listing(&last.after))?;
            }
            well
        }
        ["mutate", image, trace] => mutants::run(&load(image, trace)?),
        _ => return Ok(None),
    }))
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(Some(true)) => ExitCode::SUCCESS,
        Ok(Some(false)) => ExitCode::FAILURE,
        Ok(None) => {
            eprintln!("usage: squirrelfs-trace check|mutate IMAGE TRACE [COUNT DIRECTORY]");
            ExitCode::from(2)
        }
        Err(error) => {
            println!("violation: {error}");
            ExitCode::FAILURE
        }
    }
}
