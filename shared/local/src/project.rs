//! The project's directory and where the local AWS keeps its things in it. Nothing else here knows paths.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A check-out of the project: the sources of the functions, the template, the pinned requirements.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project around the current directory, else the one that this program was built from.
    ///
    /// # Errors
    /// Neither is there.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the current directory is gone")?;
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        match here.ancestors().chain(built_from.ancestors()).find(|dir| dir.join("infra/template.yaml").is_file()) {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => bail!("infra/template.yaml is not here nor above: run this inside a check-out of the project"),
        }
    }

    /// The project's root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The template that is deployed.
    #[must_use]
    pub fn template(&self) -> PathBuf {
        self.root.join("infra/template.yaml")
    }

    /// What `requirements/NAME.txt` pins.
    #[must_use]
    pub fn requirements(&self, name: &str) -> PathBuf {
        self.root.join("requirements").join(name).with_extension("txt")
    }

    /// Where everything local is kept: virtual environments, scratch directories, logs. Ignored by git, safe to delete.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn hidden(&self, inside: &str) -> Result<PathBuf> {
        let dir = self.root.join(".lakegate").join(inside);
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }
}
