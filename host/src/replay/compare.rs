//! Two documents, field by field and bit by bit.

use serde_json::{Map, Number, Value as Json};

use super::Difference;

/// Differences that are listed; the others are counted.
pub(super) const LISTED_MAX: usize = 100;

static NOTHING: Json = Json::Null;

/// Where two documents differ, in the order of the first.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub differences: Vec<Difference>,
    /// Beyond those.
    pub more: usize,
}

impl Comparison {
    /// Compares two documents, of which `path` is the pointer.
    pub fn compare(&mut self, path: &str, was: &Json, is: &Json) {
        match (was, is) {
            (Json::Object(was), Json::Object(is)) => self.fields(path, was, is),
            (Json::Array(was), Json::Array(is)) => {
                for index in 0..was.len().max(is.len()) {
                    let [was, is] = [was, is].map(|items| items.get(index).unwrap_or(&NOTHING));
                    self.compare(&format!("{path}/{index}"), was, is);
                }
            }
            (Json::Number(one), Json::Number(other)) if same_bits(one, other) => {}
            (Json::Number(_), Json::Number(_)) => self.add(path, was, is),
            _ if was == is => {}
            _ => self.add(path, was, is),
        }
    }

    fn fields(&mut self, path: &str, was: &Map<String, Json>, is: &Map<String, Json>) {
        let new = is.keys().filter(|name| !was.contains_key(*name));
        for name in was.keys().chain(new) {
            let [was, is] = [was, is].map(|fields| fields.get(name).unwrap_or(&NOTHING));
            let name = name.replace('~', "~0").replace('/', "~1");
            self.compare(&format!("{path}/{name}"), was, is);
        }
    }

    fn add(&mut self, path: &str, was: &Json, is: &Json) {
        if self.differences.len() == LISTED_MAX {
            self.more += 1;
            return;
        }
        let (was, is) = (was.clone(), is.clone());
        self.differences.push(Difference { path: path.to_owned(), was, is });
    }
}

/// Floats by their bits: 0 and -0 are equal and not the same.
fn same_bits(one: &Number, other: &Number) -> bool {
    match (one.is_f64(), other.is_f64()) {
        (true, true) => one.as_f64().map(f64::to_bits) == other.as_f64().map(f64::to_bits),
        (false, false) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(was: &Json, is: &Json) -> Vec<String> {
        let mut comparison = Comparison::default();
        comparison.compare("", was, is);
        let line = |it: Difference| format!("{} {} {}", it.path, it.was, it.is);
        comparison.differences.into_iter().map(line).collect()
    }

    #[test]
    fn every_difference_is_named_where_it_is() {
        let was = json!({"a": [1, {"b": 0.5}], "c": "x", "e/f": null});
        assert_eq!(differences(&was, &was), [""; 0]);
        let is = json!({"a": [1, {"b": 0.5_f64.next_up()}, 2], "c": null, "d": 0});
        assert_eq!(
            differences(&was, &is),
            ["/a/1/b 0.5 0.5000000000000001", "/a/2 null 2", "/c \"x\" null", "/d null 0"]
        );
    }

    #[test]
    fn numbers_are_the_same_only_to_the_bit() {
        for (was, is) in [
            (json!(0.0), json!(-0.0)),
            (json!(1), json!(1.0)),
            (json!(9_007_199_254_740_992_u64), json!(9_007_199_254_740_993_u64)),
            (json!(f64::MIN_POSITIVE), json!(0.0)),
        ] {
            assert_eq!(differences(&was, &is).len(), 1, "{was} {is}");
        }
    }

    #[test]
    fn many_are_counted_and_some_are_listed() {
        let mut comparison = Comparison::default();
        let (was, is) = (vec![0; LISTED_MAX + 7], vec![1; LISTED_MAX + 7]);
        comparison.compare("", &json!(was), &json!(is));
        assert_eq!((comparison.differences.len(), comparison.more), (LISTED_MAX, 7));
    }
}
