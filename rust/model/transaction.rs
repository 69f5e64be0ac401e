// SPDX-License-Identifier: GPL-2.0

//! Texts that a user writes in one write or in many.
//!
//! A write without `begin` is a text by itself. What stands between a line `begin`, at the start of a write,
//! and a line `commit` is one text as well, in however many writes of one open file it comes. The line
//! after `begin` is the first of the text.

/// The line that begins a text, without its end.
const BEGIN: &[u8] = b"begin";
/// The line that ends a text, without its end.
const COMMIT: &[u8] = b"commit";

/// Longest text between `begin` and `commit`, in bytes.
pub(crate) const LIMIT_BYTES: usize = 4 << 20;
/// For how long after its last write a text that has begun keeps others from beginning, in milliseconds.
pub(crate) const IDLE_MS: u64 = 10_000;

/// Memory ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// Where a text is collected; empty at first.
pub(crate) trait Buffer: Default {
    /// How much it holds.
    fn len_bytes(&self) -> usize;

    /// Appends all of `bytes`, or leaves what it holds as it is.
    fn push(&mut self, bytes: &[u8]) -> Result<(), NoMemory>;
}

/// Why a write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Another open file has begun a text.
    Busy,
    /// The text is too long, or so long that it may have been cut.
    TooLong,
    /// Another open file has taken its turn after the text lay idle.
    Late,
    /// It does not continue where the last write ended, or ends what has not begun.
    Misplaced,
    /// There is no memory for it.
    NoMemory,
}

/// What the writes of an open file are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing: each is a text by itself.
    Idle,
    /// A text that has begun.
    Collecting,
    /// Nothing, but the end of the line `commit` may still come.
    Ended,
    /// A text that was refused: what is left of it must not be taken for texts by themselves.
    Failed(Refused),
}

/// What is kept with an open file, as one number that is 0 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Tells open files apart; 0 if it has not been used yet.
    pub(crate) id: usize,
    /// Whether its text was shown before.
    pub(crate) is_read: bool,
    /// What its writes are part of.
    pub(crate) standing: Standing,
}

impl Mark {
    const STANDING_BITS: u32 = 3;
    const READ: usize = 1 << Self::STANDING_BITS;
    const ID_SHIFT: u32 = Self::STANDING_BITS + 1;
    /// Largest number that tells open files apart.
    pub(crate) const MAX_ID: usize = usize::MAX >> Self::ID_SHIFT;

    /// Reads what [`Self::bits`] made.
    pub(crate) const fn from_bits(bits: usize) -> Self {
        Self {
            id: bits >> Self::ID_SHIFT,
            is_read: bits & Self::READ != 0,
            standing: match bits & (Self::READ - 1) {
                0 => Standing::Idle,
                1 => Standing::Collecting,
                2 => Standing::Ended,
                3 => Standing::Failed(Refused::Busy),
                4 => Standing::Failed(Refused::TooLong),
                5 => Standing::Failed(Refused::Late),
                6 => Standing::Failed(Refused::Misplaced),
                _ => Standing::Failed(Refused::NoMemory),
            },
        }
    }

    /// The mark as a number.
    pub(crate) const fn bits(self) -> usize {
        let standing = match self.standing {
            Standing::Idle => 0,
            Standing::Collecting => 1,
            Standing::Ended => 2,
            Standing::Failed(Refused::Busy) => 3,
            Standing::Failed(Refused::TooLong) => 4,
            Standing::Failed(Refused::Late) => 5,
            Standing::Failed(Refused::Misplaced) => 6,
            Standing::Failed(Refused::NoMemory) => 7,
        };
        let read = if self.is_read { Self::READ } else { 0 };
        (self.id << Self::ID_SHIFT) | read | standing
    }
}

/// A write of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    /// Where in the file, in bytes.
    pub(crate) offset: u64,
    /// What; not empty.
    pub(crate) bytes: &'a [u8],
    /// When, in milliseconds since whenever.
    pub(crate) now_ms: u64,
}

/// What becomes of a write. Numbers count the bytes taken from its start; the user writes the rest again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<B> {
    /// It is kept.
    Taken(usize),
    /// It is a text by itself.
    Alone,
    /// It completes this text.
    Complete(B, usize),
    /// It is refused.
    Refused(Refused),
}

/// How much of the line at the end of what was collected may be the start of [`COMMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// All of it, so many bytes; they are not in the buffer yet.
    Held(usize),
    /// It is another line.
    Other,
}

/// What is found in a piece of a text.
struct Scan<'a> {
    /// What the piece shows to be text, and was held back.
    held: &'static [u8],
    /// The text in the piece.
    text: &'a [u8],
    /// How much of the piece this is, with the line `commit`.
    taken: usize,
    end: End,
}

/// What a piece of a text ends with.
enum End {
    /// This line; there is more to come.
    More(Line),
    /// The line `commit`, and with its end as well, or not.
    Commit(Standing),
}

impl Line {
    const START: Self = Self::Held(0);

    /// Looks for `commit` in `piece`, which follows this line.
    fn scan(self, piece: &[u8]) -> Scan<'_> {
        let mut line = self;
        // What was looked at, and how much of it is text for certain.
        let (mut rest, mut text_len) = (piece, 0);
        let mut held = match self {
            Self::Held(count) => COMMIT.get(..count).unwrap_or(COMMIT),
            Self::Other => &[],
        };
        let before = |rest: &[u8]| piece.len().saturating_sub(rest.len());
        let end = loop {
            if let Self::Held(count) = line {
                let wanted = COMMIT.get(count..).unwrap_or(&[]);
                match rest.strip_prefix(wanted) {
                    Some([]) => {
                        rest = &[];
                        break End::Commit(Standing::Ended);
                    }
                    Some([b'\n', after @ ..]) => {
                        rest = after;
                        break End::Commit(Standing::Idle);
                    }
                    None if wanted.starts_with(rest) => {
                        let count = count.saturating_add(rest.len());
                        rest = &[];
                        break End::More(Self::Held(count));
                    }
                    _ => {}
                }
            }
            let next = rest.iter().position(|&byte| byte == b'\n');
            let Some((_, after)) = next.and_then(|at| rest.split_at_checked(at.saturating_add(1)))
            else {
                text_len = piece.len();
                rest = &[];
                break End::More(Self::Other);
            };
            rest = after;
            line = Self::START;
            text_len = before(rest);
        };
        // A line that began before the piece and is not known yet, or was `commit`, is no text.
        let is_first = text_len == 0;
        if is_first {
            held = &[];
        }
        Scan {
            held,
            text: piece.get(..text_len).unwrap_or(&[]),
            taken: before(rest),
            end,
        }
    }

    /// Whether `commit` is found in `piece`, which follows this line.
    fn ends_in(self, piece: &[u8]) -> bool {
        matches!(self.scan(piece).end, End::Commit(_))
    }
}

/// A text that has begun.
#[derive(Debug)]
struct Open<B> {
    /// Of the open file.
    id: usize,
    /// Where the next write goes, in bytes.
    next: u64,
    line: Line,
    text: B,
    /// The time of the last write.
    used_ms: u64,
}

/// Collects texts; one at a time from `begin` to `commit`.
#[derive(Debug)]
pub(crate) struct Collector<B> {
    /// What is written at once comes in pieces of at most this many bytes.
    piece_bytes: usize,
    open: Option<Open<B>>,
}

impl<B: Buffer> Collector<B> {
    /// One for writes that are cut into pieces of `piece_bytes`.
    pub(crate) const fn new(piece_bytes: usize) -> Self {
        Self {
            piece_bytes,
            open: None,
        }
    }

    /// Takes a write of the open file `id`, and says what its further writes are part of.
    pub(crate) fn write(
        &mut self,
        id: usize,
        standing: Standing,
        write: Write<'_>,
    ) -> (Standing, Outcome<B>) {
        let bytes = write.bytes;
        match standing {
            Standing::Collecting if self.continues(id, write.offset) => self.append(write, 0),
            Standing::Ended if bytes.starts_with(b"\n") => (Standing::Idle, Outcome::Taken(1)),
            standing => match (after_begin(bytes), standing) {
                (Some(rest), _) => self.begin(id, write, rest),
                (None, Standing::Collecting) => match self.take(id) {
                    Some(open) => refuse(Refused::Misplaced, open.line, bytes),
                    None => refuse(Refused::Late, Line::START, bytes),
                },
                (None, Standing::Failed(why)) => refuse(why, Line::START, bytes),
                (None, Standing::Idle | Standing::Ended) => {
                    (Standing::Idle, alone(bytes, self.piece_bytes))
                }
            },
        }
    }

    /// Whether a write at `offset` continues the text that `id` has begun.
    fn continues(&self, id: usize, offset: u64) -> bool {
        matches!(&self.open, Some(open) if open.id == id && open.next == offset)
    }

    /// Gives up the text that `id` has begun.
    fn take(&mut self, id: usize) -> Option<Open<B>> {
        match &self.open {
            Some(open) if open.id == id => self.open.take(),
            _ => None,
        }
    }

    fn begin(&mut self, id: usize, write: Write<'_>, rest: &[u8]) -> (Standing, Outcome<B>) {
        if let Some(open) = &self.open {
            let idle_ms = write.now_ms.saturating_sub(open.used_ms);
            if open.id != id && idle_ms < IDLE_MS {
                return refuse(Refused::Busy, Line::START, rest);
            }
        }
        self.open = Some(Open {
            id,
            next: write.offset,
            line: Line::START,
            text: B::default(),
            used_ms: write.now_ms,
        });
        self.append(write, write.bytes.len().saturating_sub(rest.len()))
    }

    /// Appends what follows the first `skipped` bytes of a write to the text that has begun.
    fn append(&mut self, write: Write<'_>, skipped: usize) -> (Standing, Outcome<B>) {
        let piece = write.bytes.get(skipped..).unwrap_or(&[]);
        let Some(mut open) = self.open.take() else {
            return refuse(Refused::Late, Line::START, piece);
        };
        let scan = open.line.scan(piece);
        let taken = skipped.saturating_add(scan.taken);
        let len_bytes = [open.text.len_bytes(), scan.held.len(), scan.text.len()]
            .into_iter()
            .fold(0, usize::saturating_add);
        if len_bytes > LIMIT_BYTES {
            return refuse(Refused::TooLong, open.line, piece);
        }
        let kept = open.text.push(scan.held);
        if kept.and_then(|()| open.text.push(scan.text)).is_err() {
            return refuse(Refused::NoMemory, open.line, piece);
        }
        match scan.end {
            End::Commit(standing) => (standing, Outcome::Complete(open.text, taken)),
            End::More(line) => {
                let step = u64::try_from(taken).unwrap_or(u64::MAX);
                open.line = line;
                open.next = write.offset.saturating_add(step);
                open.used_ms = write.now_ms;
                self.open = Some(open);
                (Standing::Collecting, Outcome::Taken(taken))
            }
        }
    }
}

/// Refuses `piece`, which follows `line`, and what is left of its text.
fn refuse<B>(why: Refused, line: Line, piece: &[u8]) -> (Standing, Outcome<B>) {
    let standing = if line.ends_in(piece) {
        Standing::Idle
    } else {
        Standing::Failed(why)
    };
    (standing, Outcome::Refused(why))
}

/// What becomes of a write that is part of nothing.
fn alone<B>(bytes: &[u8], piece_bytes: usize) -> Outcome<B> {
    match bytes.strip_prefix(COMMIT) {
        Some([] | [b'\n', ..]) => Outcome::Refused(Refused::Misplaced),
        _ if bytes.len() >= piece_bytes => Outcome::Refused(Refused::TooLong),
        _ => Outcome::Alone,
    }
}

/// What follows the line `begin` at the start of a write.
fn after_begin(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.strip_prefix(BEGIN)? {
        [] => Some(&[]),
        [b'\n', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
#[path = "transaction/tests.rs"]
mod tests;
