//! Uploads of a run, and its events in disorder.
//! It must not know what becomes of them.

use std::collections::BTreeSet;

use anyhow::Result;
use lakegate_local::json::text;

use super::oracle::Uploaded;
use super::rig::Rig;
use super::seeded::Random;
use super::service::receive;
use super::uploads::File;

/// An event is delivered at most so often.
const DELIVERIES_MAX: usize = 5;

impl Uploaded {
    /// Nothing of these files yet.
    #[must_use]
    pub fn none_of(files: Vec<File>) -> Self {
        let versions = vec![Vec::new(); files.len()];
        Self { files, versions, deleted: BTreeSet::new(), is_removing: false }
    }

    /// Uploads the next version of a file.
    ///
    /// # Errors
    /// The call fails.
    pub async fn upload(&mut self, rig: &Rig, index: usize) -> Result<()> {
        if let (Some(file), Some(versions)) = (self.files.get(index), self.versions.get_mut(index))
            && let Some(version) = file.versions.get(versions.len())
        {
            versions.push(rig.stack.drop_file(&file.key, version.content.clone()).await?);
        }
        Ok(())
    }

    /// Forgets what was never uploaded.
    pub fn cut(&mut self) {
        for (file, versions) in self.files.iter_mut().zip(&self.versions) {
            file.versions.truncate(versions.len());
        }
    }

    /// Leaves a file with so many versions.
    pub fn cut_versions(&mut self, index: usize, count: usize) {
        if let Some(file) = self.files.get_mut(index) {
            file.versions.truncate(count);
        }
    }

    /// Deletes a file, for good.
    ///
    /// # Errors
    /// The call fails.
    pub async fn delete(&mut self, rig: &Rig, index: usize) -> Result<()> {
        if let Some(file) = self.files.get(index) {
            rig.client().delete_object(&rig.stack.raw_bucket, &file.key).await?;
            self.deleted.insert(index);
        }
        Ok(())
    }
}

/// Events on their way from S3 to the ingest queue: repeated, held back and shuffled.
#[derive(Debug)]
pub struct Disorder {
    announcements_url: String,
    pool: Vec<String>,
    /// Events that S3 announced.
    pub announced: usize,
    /// Messages that were sent instead.
    pub sent: usize,
}

impl Disorder {
    /// From now on S3 announces objects to us.
    ///
    /// # Errors
    /// A call fails.
    pub async fn between(rig: &Rig) -> Result<Self> {
        let announcements_url = rig.client().create_queue("announcements").await?;
        let arn = rig.client().queue_arn(&announcements_url).await?;
        let bucket = format!("arn:aws:s3:::{}", rig.stack.raw_bucket);
        rig.client().let_send(&announcements_url, "s3.amazonaws.com", &bucket).await?;
        rig.client().announce_to(&rig.stack.raw_bucket, &arn).await?;
        Ok(Self { announcements_url, pool: Vec::new(), announced: 0, sent: 0 })
    }

    /// Takes what S3 has announced, each event 1 to 5 times, and sends so many in a hundred of all that are held.
    ///
    /// # Errors
    /// A call fails.
    pub async fn pass_on(&mut self, rig: &Rig, random: &mut Random, percent: usize) -> Result<()> {
        for message in rig.stack.take(&self.announcements_url).await? {
            self.announced += 1;
            for _ in 0..=random.below(DELIVERIES_MAX) {
                self.pool.push(message.body.clone());
            }
        }
        random.shuffle(&mut self.pool);
        let kept = self.pool.len() - self.pool.len() * percent / 100;
        for body in self.pool.drain(kept..) {
            rig.client().send_message(&rig.stack.ingest_queue_url, &body).await?;
            self.sent += 1;
        }
        Ok(())
    }
}

/// The one event of a queue's next message, and what deletes it; `None` when there is none.
///
/// # Errors
/// A call fails.
pub async fn next_event(rig: &Rig, queue_url: &str) -> Result<Option<serde_json::Value>> {
    let message = receive(rig.client(), queue_url, 1).await?.into_iter().next();
    Ok(message.filter(|message| !text(message, "/Body").is_empty()))
}
