//! Diagnostics: what is wrong with a policy document, where, and how to mend it; and how a terminal
//! shows them. Which faults there are is the business of `document`, `compile` and `tiers`.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::Serialize;

use super::Whole;

/// The codes. Stable: people search for them, and a code never changes its meaning.
pub mod code {
    /// Not TOML.
    pub const SYNTAX: &str = "P001";
    /// A key that a policy does not have.
    pub const UNKNOWN_KEY: &str = "P002";
    /// A label that no stored detector reports and that the product does not name.
    pub const UNKNOWN_LABEL: &str = "P003";
    /// A key that a policy must have.
    pub const MISSING_KEY: &str = "P004";
    /// A value of another type than the key takes.
    pub const WRONG_TYPE: &str = "P005";
    /// The same key, tier, stage, modifier, event type, label or detector twice.
    pub const DUPLICATE: &str = "P006";
    /// A number outside 0..=1, or finer than a millionth.
    pub const BAD_NUMBER: &str = "P007";
    /// A word that is not among the few that the key takes.
    pub const UNKNOWN_WORD: &str = "P008";
    /// A name, label or pattern that is not shaped like one.
    pub const MALFORMED: &str = "P009";
    /// The first tier does not start at 0.
    pub const TIER_START: &str = "P010";
    /// Tiers that do not ascend, or a tier that ends before it starts.
    pub const TIER_ORDER: &str = "P011";
    /// Scores that belong to no tier.
    pub const TIER_GAP: &str = "P012";
    /// Scores that belong to two tiers.
    pub const TIER_OVERLAP: &str = "P013";
    /// A tier whose action is milder than that of the tier below.
    pub const TIER_MILDER: &str = "P014";
    /// A text or list that is empty where something must be said.
    pub const EMPTY: &str = "P015";
    /// A document, text or list beyond its limit.
    pub const TOO_LARGE: &str = "P016";
    /// Stages, a lift or a modifier's stage beside a merge that has none, or the merge without them.
    pub const STAGES: &str = "P017";
    /// A label that weighs something and belongs to no stage.
    pub const STAGELESS: &str = "P018";
    /// The weights of the stages add up to more than 1.
    pub const STAGE_WEIGHTS: &str = "P019";
    /// A label that a stage or modifier names and that has no weight.
    pub const UNWEIGHED: &str = "P020";
    /// A modifier that does not say what it adds, or says it twice.
    pub const ADDS: &str = "P021";
    /// A condition that is not CEL, or more of it than rules know.
    pub const CONDITION: &str = "P022";
    /// A variable, field, function or list that is not there.
    pub const UNKNOWN_NAME: &str = "P023";
    /// Values in a condition that do not go together.
    pub const TYPES: &str = "P024";
    /// A rule, or a part of one, that does nothing.
    pub const IDLE_RULE: &str = "P025";
    /// What lasts happens to an account and no person looks.
    pub const PERMANENT: &str = "P026";
    /// Strikes that the mildest tier gives, or that lead to something milder or without an end.
    pub const STRIKES: &str = "P027";
    /// A feature that looks at nothing, too far back, or at too much.
    pub const FEATURE: &str = "P028";
    /// A part that cannot be put in.
    pub const INCLUDE: &str = "P029";
    /// A place such as `{until}` in a text that texts do not have, or a brace that is none.
    pub const PLACEHOLDER: &str = "P040";
    /// Texts in several languages without one for everybody else.
    pub const LANGUAGES: &str = "P041";
    /// Warning: no loaded detector reports the label.
    pub const LABEL_NOT_LOADED: &str = "P101";
    /// Warning: a required detector is not loaded.
    pub const DETECTOR_NOT_LOADED: &str = "P102";
    /// Warning: no label has weight, so that every event gets the first tier.
    pub const NOTHING_WEIGHS: &str = "P103";
    /// Warning: a rule uses what an event may lack, and does not ask for it first.
    pub const UNSURE: &str = "P104";
    /// Warning: no rule asks for the list.
    pub const LIST_UNUSED: &str = "P105";
    /// Warning: no rule asks for the feature.
    pub const FEATURE_UNUSED: &str = "P106";
    /// Warning: a place in a text that no decision of the policy fills.
    pub const IDLE_PLACE: &str = "P140";
    /// Warning: texts in several languages, of which everybody gets the same.
    pub const ONE_LANGUAGE: &str = "P141";
}

/// One thing that is wrong with a policy document, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Such as `P003`; see [`code`].
    pub code: &'static str,
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The part that it is in, as the document includes it; in the document itself unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// 1-based, of the part or document.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// How many characters it is about, all on `line`; at least 1.
    pub width: usize,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Whether the policy can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.as_str(), self.code, self.message)?;
        match &self.part {
            Some(part) => write!(f, "\n --> {part}:{}:{}", self.line, self.column)?,
            None => write!(f, "\n --> {}:{}", self.line, self.column)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  = help: {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for Diagnostic {}

/// Characters of a source line that are shown: a line may be as long as the document.
const EXCERPT_CHARS: usize = 120;

/// Diagnostics as a compiler shows them: each with its line of the document and what it is about
/// underlined. `whole` was compiled; `file_name` is what to call the document, a part is called as it is
/// included.
pub fn render(file_name: &str, whole: &Whole, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let part = diagnostic.part.as_deref();
        let line = whole.line(part, diagnostic.line);
        // Writing to a string cannot fail.
        let _ = render_one(&mut out, part.unwrap_or(file_name), line, diagnostic);
    }
    out
}

fn render_one(out: &mut String, file_name: &str, line: &str, of: &Diagnostic) -> fmt::Result {
    let gutter = " ".repeat(of.line.to_string().len());
    let before = of.column.saturating_sub(1);
    // A long line is shown from shortly before what it is about.
    let skipped = if before + of.width > EXCERPT_CHARS { before.saturating_sub(20) } else { 0 };
    let plain = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let excerpt: String = line.chars().skip(skipped).take(EXCERPT_CHARS).map(plain).collect();
    let indent: String = (excerpt.chars().take(before - skipped))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = "^".repeat(of.width.clamp(1, EXCERPT_CHARS));
    writeln!(out, "{}[{}]: {}", of.severity.as_str(), of.code, of.message)?;
    writeln!(out, "{gutter}--> {file_name}:{}:{}", of.line, of.column)?;
    writeln!(out, "{gutter} |")?;
    writeln!(out, "{} | {excerpt}", of.line)?;
    writeln!(out, "{gutter} | {indent}{carets}")?;
    if let Some(hint) = &of.hint {
        writeln!(out, "{gutter} = help: {hint}")?;
    }
    writeln!(out)
}

/// Diagnostics of one document that are told: warnings make room for errors.
const DIAGNOSTICS_MAX: usize = 500;

/// Collects diagnostics while a document is checked, and knows where its bytes stand.
pub(super) struct Report<'t> {
    whole: &'t Whole,
    text: &'t str,
    /// The first byte of each line.
    lines: Vec<usize>,
    found: Vec<Diagnostic>,
}

impl<'t> Report<'t> {
    pub(super) fn new(whole: &'t Whole) -> Self {
        let text = whole.text();
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after).collect();
        Self { whole, text, lines, found: Vec::new() }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Error, span, message.into(), hint.into());
    }

    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Warning, span, message.into(), hint.into());
    }

    /// The document.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// What a message calls the line of a byte, such as `12` or `12 of shared/contacts.toml`.
    pub(super) fn line(&self, byte: usize) -> String {
        match self.whole.origin(self.line_in_text(byte)) {
            (None, line) => line.to_string(),
            (Some(part), line) => format!("{line} of {part}"),
        }
    }

    /// The 1-based line of a byte, in the whole.
    fn line_in_text(&self, byte: usize) -> usize {
        self.lines.partition_point(|&start| start <= byte)
    }

    /// Everything found, in the order of the text, and whether any of it is an error.
    pub(super) fn finish(mut self) -> (Vec<Diagnostic>, bool) {
        self.found.sort_by_key(|found| (found.severity, found.line));
        self.found.truncate(DIAGNOSTICS_MAX);
        self.found.sort_by_key(|found| (found.line, found.column, found.code));
        for found in &mut self.found {
            let (part, line) = self.whole.origin(found.line);
            (found.part, found.line) = (part.map(str::to_owned), line);
        }
        let failed = self.found.iter().any(|found| found.severity == Severity::Error);
        (self.found, failed)
    }

    fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: Range<usize>,
        message: String,
        hint: Option<String>,
    ) {
        let begin = self.text.floor_char_boundary(span.start);
        let line = self.line_in_text(begin);
        let start = self.lines[line - 1];
        let end = self.text[begin..].find('\n').map_or(self.text.len(), |length| begin + length);
        let stop = self.text.floor_char_boundary(span.end).clamp(begin, end);
        let column = self.text[start..begin].chars().count() + 1;
        let width = self.text[begin..stop].trim_end_matches('\r').chars().count().max(1);
        let part = None;
        self.found.push(Diagnostic { code, severity, message, part, line, column, width, hint });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, span: Range<usize>) -> Diagnostic {
        let whole = Whole::alone(text);
        let mut report = Report::new(&whole);
        report.error(code::SYNTAX, span, "wrong", None);
        report.finish().0.remove(0)
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\r\né = \"ü\"\n";
        let place = |span| {
            let found = one(text, span);
            (found.line, found.column, found.width)
        };
        assert_eq!(place(0..1), (1, 1, 1));
        assert_eq!(place(4..20), (1, 5, 1), "cut at the end of its line");
        assert_eq!(place(12..16), (2, 5, 3), "characters, not bytes");
        assert_eq!(place(text.len()..text.len()), (3, 1, 1), "the end of the text");
        assert_eq!(place(90..99), (3, 1, 1), "never beyond it");
    }

    #[test]
    fn rendering_underlines_what_it_is_about() {
        let text = "name = \"x\"\n\tmegre = \"max\"\n";
        let whole = Whole::alone(text);
        let mut report = Report::new(&whole);
        let hint = Some("did you mean `merge`?".to_owned());
        report.error(code::UNKNOWN_KEY, 12..17, "unknown key `megre`", hint);
        let (found, failed) = report.finish();
        assert!(failed);
        assert_eq!(
            render("q.toml", &whole, &found),
            "error[P002]: unknown key `megre`\n --> q.toml:2:2\n  |\n2 | \tmegre = \"max\"\n  | \t^^^^^\n  \
             = help: did you mean `merge`?\n\n"
        );
        assert_eq!(
            found[0].to_string(),
            "error[P002]: unknown key `megre`\n --> 2:2\n  = help: did you mean `merge`?"
        );
    }

    #[test]
    fn a_long_line_and_a_foreign_text_are_shown_without_harm() {
        let line = format!("{}\u{1b}[31m{}", "x".repeat(500), "y".repeat(500));
        let shown = render("q.toml", &Whole::alone(&line), &[one(&line, 500..505)]);
        assert!(!shown.contains('\u{1b}') && shown.lines().all(|line| line.len() < 200), "{shown}");
        let other = render("q.toml", &Whole::alone("short"), &[one(&line, 900..1_000)]);
        assert!(other.contains("q.toml:1:901"));
    }
}
