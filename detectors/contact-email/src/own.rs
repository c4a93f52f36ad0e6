//! The platform's own domains: an address there is not off-platform contact.

use serde_json::{Value as Json, json};

use crate::address::Address;

/// Validated own domains, lower-case.
pub struct OwnDomains(Vec<String>);

impl OwnDomains {
    /// # Errors
    /// Names the entry that is not a domain.
    pub fn new(domains: Vec<String>) -> Result<Self, String> {
        for domain in &domains {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            if !domain.contains('.') || !domain.bytes().all(allowed) {
                return Err(format!(
                    "own_domains: `{domain}` is not a domain such as `example.com`"
                ));
            }
        }
        Ok(Self(domains.iter().map(|domain| domain.to_ascii_lowercase()).collect()))
    }

    /// Whether an address is at one of these domains or below it.
    ///
    /// Invariant: a look-alike is never our own. `sent` is the address as it was sent: a foreign
    /// letter that folds to one of ours makes it another domain.
    pub fn holds(&self, address: &Address, sent: &str) -> bool {
        let domain = address.value.as_deref().and_then(|value| value.split_once('@'));
        domain.is_some_and(|(_, domain)| {
            sent.is_ascii() && self.0.iter().any(|own| below(domain, own))
        })
    }
}

fn below(domain: &str, own: &str) -> bool {
    domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The JSON Schema of the settings.
pub fn schema() -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "own_domains": {
                "description": "Addresses at these domains and their subdomains never fire.",
                "type": "array",
                "items": {"type": "string"},
                "default": ["qwickservices.com", "fairtradeworker.com"]
            }
        }
    })
}
