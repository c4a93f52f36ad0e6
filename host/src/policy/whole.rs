//! A document and the parts that it includes as one text. What judges, is numbered and is replayed is the
//! whole, so a part that changes makes a new version; and each line of it knows where it was written.

#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::path::{Component, Path};

use toml::Spanned;
use toml::de::DeTable;
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::compile::check_list;
use super::diagnostic::{Diagnostic, Report, code};
use super::values::texts;
use super::words::quote;

/// The key that names the parts.
pub(super) const INCLUDE: &str = "include";
const PARTS_MAX: usize = 16;

/// A document with its parts put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    text: String,
    /// Of each line of the text.
    lines: Vec<Place>,
    /// Where lines come from: the document, then its parts.
    files: Vec<File>,
    /// Why parts could not be put in. Then the text is that of the document.
    faults: Vec<Diagnostic>,
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    file: usize,
    /// From 0.
    line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    /// As the document names it; the document itself has none.
    part: Option<String>,
    text: String,
}

impl Whole {
    /// A document without parts.
    pub fn alone(text: &str) -> Self {
        Self::of_one(File { part: None, text: text.to_owned() })
    }

    /// A document and what its `include` names. `read` reads a part by its path as it is written.
    /// Whatever is wrong with it is said by the compiler.
    pub fn assemble(text: &str, mut read: impl FnMut(&str) -> io::Result<String>) -> Self {
        let document = Self::alone(text);
        let mut report = Report::new(&document);
        // Where the document is no TOML the compiler says so.
        let (table, _) = DeTable::parse_recoverable(text);
        let Some((key, value)) = table.get_ref().get_key_value(INCLUDE) else { return document };
        let Some(named) = texts(INCLUDE, value, &mut report) else {
            return Self { faults: report.finish().0, ..document.clone() };
        };
        let named = Spanned::new(value.span(), named);
        check_list(&named, INCLUDE, PARTS_MAX, &mut report);
        let mut parts = Vec::new();
        for name in named.get_ref().iter().take(PARTS_MAX) {
            match part(name.get_ref(), &mut read) {
                Ok(part) => parts.push(part),
                Err((message, hint)) => report.error(code::INCLUDE, name.span(), message, hint),
            }
        }
        let mut faults = report.finish().0;
        for part in &parts {
            faults.extend(faults_of(part));
        }
        if !faults.is_empty() {
            let files = document.files.iter().cloned().chain(parts).collect();
            return Self { faults, files, ..document.clone() };
        }
        let include = line_of(text, key.span().start)..line_of(text, value.span().end) + 1;
        put_in(text, include, parts)
    }

    /// What judges, and what a digest is of.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn has_parts(&self) -> bool {
        self.files.len() > 1
    }

    /// Why parts could not be put in.
    pub fn faults(&self) -> &[Diagnostic] {
        &self.faults
    }

    /// Where a line of the text was written: the part, if it is in one, and the line there. Both lines are
    /// counted from 1.
    pub(super) fn origin(&self, line: usize) -> (Option<&str>, usize) {
        // The end of the text has a line of its own, which is the document's.
        let end = Place { file: 0, line: line - 1 };
        let place = self.lines.get(line - 1).copied().unwrap_or(end);
        (self.files[place.file].part.as_deref(), place.line + 1)
    }

    /// A line as it was written, by what [`Whole::origin`] says of it.
    pub(super) fn line(&self, part: Option<&str>, line: usize) -> &str {
        let file = self.files.iter().find(|file| file.part.as_deref() == part);
        file.and_then(|file| file.text.lines().nth(line.checked_sub(1)?)).unwrap_or("")
    }

    fn of_one(file: File) -> Self {
        let lines = (0..file.text.lines().count()).map(|line| Place { file: 0, line }).collect();
        Self { text: file.text.clone(), lines, files: vec![file], faults: Vec::new() }
    }
}

/// A part, or what is wrong with it and how to mend that.
fn part(
    name: &str,
    read: &mut impl FnMut(&str) -> io::Result<String>,
) -> Result<File, (String, String)> {
    let path = Path::new(name);
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    let in_a_folder = path.components().count() > 1;
    if !(below && in_a_folder && path.extension().is_some_and(|ending| ending == "toml")) {
        let hint = "write the path of a .toml file in a folder beside the policy, such as \
                    `shared/contacts.toml`: what lies beside it is a policy itself";
        return Err((format!("{} is not a part", quote(name)), hint.to_owned()));
    }
    let text = read(name).map_err(|error| {
        let hint = "it is looked for from the folder of the policy on".to_owned();
        (format!("the part {} cannot be read: {error}", quote(name)), hint)
    })?;
    Ok(File { part: Some(name.to_owned()), text })
}

/// What is wrong with a part by itself.
fn faults_of(part: &File) -> Vec<Diagnostic> {
    let alone = Whole::of_one(part.clone());
    let mut report = Report::new(&alone);
    if let Some(table) = super::document::parse(&part.text, &mut report)
        && let Some((key, _)) = table.get_key_value(INCLUDE)
    {
        let hint = "name all parts in the policy, where one sees them".to_owned();
        report.error(code::INCLUDE, key.span(), "a part includes no others", hint);
    }
    report.finish().0
}

/// Lines under one header, or before the first.
struct Section<'t> {
    /// Without blanks, such as `[weights]` and `[[rules]]`.
    header: Option<String>,
    lines: Vec<(&'t str, Place)>,
    /// How many of them are the header and what is said of it above.
    head: usize,
}

fn put_in(text: &str, include: Range<usize>, parts: Vec<File>) -> Whole {
    let files: Vec<File> =
        std::iter::once(File { part: None, text: text.to_owned() }).chain(parts).collect();
    let at = Place { file: 0, line: include.start };
    let told: Vec<String> = (files.iter())
        .map(|file| format!("# From {}:", file.part.as_deref().unwrap_or_default()))
        .collect();
    let mut sections = sections(text, 0);
    sections[0].lines.retain(|(_, place)| !include.contains(&place.line));
    for (number, file) in files.iter().enumerate().skip(1) {
        let mut new = Vec::new();
        for section in self::sections(&file.text, number) {
            let header = section.head.checked_sub(1);
            let lines = section.lines.iter().enumerate();
            let own = lines.filter(|(at, _)| Some(*at) != header).map(|(_, line)| *line);
            match sections.iter_mut().find(|known| section.continues(known)) {
                Some(_) if section.is_blank() => {}
                Some(known) => {
                    known.lines.extend(std::iter::once((told[number].as_str(), at)).chain(own));
                }
                None => new.push(section),
            }
        }
        if let Some(first) = new.first_mut() {
            first.lines.splice(0..0, [("", at), (told[number].as_str(), at)]);
            first.head += 2;
        }
        sections.extend(new);
    }
    let lines = sections.into_iter().flat_map(|section| section.lines);
    let mut text = String::new();
    let mut places = Vec::new();
    for (line, place) in lines {
        text.push_str(line);
        text.push('\n');
        places.push(place);
    }
    Whole { text, lines: places, files, faults: Vec::new() }
}

impl Section<'_> {
    /// Whether a table goes on that another file has begun. One of a list is always a new one.
    fn continues(&self, other: &Self) -> bool {
        let is_list = self.header.as_ref().is_some_and(|header| header.starts_with("[["));
        self.header == other.header && !is_list
    }

    fn is_blank(&self) -> bool {
        self.lines.iter().skip(self.head).all(|(line, _)| line.trim().is_empty())
    }
}

/// The sections of a text, the first of them without a header. What is said in lines above a header belongs
/// to it.
fn sections(text: &str, file: usize) -> Vec<Section<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let headers = headers(text);
    let begins = |header: usize| {
        let said = lines[..header].iter().rev().take_while(|line| line.starts_with('#')).count();
        header - said
    };
    let ends = headers.iter().map(|(line, _)| begins(*line)).chain([lines.len()]);
    let starts = std::iter::once((None, 0, 0)).chain(headers.iter().map(|(line, header)| {
        let begin = begins(*line);
        (Some(header.clone()), begin, line - begin + 1)
    }));
    let section = |((header, begin, head), end): ((Option<String>, usize, usize), usize)| {
        let line = |line: usize| (lines[line], Place { file, line });
        Section { header, lines: (begin..end.max(begin)).map(line).collect(), head }
    };
    starts.zip(ends).map(section).collect()
}

/// The headers of a text, each with its line.
fn headers(text: &str) -> Vec<(usize, String)> {
    let (mut headers, mut depth, mut fresh) = (Vec::new(), 0_usize, true);
    let mut open = None;
    for token in Source::new(text).lex() {
        let span = token.span();
        match token.kind() {
            TokenKind::Newline => {
                fresh = true;
                continue;
            }
            TokenKind::Whitespace => continue,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                if depth == 0 && fresh {
                    open = Some(span.start());
                }
                depth += 1;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                depth = depth.saturating_sub(1);
                if let Some(start) = open.take_if(|_| depth == 0) {
                    let header = text[start..span.end()].split_whitespace().collect();
                    headers.push((line_of(text, start), header));
                }
            }
            _ => {}
        }
        fresh = false;
    }
    headers
}

/// The line of a byte, from 0.
fn line_of(text: &str, byte: usize) -> usize {
    text[..byte].matches('\n').count()
}
