//! What may have been meant where no contract covers an object: a location that nearly does, a document of another name.
//! It must not know S3.

use std::fmt;

use lakegate_contract::Contract;

use super::SUFFIXES;

/// So many names of documents that are not read are told, and so much of each.
const MISNAMED_MAX: usize = 3;
const MISNAMED_CHARS_MAX: usize = 150;
/// Folders that are alike to this degree may have been meant for each other (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.9;

/// The end of a sentence that says that no contract covers an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// A contract for objects of such a name.
    pub near: Option<Near>,
    /// Documents that are not read.
    pub misnamed: Misnamed,
}

impl fmt::Display for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Near { table, location }) = &self.near {
            write!(f, "; nearest is that of {table}, {location}")?;
        }
        self.misnamed.fmt(f)
    }
}

/// A landing location that an object's key nearly fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Whose it is.
    pub table: String,
    /// As the contract has it.
    pub location: String,
}

impl Near {
    /// That of whose folders most begin the key or nearly do; `None` where no contract has any of them. Of several the first by name.
    pub(super) fn of<'c>(contracts: impl Iterator<Item = &'c Contract>, key: &str) -> Option<Self> {
        let likeness = |contract: &Contract| folders_alike(contract.landing.location.as_str(), key);
        let mut near: Vec<(f64, &Contract)> = contracts.map(|contract| (likeness(contract), contract)).collect();
        near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.table.cmp(&other.table)));
        let (likeness, contract) = near.first()?;
        let Contract { table, landing, .. } = contract;
        (*likeness > 0.0).then(|| Self { table: table.clone(), location: landing.location.as_str().to_owned() })
    }
}

/// How alike the folders are that location and key begin with, summed up.
fn folders_alike(location: &str, key: &str) -> f64 {
    let pattern = location.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).map_or("", |(_, key)| key);
    let folders = |path: &str| {
        let mut folders: Vec<String> = path.split('/').map(str::to_lowercase).collect();
        folders.pop();
        folders
    };
    let without_wildcard = folders(pattern).into_iter().take_while(|folder| !folder.contains(['*', '?', '[']));
    let pairs = without_wildcard.zip(folders(key));
    pairs.map(|(one, other)| strsim::jaro_winkler(&one, &other)).take_while(|likeness| *likeness >= ALIKE).sum()
}

/// Objects under the contracts' prefix that look like documents, and are not read because their names end otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misnamed {
    /// The first of their keys, each cut to 150 characters.
    pub keys: Vec<String>,
    /// How many more there are.
    pub others: usize,
}

impl Misnamed {
    /// `keys` are those of objects that are no documents.
    pub(super) fn among<'k>(keys: impl Iterator<Item = &'k str>) -> Self {
        let looks_alike = |key: &&str| {
            let key = key.to_ascii_lowercase();
            key.contains(".odcs") || [".yaml", ".yml", ".json"].iter().any(|suffix| key.ends_with(suffix))
        };
        let mut misnamed = Self::default();
        for key in keys.filter(looks_alike) {
            if misnamed.keys.len() < MISNAMED_MAX {
                misnamed.keys.push(key.chars().take(MISNAMED_CHARS_MAX).collect());
            } else {
                misnamed.others += 1;
            }
        }
        misnamed
    }
}

/// The end of a sentence; nothing where there are none.
impl fmt::Display for Misnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.keys.is_empty() {
            return Ok(());
        }
        write!(f, "; not read, as the name of a contract ends in {}: {}", SUFFIXES.join(", "), self.keys.join(", "))?;
        if self.others > 0 { write!(f, " (and {} more)", self.others) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::folders_alike;

    #[test]
    fn folders_are_alike_up_to_case_and_a_letter() {
        let near = |location, key| folders_alike(location, key) > 0.0;
        assert!(near("s3://*/orders/**/*.csv", "orders/2025/a.txt"));
        assert!(near("s3://*/orders/**/*.csv", "Orders/a.csv"));
        assert!(near("s3://*/orders/**/*.csv", "order/a.csv"));
        for key in ["invoices/a.csv", "orders", "x/orders/a.csv", "a.csv", "customers/a.csv"] {
            assert!(!near("s3://*/orders/**/*.csv", key), "{key}");
        }
        assert!(!near("s3://*/**/*.csv", "orders/a.txt"));
        let both = folders_alike("s3://*/shop/orders/*.csv", "shop/orders/a.txt");
        assert!(both > folders_alike("s3://*/shop/customers/*.csv", "shop/orders/a.txt"));
    }
}
