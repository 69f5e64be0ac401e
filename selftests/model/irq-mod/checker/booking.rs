// SPDX-License-Identifier: GPL-2.0

//! Lines of a guest that book deliveries at the same time, without a lock.

use super::explore::{explore, System};
use crate::model::budget::Limit;

const LINES: usize = 4;
const PERIOD_NS: u64 = 10_000_000;

/// How a line writes what it has computed from what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Write {
    /// If nobody else has written meanwhile; it begins again otherwise.
    Compare,
    /// Whatever others have done: a mistake.
    Store,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Line {
    Idle,
    Read(u64),
    Booked(u64),
}

#[derive(Clone, Hash)]
struct Budget {
    write: Write,
    limit: u32,
    paid_ns: u64,
    lines: [Line; LINES],
}

impl System for Budget {
    /// The line with this index goes on.
    type Step = usize;

    fn steps(&self) -> Vec<usize> {
        let is_going = |&index: &usize| !matches!(self.lines[index], Line::Booked(_));
        (0..LINES).filter(is_going).collect()
    }

    fn take(&mut self, index: usize) -> Result<(), &'static str> {
        self.lines[index] = match self.lines[index] {
            Line::Read(paid_ns) => {
                let limit = Limit::from_irqs_per_s(self.limit).expect("in range");
                let booking = limit.book(paid_ns, 0).expect("limited");
                if self.paid_ns != paid_ns && self.write == Write::Compare {
                    Line::Read(self.paid_ns)
                } else {
                    self.paid_ns = booking.paid_ns;
                    Line::Booked(booking.at_ns)
                }
            }
            _ => Line::Read(self.paid_ns),
        };
        Ok(())
    }

    fn end(&self) -> Result<(), &'static str> {
        let mut turns: Vec<_> = self
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Booked(at_ns) => Some(at_ns / PERIOD_NS),
                _ => None,
            })
            .collect();
        turns.sort_unstable();
        // The tolerance is one period, and has been used.
        let each_its_own: Vec<_> = (1..).take(LINES).collect();
        if turns != each_its_own {
            return Err("each line has a turn of its own");
        }
        Ok(())
    }
}

fn budget(write: Write) -> Budget {
    Budget {
        write,
        limit: 100,
        paid_ns: 2 * PERIOD_NS,
        lines: [Line::Idle; LINES],
    }
}

#[test]
fn lines_that_book_at_once_each_get_a_turn_of_their_own() {
    let visited = explore(budget(Write::Compare), 100_000).expect("nothing is broken");
    println!("bookings: {visited:?}");
    assert!(visited.states > 200, "{visited:?}");
}

#[test]
fn a_booking_that_overwrites_another_is_found() {
    let violation = explore(budget(Write::Store), 100_000).expect_err("a mistake");
    assert_eq!(violation.promise, "each line has a turn of its own");
}
