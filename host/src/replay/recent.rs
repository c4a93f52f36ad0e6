//! What was used last, up to a number.

/// A few values by key; the one that was not used for longest goes first.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    /// The last used at the end.
    kept: Vec<(K, V)>,
    max: usize,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    pub fn new(max: usize) -> Self {
        Self { kept: Vec::new(), max }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        let at = self.kept.iter().position(|(kept, _)| kept == key)?;
        let found = self.kept.remove(at);
        let value = found.1.clone();
        self.kept.push(found);
        Some(value)
    }

    pub fn put(&mut self, key: K, value: V) {
        self.kept.retain(|(kept, _)| *kept != key);
        if self.kept.len() >= self.max {
            self.kept.remove(0);
        }
        self.kept.push((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut recent = Recent::new(2);
        recent.put(1, "one");
        recent.put(2, "two");
        assert_eq!(recent.get(&1), Some("one"));
        recent.put(3, "three");
        assert_eq!(
            (recent.get(&1), recent.get(&2), recent.get(&3)),
            (Some("one"), None, Some("three"))
        );
        recent.put(3, "again");
        assert_eq!((recent.get(&1), recent.get(&3)), (Some("one"), Some("again")));
    }
}
