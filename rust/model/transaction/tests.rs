// SPDX-License-Identifier: GPL-2.0

//! Texts in one write and in many.

#![cfg(test)]

use super::*;

/// What is written at once comes in pieces of this many bytes.
const PIECE: usize = 4096;

impl Buffer for Vec<u8> {
    fn len_bytes(&self) -> usize {
        self.len()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        // A text that says so finds no memory.
        if bytes.starts_with(b"no memory") {
            return Err(NoMemory);
        }
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// What was applied, or why not.
type Applied = Vec<Result<String, Refused>>;

/// An open file, as the kernel and a program that writes all it has use it.
struct File {
    mark: Mark,
    offset: u64,
}

impl File {
    fn new(id: usize) -> Self {
        let mark = Mark::from_bits(0);
        assert_eq!((mark.id, mark.standing), (0, Standing::Idle));
        File {
            mark: Mark { id, ..mark },
            offset: 0,
        }
    }

    /// Writes all of `text`, in pieces of at most `piece` bytes, until something is refused.
    fn write(
        &mut self,
        to: &mut Collector<Vec<u8>>,
        now_ms: u64,
        text: &str,
        piece: usize,
    ) -> Applied {
        let mut applied = Applied::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let bytes = &rest[..rest.len().min(piece)];
            let write = Write {
                offset: self.offset,
                bytes,
                now_ms,
            };
            let (standing, outcome) = to.write(self.mark.id, self.mark.standing, write);
            self.mark.standing = standing;
            self.mark = Mark::from_bits(self.mark.bits());
            assert_eq!(self.mark.standing, standing);
            let taken = match outcome {
                Outcome::Taken(taken) => taken,
                Outcome::Alone => {
                    applied.push(Ok(String::from_utf8(bytes.into()).expect("a text")));
                    bytes.len()
                }
                Outcome::Complete(text, taken) => {
                    applied.push(Ok(String::from_utf8(text).expect("a text")));
                    taken
                }
                Outcome::Refused(why) => {
                    applied.push(Err(why));
                    return applied;
                }
            };
            assert!((1..=bytes.len()).contains(&taken));
            self.offset += taken as u64;
            rest = &rest[taken..];
        }
        applied
    }
}

fn applied(texts: &[&str]) -> Applied {
    texts.iter().map(|&text| Ok(text.to_owned())).collect()
}

fn new() -> Collector<Vec<u8>> {
    Collector::new(PIECE)
}

#[test]
fn a_write_without_begin_is_a_text_by_itself() {
    let (mut to, mut file) = (new(), File::new(1));
    for text in [
        "add\n",
        "add",
        "\n",
        " begin\n",
        "beginning\n",
        "add\nbegin\ncommit\n",
        "commitment\n",
    ] {
        assert_eq!(file.write(&mut to, 0, text, PIECE), applied(&[text]));
    }
    let longest = "x".repeat(PIECE - 1);
    assert_eq!(
        file.write(&mut to, 0, &longest, PIECE),
        applied(&[&longest])
    );
}

#[test]
fn a_text_that_may_have_been_cut_is_not_taken() {
    let (mut to, mut file) = (new(), File::new(1));
    let text = "x".repeat(PIECE);
    assert_eq!(
        file.write(&mut to, 0, &text, PIECE),
        [Err(Refused::TooLong)]
    );
    assert_eq!(file.write(&mut to, 0, "add\n", PIECE), applied(&["add\n"]));
}

#[test]
fn a_text_from_begin_to_commit_is_one_however_it_is_cut() {
    let body = "add 1\ncom\ncommit 2\n commit\ncommits\nbegin\n\nx\n";
    for piece in 6..80 {
        for end in ["commit\n", "commit"] {
            let (mut to, mut file) = (new(), File::new(1));
            let text = format!("begin\n{body}{end}");
            // A cut right behind these letters is an end of the text: programs do not cut there.
            let is_unlucky = body
                .match_indices("\ncommit")
                .any(|(at, word)| (6 + at + word.len()) % piece == 0);
            if is_unlucky {
                continue;
            }
            assert_eq!(
                file.write(&mut to, 0, &text, piece),
                applied(&[body]),
                "{piece} {end:?}"
            );
            let after = file.write(&mut to, 0, "add\n", PIECE);
            assert_eq!(after, applied(&["add\n"]), "{piece} {end:?}");
        }
    }
}

#[test]
fn a_text_may_be_empty() {
    for text in ["begin\ncommit\n", "begin\ncommit"] {
        let (mut to, mut file) = (new(), File::new(1));
        assert_eq!(file.write(&mut to, 0, text, PIECE), applied(&[""]));
    }
    let (mut to, mut file) = (new(), File::new(1));
    assert_eq!(file.write(&mut to, 0, "begin", PIECE), []);
    assert_eq!(file.write(&mut to, 0, "commit", PIECE), applied(&[""]));
}

#[test]
fn the_line_end_of_commit_may_come_by_itself() {
    let (mut to, mut file) = (new(), File::new(1));
    assert_eq!(
        file.write(&mut to, 0, "begin\na\ncommit", PIECE),
        applied(&["a\n"])
    );
    assert_eq!(file.write(&mut to, 0, "\nb\n", PIECE), applied(&["b\n"]));
    assert_eq!(file.write(&mut to, 0, "\n", PIECE), applied(&["\n"]));
}

#[test]
fn what_follows_commit_is_as_if_written_next() {
    let (mut to, mut file) = (new(), File::new(1));
    let text = "begin\na\ncommit\nb\n";
    assert_eq!(
        file.write(&mut to, 0, text, PIECE),
        applied(&["a\n", "b\n"])
    );
    let text = "begin\na\ncommit\nbegin\nb\ncommit\n";
    assert_eq!(
        file.write(&mut to, 0, text, PIECE),
        applied(&["a\n", "b\n"])
    );
}

#[test]
fn a_text_may_be_long_but_has_a_limit() {
    let (mut to, mut file) = (new(), File::new(1));
    let longest = "12345678901234\n".repeat(LIMIT_BYTES / 15);
    let text = format!("begin\n{longest}commit\n");
    assert_eq!(file.write(&mut to, 0, &text, PIECE), applied(&[&longest]));
    let text = format!("begin\n{longest}{}\ncommit\n", "x".repeat(PIECE));
    assert_eq!(
        file.write(&mut to, 0, &text, PIECE),
        [Err(Refused::TooLong)]
    );
    // What is left of it is not taken for texts by themselves.
    for text in ["del 1\n", "\n", "commit\n"] {
        assert_eq!(file.write(&mut to, 0, text, PIECE), [Err(Refused::TooLong)]);
    }
    assert_eq!(file.write(&mut to, 0, "add\n", PIECE), applied(&["add\n"]));
}

#[test]
fn one_open_file_at_a_time_collects_a_text() {
    let (mut to, mut first, mut second) = (new(), File::new(1), File::new(2));
    assert_eq!(first.write(&mut to, 5, "begin\na\n", PIECE), []);
    let busy = [Err(Refused::Busy)];
    assert_eq!(second.write(&mut to, 5, "begin\n", PIECE), busy);
    assert_eq!(second.write(&mut to, 5, "x\n", PIECE), busy);
    assert_eq!(second.write(&mut to, 5, "begin\nx\ncommit\n", PIECE), busy);
    // The last one was refused whole, so this is another text.
    assert_eq!(second.write(&mut to, 5, "y\n", PIECE), applied(&["y\n"]));
    assert_eq!(first.write(&mut to, IDLE_MS, "b\n", PIECE), []);
    let late = IDLE_MS + IDLE_MS - 1;
    assert_eq!(second.write(&mut to, late, "begin\n", PIECE), busy);
    assert_eq!(second.write(&mut to, late + 1, "begin\nz\n", PIECE), []);
    let lost = [Err(Refused::Late)];
    assert_eq!(first.write(&mut to, late + 1, "c\n", PIECE), lost);
    assert_eq!(first.write(&mut to, late + 1, "commit\n", PIECE), lost);
    assert_eq!(
        first.write(&mut to, late + 1, "d\n", PIECE),
        applied(&["d\n"])
    );
    assert_eq!(
        second.write(&mut to, late + 2, "commit\n", PIECE),
        applied(&["z\n"])
    );
}

#[test]
fn a_text_that_nobody_continues_stays_without_effect() {
    let (mut to, mut first, mut second) = (new(), File::new(1), File::new(2));
    assert_eq!(first.write(&mut to, 0, "begin\na\n", PIECE), []);
    assert_eq!(second.write(&mut to, 1, "b\n", PIECE), applied(&["b\n"]));
    let text = "begin\nc\ncommit\n";
    assert_eq!(
        second.write(&mut to, IDLE_MS, text, PIECE),
        applied(&["c\n"])
    );
}

#[test]
fn a_write_elsewhere_ends_the_text() {
    let (mut to, mut file) = (new(), File::new(1));
    let misplaced = [Err(Refused::Misplaced)];
    assert_eq!(file.write(&mut to, 0, "begin\na\n", PIECE), []);
    file.offset += 1;
    assert_eq!(file.write(&mut to, 0, "b\n", PIECE), misplaced);
    file.offset -= 1;
    assert_eq!(file.write(&mut to, 0, "b\ncommit\n", PIECE), misplaced);
    assert_eq!(file.write(&mut to, 0, "commit\n", PIECE), misplaced);
    // A new start from elsewhere is none.
    assert_eq!(file.write(&mut to, 0, "begin\na\n", PIECE), []);
    file.offset = 0;
    let text = "begin\nb\ncommit\n";
    assert_eq!(file.write(&mut to, 0, text, PIECE), applied(&["b\n"]));
}

#[test]
fn memory_that_runs_out_ends_the_text() {
    let (mut to, mut file) = (new(), File::new(1));
    let nothing = [Err(Refused::NoMemory)];
    assert_eq!(file.write(&mut to, 0, "begin\na\n", PIECE), []);
    assert_eq!(file.write(&mut to, 0, "no memory\n", PIECE), nothing);
    assert_eq!(file.write(&mut to, 0, "b\n", PIECE), nothing);
    assert_eq!(file.write(&mut to, 0, "commit\n", PIECE), nothing);
    assert_eq!(file.write(&mut to, 0, "add\n", PIECE), applied(&["add\n"]));
}

#[test]
fn a_mark_is_read_as_it_was_made() {
    for bits in (0..64).chain(usize::MAX - 64..=usize::MAX) {
        assert_eq!(Mark::from_bits(bits).bits(), bits);
    }
    assert_eq!(Mark::from_bits(usize::MAX).id, Mark::MAX_ID);
}
