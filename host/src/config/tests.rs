//! What is written and what it comes to.

use super::*;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse("picket.toml", text, variables).map_err(|error| error.to_string())
}

#[test]
fn nothing_written_is_the_default() {
    assert_eq!(parse("", &[]).unwrap(), Config::default());
    assert_eq!(Config::default().database_url(), "sqlite://picket-data/picket.db");
}

#[test]
fn variables_win_over_the_file() {
    let config = parse("page_max = 50\nbundled = false", &[("PICKET_PAGE_MAX", "20")]).unwrap();
    assert_eq!((config.page_max, config.bundled), (20, false));
}

#[test]
fn a_variable_holds_a_whole_table_and_wins_over_that_of_the_file() {
    let file = "[trusted_keys]\nalice = \"a\"\n[revoked_keys]\n\"0123456789abcdef\" = \"lost\"";
    let of_file = parse(file, &[]).unwrap();
    assert_eq!(of_file.trusted_keys["alice"], "a");
    let variable = [
        ("PICKET_TRUSTED_KEYS", "{ bob = \"b\", \"carol@example.com\" = 'c' }"),
        ("PICKET_SIGNATURES", "require"),
    ];
    let config = parse(file, &variable).unwrap();
    let names: Vec<&str> = config.trusted_keys.keys().map(String::as_str).collect();
    assert_eq!(names, ["bob", "carol@example.com"]);
    assert_eq!(config.revoked_keys, of_file.revoked_keys);
    assert_eq!(config.signatures, SignatureMode::Require);
    assert_eq!(parse(file, &[("PICKET_TRUSTED_KEYS", "{}")]).unwrap().trusted_keys.len(), 0);
}

#[test]
fn a_variable_holds_a_whole_list() {
    let config = parse("", &[("PICKET_DELIVERY_RETRY_MS", "[20, 200]")]).unwrap();
    assert_eq!(config.delivery_retry_ms, [20, 200]);
    // Three days, as the specification of webhooks suggests.
    let default = Config::default();
    assert_eq!(default.delivery_retry_ms.iter().sum::<u64>(), (75 * 3600 + 35 * 60 + 5) * 1_000);
    assert_eq!(default.delivery_attempts_max as usize, default.delivery_retry_ms.len() + 1);
}

#[test]
fn each_mistake_names_its_place_and_the_mend() {
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Variables<'_>, &str); 20] = [
        ("\nlisten_on = 1", &[], "picket.toml:2: unknown key `listen_on`; did you mean `listen`?"),
        ("page_max = 1\npage_max = 2", &[], "picket.toml:2: duplicate key"),
        ("page_max = \"many\"", &[], "picket.toml:1: invalid type"),
        (
            "",
            &[("PICKET_LISTN", "x")],
            "PICKET_LISTN: unknown key `PICKET_LISTN`; did you mean `PICKET_LISTEN`?",
        ),
        ("", &[("PICKET_PAGE_MAX", "many")], "PICKET_PAGE_MAX: `many` is not a whole number"),
        ("", &[("PICKET_LISTEN", "here")], "PICKET_LISTEN: invalid socket address syntax"),
        ("page_max = 0", &[], "picket.toml: `page_max` must be at least 1"),
        (
            "signatures = \"required\"",
            &[],
            "picket.toml:1: unknown variant `required`, expected one of `off`, `warn`, `require`",
        ),
        ("", &[("PICKET_SIGNATURES", "on")], "PICKET_SIGNATURES: unknown variant `on`"),
        (
            "[trusted_keys]\nalice = \"a\"\nlisten = \"127.0.0.1:80\"",
            &[],
            "picket.toml:3: `listen` is read as part of `trusted_keys`: write it above",
        ),
        ("\n[trusted_keys]\nalice = 1", &[], "picket.toml:3: invalid type: integer `1`"),
        ("trusted_keys = \"alice\"", &[], "picket.toml:1: invalid type: string"),
        (
            "",
            &[("PICKET_TRUSTED_KEYS", "\"secret\"")],
            "PICKET_TRUSTED_KEYS: is not a table in one line, such as { alice",
        ),
        (
            "",
            &[("PICKET_TRUSTED_KEYS", "{ alice = \"b\" }\npage_max = 1")],
            "PICKET_TRUSTED_KEYS: is not a table in one line",
        ),
        (
            "",
            &[("PICKET_TRUSTED_KEYS", "{ alice = 1 }")],
            "PICKET_TRUSTED_KEYS: invalid type: integer `1`, expected a string",
        ),
        (
            "",
            &[("PICKET_DELIVERY_RETRY_MS", "5000")],
            "PICKET_DELIVERY_RETRY_MS: is not a list in one line",
        ),
        (
            "",
            &[("PICKET_DELIVERY_RETRY_MS", "[\"5 s\"]")],
            "PICKET_DELIVERY_RETRY_MS: invalid type",
        ),
        ("checkpoint_url = \"ftp://witness\"", &[], "`checkpoint_url`: `url` begins with `ftp:`"),
        ("checkpoint_url = \"http://u:secret@w\"", &[], "`checkpoint_url`: `url` holds a name"),
        ("database_url = \"mysql://u:secret@h/db\"", &[], "`database_url` begins with sqlite://"),
    ];
    for (text, variables, says) in cases {
        let error = parse(text, variables).unwrap_err();
        assert!(error.contains(says), "{text} {variables:?}: {error}");
        assert!(!error.contains("secret"));
    }
}
