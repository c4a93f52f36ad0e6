//! Where words begin and end: a text cut into words and marks, before anything is looked up.

/// A run of letters between separators, or a single mark.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub start: usize,
    pub end: usize,
    pub is_word: bool,
    /// Whether one separator at most stands between it and the piece before.
    pub near: bool,
}

/// Cuts a text into words and marks.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len() / 5 + 1);
    let (mut at, mut gap) = (0, 0);
    while at < text.len() {
        let start = at;
        loop {
            match word_width(text, start, at) {
                0 => break,
                width => at += width,
            }
        }
        let is_word = at > start;
        if !is_word {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            // A blank, or a dot inside `call.me`, parts words and no more.
            if is_blank(text.as_bytes(), start) {
                gap += 1;
                continue;
            }
        }
        pieces.push(Piece { start, end: at, is_word, near: gap <= 1 });
        gap = 0;
    }
    pieces
}

/// The width of the character at `at` if it belongs to a word that began at `start`, else 0.
fn word_width(text: &str, start: usize, at: usize) -> usize {
    let bytes = text.as_bytes();
    let Some(&byte) = bytes.get(at) else { return 0 };
    match byte {
        _ if byte.is_ascii_alphanumeric() => 1,
        // `ca$h` and `c@sh`, but not `$50`.
        b'$' | b'@' => {
            let inside = at > start && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
            usize::from(inside && bytes[at - 1].is_ascii_alphabetic())
        }
        b'\'' => contraction(bytes, start, at, 1),
        _ if byte.is_ascii() => 0,
        _ => match text[at..].chars().next() {
            Some('’') => contraction(bytes, start, at, 3),
            Some(letter) if letter.is_alphanumeric() => letter.len_utf8(),
            _ => 0,
        },
    }
}

/// `width`, if the apostrophe at `at` belongs to its word, as in `don't`. The one of `m'appelle`
/// parts two words.
fn contraction(bytes: &[u8], start: usize, at: usize, width: usize) -> usize {
    let rest = &bytes[at + width..];
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).take(3).count();
    let known = matches!(&rest[..letters], b"t" | b"s" | b"m" | b"d" | b"re" | b"ll" | b"ve");
    if at > start && known { width } else { 0 }
}

fn is_blank(bytes: &[u8], at: usize) -> bool {
    let letter =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    match bytes[at] {
        b' ' | b'\t' | b'\r' | b'-' | b'_' | b'*' | b'/' | b'~' | b'\'' => true,
        b'.' => letter(at.checked_sub(1)) && letter(at.checked_add(1)),
        _ => false,
    }
}
