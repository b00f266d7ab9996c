//! Where the values of a document stand: its lines and bytes.
//! It does not know contracts.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::is_json;
use super::node::label;

/// The places of a document's values; `None` where it cannot be read so.
pub(super) fn read(document: &str) -> Option<Spanned<Tree>> {
    // YAML is a superset of JSON, in which the last of equal keys holds.
    let duplicate_keys = if is_json(document) { DuplicateKeyPolicy::LastWins } else { DuplicateKeyPolicy::Error };
    let options = serde_saphyr::options! { strict_booleans: true, duplicate_keys: duplicate_keys };
    serde_saphyr::from_str_with_options(document, options).ok()
}

/// The line of what a path leads to, as far as it leads. `value` is what the document was read as.
pub(super) fn line(path: &str, mut value: &Value, mut tree: &Spanned<Tree>) -> Option<u64> {
    let mut rest = path;
    while let Some((below, below_tree, behind)) = step(rest, value, &tree.value) {
        (value, tree, rest) = (below, below_tree, behind);
    }
    // What is missing in the whole document stands nowhere.
    (rest.len() < path.len()).then(|| tree.referenced.line())
}

/// One key or one item of a list on the way, and what of the path is left. Keys and names may hold what separates others, so the longest
/// one that fits is meant.
fn step<'v, 't, 'p>(
    path: &'p str,
    value: &'v Value,
    tree: &'t Tree,
) -> Option<(&'v Value, &'t Spanned<Tree>, &'p str)> {
    let behind = |name: &str| {
        let rest = path.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then(|| rest.strip_prefix('.').unwrap_or(rest))
    };
    match (value, tree) {
        (Value::Object(object), Tree::Object(trees)) => {
            let keys = object.iter().filter_map(|(key, value)| Some((key, value, behind(key)?)));
            let (key, value, rest) = keys.max_by_key(|(key, _, _)| key.len())?;
            Some((value, trees.get(key)?, rest))
        }
        (Value::Array(items), Tree::List(trees)) => {
            let of_name = |(index, item): (usize, &'v Value)| {
                let label = label(index, item);
                let rest = behind(&format!("[{label}]"))?;
                Some((label.len(), (item, trees.get(index)?, rest)))
            };
            let of_index =
                |(index, item): (usize, &'v Value)| Some((item, trees.get(index)?, behind(&format!("[{index}]"))?));
            let items = || items.iter().enumerate();
            // From the end: of several items of one name the first is meant.
            let named = items().rev().filter_map(of_name).max_by_key(|(length, _)| *length);
            named.map(|(_, found)| found).or_else(|| items().find_map(of_index))
        }
        _ => None,
    }
}

/// Where a document's values stand.
#[derive(Debug)]
pub(super) enum Tree {
    /// A number, true or false.
    Plain,
    List(Vec<Spanned<Tree>>),
    Object(BTreeMap<String, Spanned<Tree>>),
    Other,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Plain)
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((key, value)) = members.next_entry()? {
            object.insert(key, value);
        }
        Ok(Tree::Object(object))
    }
}
