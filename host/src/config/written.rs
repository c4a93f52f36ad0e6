//! What is written, before it means anything: which keys there are, where a fault is, and what a
//! variable's text is as the type of its key.

use toml::de::DeTable;

use super::{Config, ConfigError};

/// Variables of the command line, which are no keys of the file.
pub(super) const OTHER_VARIABLES: [&str; 4] = ["config", "key", "server", "log"];

/// The keys and a value of each, for its type.
pub(super) fn known_keys() -> toml::Table {
    toml::Table::try_from(Config::default()).expect("the configuration is plain TOML")
}

pub(super) fn check_keys(file: &str, text: &str, known: &toml::Table) -> Result<(), ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        return Err(at_line(file, text, error));
    }
    let at = |offset: usize| format!("{file}:{}", line_of(text, offset));
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        if !known.contains_key(name) {
            let problem = unknown(name, known, &str::to_owned);
            return Err(ConfigError { place: at(key.span().start), problem });
        }
        // Whatever follows the head of a table belongs to it, which is seldom what was meant.
        let inner = value.get_ref().as_table();
        let mut strays = inner.into_iter().flatten().filter(|(inner, value)| {
            known.contains_key(&**inner.get_ref()) && value.get_ref().as_table().is_none()
        });
        if let Some((stray, _)) = strays.next() {
            let problem = format!(
                "`{}` is read as part of `{name}`: write it above the line `[{name}]`",
                stray.get_ref()
            );
            return Err(ConfigError { place: at(stray.span().start), problem });
        }
    }
    Ok(())
}

pub(super) fn unknown(key: &str, known: &toml::Table, write: &dyn Fn(&str) -> String) -> String {
    let nearest = known
        .keys()
        .max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
    match nearest {
        Some(nearest) => {
            format!("unknown key `{}`; did you mean `{}`?", write(key), write(nearest))
        }
        None => format!("unknown key `{key}`"),
    }
}

pub(super) fn at_line(file: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map(|span| line_of(text, span.start));
    let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    ConfigError { place, problem: error.message().to_owned() }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// A variable's text as the type that its key has.
pub(super) fn variable(text: &str, kind: &toml::Value) -> Result<toml::Value, String> {
    match kind {
        toml::Value::Integer(_) => text
            .parse()
            .map(toml::Value::Integer)
            .map_err(|_| format!("`{text}` is not a whole number")),
        toml::Value::Boolean(_) => text
            .parse()
            .map(toml::Value::Boolean)
            .map_err(|_| format!("`{text}` is not true or false")),
        toml::Value::Table(_) => table(text),
        toml::Value::Array(_) => list(text),
        _ => Ok(toml::Value::String(text.to_owned())),
    }
}

/// A table as TOML writes it in one line. The text is not quoted in the error: it may be long.
fn table(text: &str) -> Result<toml::Value, String> {
    let wrong = |why: &str| {
        format!("is not a table in one line, such as {{ alice = \"...\", bob = \"...\" }}: {why}")
    };
    match text.parse().map_err(|error: toml::de::Error| wrong(error.message()))? {
        table @ toml::Value::Table(_) => Ok(table),
        other => Err(wrong(&format!("it is of the type {}", other.type_str()))),
    }
}

/// A list as TOML writes it in one line.
fn list(text: &str) -> Result<toml::Value, String> {
    let wrong = |why: &str| format!("is not a list in one line, such as [5000, 300000]: {why}");
    match text.parse().map_err(|error: toml::de::Error| wrong(error.message()))? {
        list @ toml::Value::Array(_) => Ok(list),
        other => Err(wrong(&format!("it is of the type {}", other.type_str()))),
    }
}
