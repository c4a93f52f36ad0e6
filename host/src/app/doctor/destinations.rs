//! Whether the destinations of the configuration could be told, would know who tells them, and want to be
//! told. Nothing is sent.

use super::Finding;
use crate::config::Config;
use crate::deliver;
use crate::store::{Store, StoreError};

const WHAT: &str = "destinations";

/// What the configuration and its files say.
pub(super) fn configured(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let examined = deliver::examine(config);
    let count = examined.len();
    for (to, found) in examined {
        match found {
            Ok(true) => {}
            Ok(false) => findings.push(Finding::warning(
                WHAT,
                format!(
                    "what is sent for {to} is not signed, so its receiver cannot know whose it is: \
                     make a key with `picket key webhook new` and name its file in `secret_files`"
                ),
            )),
            Err(error) => findings.push(Finding::bad(WHAT, error.to_string())),
        }
    }
    if findings.is_empty() {
        let text = match count {
            0 => "there are none: nothing is sent".to_owned(),
            count => format!("{count}, whose keys and certificates can be read"),
        };
        findings.push(Finding::good(WHAT, text));
    }
    findings
}

/// Who wants no more.
pub(super) async fn disabled(store: &Store) -> Vec<Finding> {
    let found = async {
        let mut findings = Vec::new();
        for one in store.disabled_destinations().await? {
            let waiting = store.delivery_backlog(&one.to).await?.pending;
            let text = format!(
                "the one of {0} answered 410 at {1}, nothing is sent there and {waiting} deliveries \
                 wait: when its address is right again, `picket destination enable {2}{3} --why ...`",
                one.to,
                one.at,
                one.to.source,
                match one.to.name.as_str() {
                    "" => String::new(),
                    name => format!(" --name {name}"),
                }
            );
            findings.push(Finding::warning(WHAT, text));
        }
        Ok::<_, StoreError>(findings)
    };
    found.await.unwrap_or_else(|error| vec![Finding::bad(WHAT, error.to_string())])
}
