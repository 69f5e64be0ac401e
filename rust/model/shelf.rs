// SPDX-License-Identifier: GPL-2.0

//! Texts that are kept while they are read piece by piece.

/// What is kept for a reader.
#[derive(Debug)]
struct Slot<C> {
    /// Of the reader.
    id: usize,
    /// Counts uses; the least was used longest ago.
    used: u64,
    len_bytes: u64,
    /// [`None`] once its end was read.
    text: Option<C>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a, C> {
    /// A text as it is now, which then goes to [`Shelf::put`].
    Anew,
    /// More of this one.
    More(&'a C),
    /// Nothing, as it has read all.
    End,
    /// Nothing, as its text had to make room before it was read to its end.
    Lost,
}

/// The texts of at most `N` readers. Of more, the one used longest ago goes.
#[derive(Debug)]
pub(crate) struct Shelf<C, const N: usize> {
    slots: [Option<Slot<C>>; N],
    uses: u64,
}

impl<C, const N: usize> Shelf<C, N> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const { None }; N],
            uses: 0,
        }
    }

    /// Says what the reader `id` gets that reads at `offset`, and perhaps `has_read` before.
    pub(crate) fn look(&mut self, id: usize, has_read: bool, offset: u64) -> Reading<'_, C> {
        if offset == 0 {
            return Reading::Anew;
        }
        self.uses = self.uses.saturating_add(1);
        let uses = self.uses;
        let Some(slot) = self.slots.iter_mut().flatten().find(|slot| slot.id == id) else {
            return if has_read {
                Reading::Lost
            } else {
                Reading::Anew
            };
        };
        slot.used = uses;
        if offset >= slot.len_bytes {
            slot.text = None;
            return Reading::End;
        }
        match &slot.text {
            Some(text) => Reading::More(text),
            None => Reading::Anew,
        }
    }

    /// Keeps `text` for the reader `id`, or only its length once there is no more to read. Returns what
    /// was kept in its place.
    pub(crate) fn put(&mut self, id: usize, len_bytes: u64, text: Option<C>) -> Option<C> {
        self.uses = self.uses.saturating_add(1);
        // One's own place, a free one, or the one used longest ago.
        let place = self.slots.iter_mut().min_by_key(|slot| match slot {
            Some(slot) if slot.id == id => (0, 0),
            None => (1, 0),
            Some(slot) => (2, slot.used),
        })?;
        let old = place.replace(Slot {
            id,
            used: self.uses,
            len_bytes,
            text,
        });
        old?.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reader gets, as a text to compare with.
    fn look(shelf: &mut Shelf<&'static str, 2>, id: usize, has_read: bool, offset: u64) -> String {
        match shelf.look(id, has_read, offset) {
            Reading::Anew => "anew".into(),
            Reading::More(text) => (*text).into(),
            Reading::End => "end".into(),
            Reading::Lost => "lost".into(),
        }
    }

    #[test]
    fn a_reader_gets_its_own_text_to_the_end() {
        let mut shelf = Shelf::new();
        assert_eq!(look(&mut shelf, 1, false, 0), "anew");
        assert_eq!(shelf.put(1, 4, Some("aaaa")), None);
        assert_eq!(shelf.put(2, 4, Some("bbbb")), None);
        assert_eq!(look(&mut shelf, 1, true, 2), "aaaa");
        assert_eq!(look(&mut shelf, 2, true, 3), "bbbb");
        assert_eq!(look(&mut shelf, 1, true, 4), "end");
        assert_eq!(look(&mut shelf, 1, true, 5), "end");
        // Its text is given back by then, so what lies before the end is read anew.
        assert_eq!(look(&mut shelf, 1, true, 2), "anew");
        assert_eq!(look(&mut shelf, 2, true, 0), "anew");
    }

    #[test]
    fn reading_from_the_start_replaces_what_was_kept() {
        let mut shelf = Shelf::<_, 2>::new();
        assert_eq!(shelf.put(1, 1, Some("a")), None);
        assert_eq!(shelf.put(2, 1, Some("b")), None);
        assert_eq!(shelf.put(1, 1, Some("c")), Some("a"));
        assert_eq!(shelf.put(1, 1, None), Some("c"));
    }

    #[test]
    fn the_text_used_longest_ago_makes_room_and_its_reader_is_told() {
        let mut shelf = Shelf::new();
        assert_eq!(shelf.put(1, 9, Some("a")), None);
        assert_eq!(shelf.put(2, 9, Some("b")), None);
        assert_eq!(look(&mut shelf, 1, true, 1), "a");
        assert_eq!(shelf.put(3, 9, Some("c")), Some("b"));
        assert_eq!(look(&mut shelf, 1, true, 1), "a");
        assert_eq!(look(&mut shelf, 2, true, 1), "lost");
        assert_eq!(look(&mut shelf, 3, true, 1), "c");
    }

    #[test]
    fn a_reader_may_begin_in_the_middle() {
        let mut shelf = Shelf::new();
        assert_eq!(look(&mut shelf, 1, false, 7), "anew");
        assert_eq!(shelf.put(1, 9, Some("a")), None);
        assert_eq!(look(&mut shelf, 1, true, 8), "a");
    }
}
