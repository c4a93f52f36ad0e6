//! What one character looks like, without looking at its neighbours.

use super::Kind;
use super::tables::{LATIN, LATIN_MORE, STYLED, TWINS, ZEROS};

/// How a character that is not printable ASCII reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As itself: emoji, letters without case, anything unknown.
    Same,
    /// As its lower-case form.
    Lower(char),
    /// As one ASCII byte.
    Byte(u8, Kind),
    /// As several ASCII bytes.
    Bytes(&'static str, Kind),
    /// A letter of another script; which ASCII byte it looks like, where it looks like one.
    Foreign(Option<u8>, char),
    /// It cannot be seen.
    Hidden,
    /// It sits on the character before it; an overlay strikes that through.
    Mark { overlay: bool },
    /// The box of a keycap, around the character before it.
    Box,
    /// One half of a flag, `0` for A.
    Regional(u8),
    /// The raised `o` or `a` of `nº`, which must not be read as a letter after a digit.
    Ordinal(u8),
}

/// How `c` reads. `c` is not printable ASCII.
pub(super) fn read(c: char) -> Reading {
    use Kind::{Fullwidth, Keycap, Plain};
    use Reading::{Bytes, Hidden, Mark, Same};
    let code = c as u32;
    if (0x370..0x483).contains(&code) || (0x488..0x530).contains(&code) {
        return Reading::Foreign(twin(c), lower(c));
    }
    match code {
        0..=0x7F | 0x80..=0x84 | 0x86..=0x9F => Hidden,
        0x34F => Hidden,
        0x85 | 0x2028 | 0x2029 => plain(b'\n'),
        0xA0 | 0x2000..=0x200A | 0x202F | 0x205F | 0x2800 | 0x3000 => plain(b' '),
        0xAA => Reading::Ordinal(b'a'),
        0xBA => Reading::Ordinal(b'o'),
        0xB2 | 0xB3 => styled(b'0' + offset(code, 0xB0)),
        0xB9 => styled(b'1'),
        0xB7 | 0x2024 | 0x2027 | 0x2219 | 0x22C5 | 0x3002 | 0xFF61 => plain(b'.'),
        0xC0..=0x24F => latin(c, LATIN[(code - 0xC0) as usize]),
        0x2B9..=0x2BD | 0x2C8 | 0x2018..=0x201B | 0x2032 => plain(b'\''),
        0x201C..=0x201F | 0x2033 | 0xAB | 0xBB => plain(b'"'),
        0x2D7 | 0x2010..=0x2015 | 0x2212 | 0xFE58 | 0xFE63 | 0x2043 => plain(b'-'),
        0x2044 | 0x2215 => plain(b'/'),
        0x2236 => plain(b':'),
        0x2026 => Bytes("...", Plain),
        0x20E3 => Reading::Box,
        0x334..=0x338 | 0x20D2 | 0x20D3 | 0x20D8..=0x20DA | 0x20DD..=0x20E0 | 0x20E5..=0x20EB => {
            Mark { overlay: true }
        }
        0x300..=0x36F
        | 0x483..=0x487
        | 0x1AB0..=0x1AFF
        | 0x1DC0..=0x1DFF
        | 0x20D0..=0x20F0
        | 0xFE20..=0xFE2F => Mark { overlay: false },
        0xAD | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F => Hidden,
        0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F => Hidden,
        0xFEFF | 0xFFA0 | 0xFFF9..=0xFFFC | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF => Hidden,
        0x1E00..=0x1EFF => latin(c, LATIN_MORE[(code - 0x1E00) as usize]),
        0x250..=0x2FF
        | 0x1D00..=0x1DBF
        | 0x2070..=0x209C
        | 0x2100..=0x2188
        | 0x2C60..=0x2C7F
        | 0xA720..=0xA7FF => letter_like(c),
        0x2460..=0x24FF | 0x2776..=0x2793 | 0x1F100..=0x1F189 => enclosed(code),
        0xFB00..=0xFB06 => {
            Bytes(["ff", "fi", "fl", "ffi", "ffl", "st", "st"][(code - 0xFB00) as usize], Plain)
        }
        0xFF01..=0xFF5E => {
            let byte = (b'!' + offset(code, 0xFF01)).to_ascii_lowercase();
            // Wide punctuation is how Chinese and Japanese are typed; wide letters and digits are not.
            let disguise = byte.is_ascii_alphanumeric() || b"@._-+/".contains(&byte);
            Reading::Byte(byte, if disguise { Fullwidth } else { Plain })
        }
        0xFE52 => plain(b'.'),
        0xFE6B => Reading::Byte(b'@', Fullwidth),
        0x1D400..=0x1D6A3 => styled(b'a' + ((code - 0x1D400) % 26) as u8),
        0x1D7CE..=0x1D7FF => styled(b'0' + ((code - 0x1D7CE) % 10) as u8),
        0x1F1E6..=0x1F1FF => Reading::Regional(offset(code, 0x1F1E6)),
        0x1F51F => Bytes("10", Keycap),
        0x530..=0x58F | 0x13A0..=0x13FF | 0xA4D0..=0xA4FF => Reading::Foreign(twin(c), lower(c)),
        // Nothing in these blocks has case or a value: ideographs, Hangul, symbols, emoji.
        0x2190..=0x2BFF | 0x2E80..=0xA4CF | 0xAC00..=0xDFFF | 0x1F000..=0x1FBEF => Same,
        _ => {
            digit(code).map_or_else(|| same_or_lower(c), |digit| Reading::Byte(digit, Kind::Digit))
        }
    }
}

const fn plain(byte: u8) -> Reading {
    Reading::Byte(byte, Kind::Plain)
}

const fn styled(byte: u8) -> Reading {
    Reading::Byte(byte, Kind::Stylised)
}

/// The place of `code` in a block that starts at `first`; no block asked for has more than 256.
const fn offset(code: u32, first: u32) -> u8 {
    (code - first) as u8
}

fn latin(c: char, bare: u8) -> Reading {
    match (bare, c) {
        (_, 'ß' | 'ẞ') => Reading::Bytes("ss", Kind::Plain),
        (_, 'Æ' | 'æ' | 'Ǽ' | 'ǽ' | 'Ǣ' | 'ǣ') => Reading::Bytes("ae", Kind::Plain),
        (_, 'Œ' | 'œ') => Reading::Bytes("oe", Kind::Plain),
        (_, 'Þ' | 'þ') => Reading::Bytes("th", Kind::Plain),
        (_, 'Ĳ' | 'ĳ') => Reading::Bytes("ij", Kind::Plain),
        // A multiplication sign between figures says that they are measurements.
        (_, '×') => plain(b'x'),
        (b'.', _) => same_or_lower(c),
        (bare, _) => plain(bare),
    }
}

fn letter_like(c: char) -> Reading {
    match c {
        '№' => return Reading::Bytes("no", Kind::Plain),
        '℡' => return Reading::Bytes("tel", Kind::Stylised),
        _ => {}
    }
    if let Ok(at) = STYLED.binary_search_by_key(&c, |entry| entry.0) {
        return styled(STYLED[at].1);
    }
    twin(c).map_or_else(|| same_or_lower(c), |twin| Reading::Foreign(Some(twin), c))
}

/// Circled, bracketed, dotted and squared digits and letters.
fn enclosed(code: u32) -> Reading {
    const NUMBERS: [&str; 21] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
        "17", "18", "19", "20",
    ];
    let number = |first: u32, value: u32| {
        Reading::Bytes(NUMBERS[(value + code - first) as usize], Kind::Stylised)
    };
    let letter = |first: u32| styled(b'a' + offset(code, first));
    match code {
        0x2460..=0x2473 => number(0x2460, 1),
        0x2474..=0x2487 => number(0x2474, 1),
        0x2488..=0x249B => number(0x2488, 1),
        0x249C..=0x24B5 => letter(0x249C),
        0x24B6..=0x24CF => letter(0x24B6),
        0x24D0..=0x24E9 => letter(0x24D0),
        0x24EA | 0x24FF => number(code, 0),
        0x24EB..=0x24F4 => number(0x24EB, 11),
        0x24F5..=0x24FE => number(0x24F5, 1),
        0x2776..=0x277F => number(0x2776, 1),
        0x2780..=0x2789 => number(0x2780, 1),
        0x278A..=0x2793 => number(0x278A, 1),
        0x1F100 | 0x1F10B | 0x1F10C => number(code, 0),
        0x1F101..=0x1F10A => number(0x1F101, 0),
        0x1F110..=0x1F129 => letter(0x1F110),
        0x1F130..=0x1F149 => letter(0x1F130),
        0x1F150..=0x1F169 => letter(0x1F150),
        0x1F170..=0x1F189 => letter(0x1F170),
        _ => Reading::Same,
    }
}

fn digit(code: u32) -> Option<u8> {
    let zero = ZEROS[ZEROS.partition_point(|&zero| zero <= code).checked_sub(1)?];
    (code - zero < 10).then(|| b'0' + offset(code, zero))
}

fn twin(c: char) -> Option<u8> {
    match GREEK_CYRILLIC.get((c as usize).wrapping_sub(0x370)) {
        Some(&twin) => (twin > 0).then_some(twin),
        None => TWINS.binary_search_by_key(&c, |entry| entry.0).ok().map(|at| TWINS[at].1),
    }
}

/// The twins of U+0370..U+0530 by code point, 0 for none: prose in these scripts asks for each letter.
static GREEK_CYRILLIC: [u8; 0x1C0] = {
    let mut table = [0; 0x1C0];
    let mut at = 0;
    while at < TWINS.len() {
        let code = TWINS[at].0 as usize;
        if code >= 0x370 && code < 0x530 {
            table[code - 0x370] = TWINS[at].1;
        }
        at += 1;
    }
    table
};

fn same_or_lower(c: char) -> Reading {
    let lower = lower(c);
    if lower == c { Reading::Same } else { Reading::Lower(lower) }
}

/// The lower-case form, or the character itself where that is not one character.
fn lower(c: char) -> char {
    match c as u32 {
        0x410..=0x42F | 0x391..=0x3A1 | 0x3A3..=0x3A9 => shifted(c, 0x20),
        0x400..=0x40F => shifted(c, 0x50),
        0x430..=0x45F | 0x3AC..=0x3CE => c,
        _ => {
            let mut forms = c.to_lowercase();
            match (forms.next(), forms.next()) {
                (Some(only), None) => only,
                _ => c,
            }
        }
    }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(c as u32 + by).unwrap_or(c)
}
