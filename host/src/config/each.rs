//! What a source has one of or several: a table, or a list of tables.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What one source may have of one kind.
pub(super) const EACH_MAX: usize = 16;

/// One for each source, or a list.
pub(super) fn by_source<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let all = BTreeMap::<String, Each<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|(source, Each(all))| (source, all)).collect())
}

struct Each<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written(PhantomData))
    }
}

/// Reads them by hand: the ready-made way would not say what is wrong within.
struct Written<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Written<T> {
    type Value = Each<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a list of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Each<T>, A::Error> {
        Ok(Each(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Each<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            if all.len() == EACH_MAX {
                return Err(A::Error::custom(format!("more than {EACH_MAX} for one source")));
            }
            all.push(one);
        }
        match all.is_empty() {
            true => Err(A::Error::custom("an empty list: leave the source out")),
            false => Ok(Each(all)),
        }
    }
}
