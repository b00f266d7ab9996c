//! A load: one table, some of its files or all of them, and how far it is; one document each, `loads/<id>.json`.
//! It must not know what is said to the warehouse.

use lakegate_lake::objects::{EntityTag, Objects};
use lakegate_lake::{LakeError, layout};
use serde::{Deserialize, Serialize};

/// A file of which the rows are to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// The name of its ledger entry and of its outputs.
    pub(crate) source: String,
    /// When the version was judged that was told of, RFC 3339, UTC.
    pub(crate) at: String,
    /// The partitions that have its rows, or had them, by their paths; `None` where not all of them are known.
    pub(crate) partitions: Option<Vec<String>>,
    /// Rows of it left the lake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_removal: bool,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// The table is being made, or given columns.
    Shape,
    /// Rows are being loaded.
    Load,
    /// Done.
    Loaded,
    /// Given up, and told.
    Failed,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Version of this shape.
    pub(crate) version: u32,
    pub(crate) id: String,
    pub(crate) table: String,
    /// Whether all rows of the table are loaded, and not only those of `files`.
    pub(crate) is_whole: bool,
    /// The files that were told of.
    pub(crate) files: Vec<Wanted>,
    pub(crate) phase: Phase,
    /// Counts the steps, from 1.
    pub(crate) attempt: u32,
    /// How many of them failed.
    pub(crate) failures: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
    /// When this was written, RFC 3339, UTC.
    pub(crate) at: String,
}

/// What a statement's name says: which load it is of, and which of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) load: String,
    pub(crate) phase: Phase,
    pub(crate) attempt: u32,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Load => "load",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
        }
    }

    /// Nothing more is to be done.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Loaded | Self::Failed)
    }
}

impl Load {
    /// Turns to the next step.
    pub(crate) fn turn_to(&mut self, phase: Phase) {
        (self.phase, self.attempt) = (phase, self.attempt + 1);
    }

    pub(crate) fn step(&self) -> Step {
        Step { load: self.id.clone(), phase: self.phase, attempt: self.attempt }
    }

    /// The document, and what it is known by when it is written anew.
    pub(crate) async fn read(
        objects: &Objects,
        bucket: &str,
        id: &str,
    ) -> Result<Option<(Self, EntityTag)>, LakeError> {
        objects.get_json(bucket, &layout::load_object(id)).await
    }

    /// Writes the document over the one that was read and over no other, so that who comes late opens no load that is over.
    ///
    /// # Errors
    ///
    /// Passing trouble where another worker was faster: what comes again finds what that one wrote.
    pub(crate) async fn write(
        &self,
        objects: &Objects,
        bucket: &str,
        read: Option<&EntityTag>,
    ) -> Result<EntityTag, LakeError> {
        let key = layout::load_object(&self.id);
        match objects.replace_json(bucket, &key, self, read).await? {
            Some(tag) => Ok(tag),
            None => Err(LakeError::Passing {
                operation: "PutObject",
                resource: layout::url(bucket, &key),
                source: "another worker has written it".into(),
            }),
        }
    }
}

impl Step {
    /// The statement's name, by which the rule of the template knows ours: `lakegate/<stack>/<load>/<phase>/<attempt>`.
    pub(crate) fn name(&self, stack: &str) -> String {
        format!("lakegate/{stack}/{}/{}/{}", self.load, self.phase.word(), self.attempt)
    }

    /// By which the warehouse knows a repetition.
    pub(crate) fn token(&self) -> String {
        format!("{}-{}-{}", self.load, self.phase.word(), self.attempt)
    }

    /// `None` for a statement that is not ours.
    pub(crate) fn of_name(name: &str, stack: &str) -> Option<Self> {
        let rest = name.strip_prefix("lakegate/")?.strip_prefix(stack)?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let (load, phase, attempt) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        let phase = [Phase::Shape, Phase::Load].into_iter().find(|each| each.word() == phase)?;
        let is_id = !load.is_empty() && load.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && parts.next().is_none()).then(|| Self { load: load.to_owned(), phase, attempt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_s_name_says_of_which_load_it_is() {
        let step = Step { load: "0123456789abcdef".to_owned(), phase: Phase::Load, attempt: 2 };
        assert_eq!(step.name("sales"), "lakegate/sales/0123456789abcdef/load/2");
        assert_eq!(Step::of_name(&step.name("sales"), "sales"), Some(step.clone()));
        assert!(step.token().len() <= 64, "ClientToken (Data API)");
        for other in [
            "lakegate/sales-2/01/load/1",
            "lakegate/sales/../load/1",
            "lakegate/sales/01/loaded/1",
            "x",
            "lakegate/sales/01/load/1/2",
        ] {
            assert_eq!(Step::of_name(other, "sales"), None, "{other}");
        }
    }
}
