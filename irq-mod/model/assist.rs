// SPDX-License-Identifier: GPL-2.0

//! Letting a device keep its interrupts apart by itself, and giving it back as it was.

/// Shortest interval that is asked for: drivers give shorter ones other meanings.
const MIN_US: u32 = 10;
/// Longest interval that is asked for.
const MAX_US: u32 = 2_000;

/// What a driver says to an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is in force now.
    Taken,
    /// Not this one.
    Refused,
}

/// Finds the interval nearest to `wanted_us` that a driver takes, as if it took all from some interval on,
/// or up to some; of two that are as near, the shorter one. [`None`] if it seems to take none. Another one
/// may have been taken last.
///
/// 0 is asked for only where it is wanted.
///
/// # Errors
///
/// What `ask` fails with, at once.
pub(crate) fn nearest<E>(
    wanted_us: u32,
    mut ask: impl FnMut(u32) -> Result<Answer, E>,
) -> Result<Option<u32>, E> {
    if ask(wanted_us)? == Answer::Taken {
        return Ok(Some(wanted_us));
    }
    if wanted_us == 0 {
        return nearest(MIN_US, ask);
    }
    let shorter = |distance_us| wanted_us.saturating_sub(distance_us).max(MIN_US);
    let longer = |distance_us| wanted_us.saturating_add(distance_us).min(MAX_US);
    let mut distance_us = 1;
    while distance_us >> 1 <= MAX_US {
        let shorter = limit(distance_us, shorter, &mut ask)?;
        let longer = limit(distance_us, longer, &mut ask)?;
        let distance_of = |us: &u32| us.abs_diff(wanted_us);
        // The first one of equals.
        let found = shorter.into_iter().chain(longer).min_by_key(distance_of);
        if found.is_some() {
            return Ok(found);
        }
        distance_us = distance_us.saturating_mul(2);
    }
    Ok(None)
}

/// If the driver takes the interval that is `distance_us` away, by what `at` says, finds the nearest that it
/// takes from half of that on, which it was asked for before.
fn limit<E>(
    distance_us: u32,
    at: impl Fn(u32) -> u32,
    mut ask: impl FnMut(u32) -> Result<Answer, E>,
) -> Result<Option<u32>, E> {
    let (mut refused_us, mut taken_us) = (distance_us >> 1, distance_us);
    // Nothing is farther away than what was refused.
    if at(taken_us) == at(refused_us) || ask(at(taken_us))? == Answer::Refused {
        return Ok(None);
    }
    while taken_us.saturating_sub(refused_us) > 1 {
        let middle_us = refused_us.saturating_add(taken_us) >> 1;
        match ask(at(middle_us))? {
            Answer::Taken => taken_us = middle_us,
            Answer::Refused => refused_us = middle_us,
        }
    }
    Ok(Some(at(taken_us)))
}

/// A setting of somebody else's that was changed and is to be changed back, unless its owner changes it
/// meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loan<T> {
    /// What its owner wants.
    former: T,
    /// What it was changed to.
    lent: T,
}

impl<T: Copy + PartialEq> Loan<T> {
    /// It was `former` and is `lent` now.
    pub(crate) fn new(former: T, lent: T) -> Self {
        Self { former, lent }
    }

    /// It was `now` and is `lent` from now on.
    pub(crate) fn renew(self, now: T, lent: T) -> Self {
        Self {
            former: self.returned(now).unwrap_or(now),
            lent,
        }
    }

    /// What to change it to in the end, if it is `now`: nothing, if its owner has changed it.
    pub(crate) fn returned(self, now: T) -> Option<T> {
        (now == self.lent).then_some(self.former)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;

    /// What is found if the driver takes what `takes` does, and how often it is asked.
    fn search(wanted_us: u32, takes: impl Fn(u32) -> bool) -> (Option<u32>, u32) {
        let mut asked = 0;
        let found = nearest(wanted_us, |us| {
            asked += 1;
            Ok::<_, Infallible>(match takes(us) {
                true => Answer::Taken,
                false => Answer::Refused,
            })
        });
        (found.unwrap_or_else(|never| match never {}), asked)
    }

    #[test]
    fn a_driver_that_takes_the_interval_is_asked_once() {
        for wanted_us in [0, 10, 100, 1_000] {
            assert_eq!(search(wanted_us, |_| true), (Some(wanted_us), 1));
        }
    }

    #[test]
    fn the_nearest_of_all_up_to_or_from_some_interval_is_found() {
        for wanted_us in 10..=1_000 {
            for limit_us in [10, 11, 33, 255, 256, 500, 999, 1_000, 1_999, 2_000] {
                let (found, asked) = search(wanted_us, |us| us <= limit_us);
                assert_eq!(found, Some(wanted_us.min(limit_us)));
                assert!(asked < 40, "asked {asked} times for {wanted_us}");
                let (found, asked) = search(wanted_us, |us| us >= limit_us);
                assert_eq!(found, Some(wanted_us.max(limit_us)));
                assert!(asked < 40, "asked {asked} times for {wanted_us}");
            }
        }
    }

    #[test]
    fn of_two_limits_the_nearer_one_counts() {
        let takes = |us| us <= 100 || us >= 130;
        assert_eq!(search(108, takes).0, Some(100));
        assert_eq!(search(124, takes).0, Some(130));
        assert_eq!(search(115, takes).0, Some(100));
    }

    #[test]
    fn a_driver_that_takes_nothing_is_asked_for_nothing_but_reasonable_intervals() {
        for wanted_us in 10..=1_000 {
            let (found, asked) = search(wanted_us, |us| {
                assert!((10..=2_000).contains(&us), "asked for {us}");
                false
            });
            assert_eq!(found, None);
            assert!(asked < 25, "asked {asked} times for {wanted_us}");
        }
    }

    #[test]
    fn where_moderation_cannot_be_turned_off_the_shortest_is_found() {
        assert_eq!(search(0, |us| us >= 50).0, Some(50));
        assert_eq!(search(0, |us| us > 0).0, Some(10));
    }

    #[test]
    fn a_failure_ends_the_search() {
        let mut asked = 0;
        let found = nearest(500, |_| {
            asked += 1;
            if asked == 3 {
                Err("broken")
            } else {
                Ok(Answer::Refused)
            }
        });
        assert_eq!((found, asked), (Err("broken"), 3));
    }

    #[test]
    fn what_was_lent_is_returned_as_it_was() {
        let loan = Loan::new(3, 100);
        assert_eq!(loan.returned(100), Some(3));
        assert_eq!(loan.renew(100, 200).returned(200), Some(3));
    }

    #[test]
    fn what_its_owner_has_changed_meanwhile_stays() {
        let loan = Loan::new(3, 100);
        assert_eq!(loan.returned(50), None);
        // The change is what counts later on, too.
        let loan = loan.renew(50, 200);
        assert_eq!(loan.returned(200), Some(50));
        assert_eq!(loan.returned(100), None);
    }
}
