//! What a run uploads: files of several versions, good and broken ones, and what the contract must make of each.
//! It must not know in what order anything is taken in.

use std::fmt::Write;

use super::seeded::Random;

/// The table.
pub const TABLE: &str = "proof";

/// Two partition columns, a key and a decimal; the rows of deleted files stay; up to half of a file's rows may be bad.
pub const CONTRACT: &str = r#"apiVersion: v3.2.0
kind: DataContract
id: proof
version: 1.0.0
status: active
team: {name: proof-owners}
servers:
  - {server: landing, type: s3, location: "s3://*/proof/**/*.csv", format: csv}
schema:
  - name: proof
    customProperties:
      - {vendor: lakegate, property: maxRejectPercent, value: 50}
    properties:
      - {name: id, logicalType: string, required: true, unique: true}
      - {name: region, logicalType: string, required: true, partitioned: true, partitionKeyPosition: 1}
      - {name: month, logicalType: integer, physicalType: INTEGER, required: true, partitioned: true, partitionKeyPosition: 2}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(12,2)", required: true}
      - {name: note, logicalType: string}
"#;

/// The same contract, under which the rows of deleted files leave the table.
#[must_use]
pub fn contract_that_removes() -> String {
    let policies = "    customProperties:\n";
    CONTRACT.replace(
        policies,
        &format!("{policies}      - {{vendor: lakegate, property: removedObjects, value: remove}}\n"),
    )
}

const HEADER: &str = "id,region,month,amount,note\n";
const REGIONS: [&str; 6] = ["north", "south", "east", "west", "são paulo", "a/b"];
/// Names that S3 allows and that are often got wrong.
const AWKWARD_NAMES: [&str; 8] =
    ["plain", "with space", "plus+sign", "per%cent", "Käufe", "a=b", "100%25", "semi;colon,comma"];
/// What a big file's note has: such a file is read in two ranges, and its output is a multipart upload.
const BIG_ROWS: usize = 15_000;
const BIG_NOTE_NUMBERS: usize = 60;

/// What a run's files are like, in percent where nothing else is said.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// How many files.
    pub files: usize,
    /// Files of several versions.
    pub several_versions: usize,
    /// Versions that break the contract.
    pub broken: usize,
    /// Versions of several megabytes.
    pub big: usize,
    /// Files that no contract covers.
    pub unknown: usize,
    /// Most rows of a file that is not big.
    pub rows_max: usize,
    /// Most partitions of a file.
    pub partitions_max: usize,
}

/// A key and everything that is uploaded under it.
#[derive(Debug, Clone)]
pub struct File {
    /// The key.
    pub key: String,
    /// Its versions, in order.
    pub versions: Vec<Version>,
}

/// One version of a file.
#[derive(Debug, Clone)]
pub struct Version {
    /// What is uploaded.
    pub content: Vec<u8>,
    /// What must become of it.
    pub fate: Fate,
}

/// What the contract says of a version.
#[derive(Debug, Clone)]
pub enum Fate {
    /// These rows are published, as `id|region|month|amount|note`, sorted; so many others are rejected.
    Accepted {
        /// The rows.
        rows: Vec<String>,
        /// How many rows are rejected.
        rejected: usize,
    },
    /// Nothing is published; so many rows are kept as rejects, and the failure is of that kind.
    Refused {
        /// How many rows are rejected.
        rejected: usize,
        /// The kind of the failure record.
        kind: &'static str,
    },
}

impl Version {
    /// Whether the contract accepts it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.fate, Fate::Accepted { .. })
    }

    /// Whether no contract covers it.
    #[must_use]
    pub fn is_uncovered(&self) -> bool {
        matches!(self.fate, Fate::Refused { kind: "UnknownDataset", .. })
    }

    /// The same version with other identities of its rows.
    #[must_use]
    pub fn renumbered(mut self, from: &str, to: &str) -> Self {
        self.content =
            String::from_utf8_lossy(&self.content).replace(&format!("\n{from}"), &format!("\n{to}")).into_bytes();
        if let Fate::Accepted { rows, .. } = &mut self.fate {
            for row in rows.iter_mut() {
                if let Some(rest) = row.strip_prefix(from) {
                    *row = format!("{to}{rest}");
                }
            }
        }
        self
    }
}

/// The files of a seed.
#[must_use]
pub fn files(mix: &Mix, random: &mut Random) -> Vec<File> {
    let mut files = Vec::with_capacity(mix.files);
    for number in 0..mix.files {
        let name = AWKWARD_NAMES.get(number % AWKWARD_NAMES.len()).copied().unwrap_or_default();
        let is_known = !random.percent(mix.unknown);
        let folder = if is_known { "proof/in" } else { "stray" };
        let key = format!("{folder}/{name} {number:05}.csv");
        let versions = if random.percent(mix.several_versions) { 2 + random.below(2) } else { 1 };
        let version = |version| {
            let prefix = format!("{number:05}.{version}");
            if is_known { any_version(mix, random, &prefix) } else { stray(&prefix) }
        };
        files.push(File { key, versions: (0..versions).map(version).collect() });
    }
    files
}

fn any_version(mix: &Mix, random: &mut Random, prefix: &str) -> Version {
    if random.percent(mix.big) {
        return good(random, prefix, BIG_ROWS, BIG_NOTE_NUMBERS, 1);
    }
    if !random.percent(mix.broken) {
        let rows = 1 + random.below(mix.rows_max);
        return good(random, prefix, rows, 1, mix.partitions_max);
    }
    match random.below(3) {
        0 => Version { content: Vec::new(), fate: Fate::Refused { rejected: 0, kind: "UnreadableFile" } },
        1 => {
            let content = format!("number,place\n{prefix},here\n").into_bytes();
            Version { content, fate: Fate::Refused { rejected: 0, kind: "ContractViolated" } }
        }
        _ => {
            let rejected = 2 + random.below(20);
            let mut text = HEADER.to_owned();
            for row in 0..rejected {
                let _ = writeln!(text, "{prefix}.{row},north,1,a lot,");
            }
            Version { content: text.into_bytes(), fate: Fate::Refused { rejected, kind: "ContractViolated" } }
        }
    }
}

fn stray(prefix: &str) -> Version {
    let content = format!("id\n{prefix}\n").into_bytes();
    Version { content, fate: Fate::Refused { rejected: 0, kind: "UnknownDataset" } }
}

/// A file whose rows lie in at most so many partitions; a tenth of the rows of some files is bad.
fn good(random: &mut Random, prefix: &str, count: usize, note_numbers: usize, partitions_max: usize) -> Version {
    let mut text = HEADER.to_owned();
    let mut rows = Vec::with_capacity(count);
    let mut rejected = 0;
    let bad_percent = if random.percent(30) { 10 } else { 0 };
    let partitions: Vec<(usize, usize)> =
        (0..=random.below(partitions_max)).map(|_| (random.below(REGIONS.len()), 1 + random.below(12))).collect();
    for row in 0..count {
        let (region, month) = partitions.get(random.below(partitions.len())).copied().unwrap_or_default();
        let region = REGIONS.get(region).copied().unwrap_or_default();
        let amount = format!("{}.{:02}", random.below(100_000), random.below(100));
        let note = (0..note_numbers).fold(String::new(), |mut note, _| {
            let _ = write!(note, "{:016x}", random.number());
            note
        });
        // The first row is always good: a file of bad rows alone would be rejected.
        if row > 0 && rejected * 2 < row && random.percent(bad_percent) {
            rejected += 1;
            let _ = writeln!(text, "{prefix}.{row},{region},{month},a lot,{note}");
            continue;
        }
        let _ = writeln!(text, "{prefix}.{row},{region},{month},{amount},{note}");
        rows.push(format!("{prefix}.{row}|{region}|{month}|{amount}|{note}"));
    }
    rows.sort_unstable();
    Version { content: text.into_bytes(), fate: Fate::Accepted { rows, rejected } }
}

/// An order in which everything is uploaded: index of the file, index of the version. Versions of a file come in their order, with
/// those of other files between them.
#[must_use]
pub fn interleaved(files: &[File], random: &mut Random) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> =
        files.iter().enumerate().flat_map(|(index, file)| file.versions.iter().map(move |_| index)).collect();
    random.shuffle(&mut order);
    let mut next = vec![0; files.len()];
    let mut uploads = Vec::with_capacity(order.len());
    for index in order {
        if let Some(version) = next.get_mut(index) {
            uploads.push((index, *version));
            *version += 1;
        }
    }
    uploads
}

/// As [`interleaved`], but only among so many files that follow each other.
#[must_use]
pub fn interleaved_among(files: &[File], neighbours: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let mut uploads = Vec::new();
    for (number, group) in files.chunks(neighbours).enumerate() {
        let first = number * neighbours;
        uploads.extend(interleaved(group, random).into_iter().map(|(index, version)| (first + index, version)));
    }
    uploads
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: Mix =
        Mix { files: 200, several_versions: 40, broken: 30, big: 0, unknown: 5, rows_max: 20, partitions_max: 3 };

    #[test]
    fn a_seed_makes_the_same_files_again() {
        let made =
            |seed| files(&MIX, &mut Random::new(seed, "files")).into_iter().map(|file| (file.key, file.versions));
        let contents = |seed| -> Vec<Vec<u8>> { made(seed).flat_map(|(_, all)| all).map(|one| one.content).collect() };
        assert_eq!(contents(3), contents(3));
        assert_ne!(contents(3), contents(4));
    }

    #[test]
    fn versions_are_uploaded_in_their_order() {
        let files = files(&MIX, &mut Random::new(3, "files"));
        let order = interleaved(&files, &mut Random::new(3, "order"));
        assert_eq!(order.len(), files.iter().map(|file| file.versions.len()).sum::<usize>());
        for index in 0..files.len() {
            let versions: Vec<usize> = order.iter().filter(|(file, _)| *file == index).map(|(_, at)| *at).collect();
            assert!(versions.is_sorted() && versions.first() == Some(&0), "{versions:?}");
        }
    }
}
