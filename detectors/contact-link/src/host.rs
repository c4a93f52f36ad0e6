//! Reading the host around an anchor: labels and the dots between them, judged elsewhere.

use std::ops::Range;

use crate::anchors::Anchor;
use crate::endings::{Ending, ending};
use crate::read::{self, Dot, is_label};

const LABEL_MAX: usize = 63;
/// Plain dots are skipped once read, so a long row of labels costs what it is long.
const LABELS_MAX: usize = 24;
/// Dots in words are looked at again, so a row of them must be short.
const SPOKEN_LABELS_MAX: usize = 5;
const AUTHORITY_MAX: usize = 253;

/// What could be a host.
pub struct Host {
    pub labels: Vec<Label>,
    /// Up to where there is nothing more to find if this is no host.
    pub read_to: usize,
}

/// One label of a host, in the folded text.
pub struct Label {
    pub range: Range<usize>,
    /// The dot before it; [`Dot::Plain`] for the first.
    pub dot: Dot,
    /// What it says as the ending of a domain.
    pub ending: Ending,
}

impl Host {
    /// The host around `anchor`, reading nothing before `floor`.
    pub fn read(text: &str, anchor: &Anchor, floor: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let at = anchor.range();
        match anchor {
            Anchor::Scheme(_) => Some(Self::chain(text, authority(bytes, at.end), at.end)),
            Anchor::Dotless(_) | Anchor::Spelled(_) => Some(Self {
                labels: vec![Label { range: at.clone(), dot: Dot::Plain, ending: Ending::Unknown }],
                read_to: at.end,
            }),
            Anchor::Dot(_) | Anchor::Bracketed(_) | Anchor::Word(_) => {
                if matches!(anchor, Anchor::Dot(_)) && at.len() > 1 {
                    return None;
                }
                let end = read::skip_back(bytes, at.start, floor);
                if matches!(anchor, Anchor::Word(_)) && end == at.start {
                    return None;
                }
                let start = read::run_back(bytes, end, floor, LABEL_MAX, is_label);
                let (next, dot) = read::dot(text, end)?;
                // Nearly every full stop ends here: it ends a sentence or stands in a number.
                let first = label(bytes, next)?;
                if matches!(anchor, Anchor::Word(_)) && read::DOT_WORDS.contains(&&text[start..end])
                {
                    return None;
                }
                if start == end
                    || (dot == Dot::Spaced && ending(text.get(first)?) != Ending::Strong)
                {
                    return None;
                }
                Some(Self::chain(text, start, at.end))
            }
        }
    }

    /// The bytes of the whole host.
    pub fn range(&self) -> Range<usize> {
        let start = self.labels.first().map_or(0, |label| label.range.start);
        let end = self.labels.last().map_or(start, |label| label.range.end);
        start..end
    }

    fn chain(text: &str, start: usize, anchor_end: usize) -> Self {
        let bytes = text.as_bytes();
        let mut labels = Vec::new();
        let (mut at, mut dot) = (start, Dot::Plain);
        let mut read_to = anchor_end;
        let mut spoken = false;
        while let Some(range) = label(bytes, at) {
            let end = range.end;
            let ending = text.get(range.clone()).map_or(Ending::Unknown, ending);
            labels.push(Label { range, dot, ending });
            if !spoken {
                read_to = read_to.max(end);
            }
            let Some((next, mark)) = read::dot(text, end) else { break };
            spoken |= mark != Dot::Plain;
            let max = if spoken { SPOKEN_LABELS_MAX } else { LABELS_MAX };
            // After a complete name a space ends the sentence.
            if labels.len() >= max || (mark == Dot::Spaced && labels.len() > 1) {
                break;
            }
            (at, dot) = (next, mark);
        }
        Self { labels, read_to }
    }
}

fn label(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let end = read::run(bytes, at, LABEL_MAX, is_label);
    let start = read::run(bytes, at, LABEL_MAX, |byte| byte == b'-');
    let end = read::run_back(bytes, end, start, LABEL_MAX, |byte| byte == b'-');
    (end > start).then_some(start..end)
}

/// Where the host starts after a scheme: past "user:password@", which is there to mislead.
fn authority(bytes: &[u8], at: usize) -> usize {
    let end = read::run(bytes, at, AUTHORITY_MAX, |byte| {
        !read::is_space(byte) && !b"/?#\\".contains(&byte)
    });
    bytes
        .get(at..end)
        .and_then(|all| all.iter().rposition(|byte| *byte == b'@'))
        .map_or(at, |sign| at + sign + 1)
}
