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
/// Nothing below [`MIN_US`] is asked for, not even 0: with it, drivers turn off more than can be put back.
///
/// # Errors
///
/// What `ask` fails with, at once.
pub(crate) fn nearest<E>(
    wanted_us: u32,
    mut ask: impl FnMut(u32) -> Result<Answer, E>,
) -> Result<Option<u32>, E> {
    let wanted_us = wanted_us.max(MIN_US);
    if ask(wanted_us)? == Answer::Taken {
        return Ok(Some(wanted_us));
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

/// Where a device is that was lent to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind the line: the line has interrupts of it.
    Behind,
    /// It is in use, and the line has none of its interrupts.
    Up,
    /// It is not in use.
    Down,
    /// It is there, but cannot be asked anything: it sleeps, or is being repaired.
    Away,
    /// It is in another network namespace, with the same interrupts.
    Abroad,
    /// It is not there.
    Gone,
}

impl Place {
    /// Whether it stays lent. Its interrupts go whenever it is not in use, and come after it: only if they do
    /// not come for long, `patience`, the line is no more its own.
    pub(crate) fn is_lent(self, patience: &Patience) -> bool {
        match self {
            Place::Behind | Place::Down | Place::Away | Place::Abroad => true,
            Place::Up | Place::Gone => !patience.is_over(),
        }
    }

    /// Whether it stays so until the interrupts of the line change.
    pub(crate) fn is_settled(self) -> bool {
        match self {
            Place::Behind | Place::Down | Place::Away | Place::Abroad => true,
            Place::Up | Place::Gone => false,
        }
    }
}

/// How often something is tried again that failed, or looked for that did not come, after the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(u32);

impl Patience {
    /// As often as that.
    const TRIES: u32 = 20;

    /// Something has changed.
    pub(crate) fn new() -> Self {
        Self(Self::TRIES)
    }

    /// There is nothing to wait for.
    pub(crate) fn over() -> Self {
        Self(0)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0 == 0
    }

    /// It is tried once more.
    pub(crate) fn try_once(&mut self) {
        self.0 = self.0.saturating_sub(1);
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
        for wanted_us in [10, 100, 1_000] {
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
        for wanted_us in 0..=1_000 {
            let (found, asked) = search(wanted_us, |us| {
                assert!((10..=2_000).contains(&us), "asked for {us}");
                false
            });
            assert_eq!(found, None);
            assert!(asked < 25, "asked {asked} times for {wanted_us}");
        }
    }

    #[test]
    fn no_driver_is_asked_to_turn_its_moderation_off() {
        assert_eq!(search(0, |us| us >= 50).0, Some(50));
        for wanted_us in 0..10 {
            assert_eq!(search(wanted_us, |_| true), (Some(10), 1));
        }
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

    #[test]
    fn a_device_that_sleeps_is_being_repaired_or_has_moved_stays_lent_for_ever() {
        for patience in [Patience::new(), Patience::over()] {
            for place in [Place::Behind, Place::Down, Place::Away, Place::Abroad] {
                assert!(place.is_lent(&patience));
                assert!(place.is_settled(), "{place:?} is looked at for ever");
            }
        }
    }

    #[test]
    fn a_device_in_use_without_the_line_is_given_back_after_a_while() {
        for place in [Place::Up, Place::Gone] {
            let mut patience = Patience::new();
            for _ in 0..Patience::TRIES {
                assert!(place.is_lent(&patience));
                patience.try_once();
            }
            assert!(!place.is_lent(&patience));
        }
    }

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new();
        let mut tries = 0;
        while !patience.is_over() {
            patience.try_once();
            tries += 1;
        }
        assert_eq!(tries, Patience::TRIES);
        patience.try_once();
        assert_eq!(patience, Patience::over());
    }
}
