//! Mails to people, through an SNS topic.
//! It must not know what they say.

use aws_sdk_sns::Client;

use crate::LakeError;
use crate::error::from_sdk;

/// A subject has fewer than this many characters, all of them ASCII, none of them a line break (SNS API, `Publish`).
pub const SUBJECT_CHARS_BELOW: usize = 100;
/// Most bytes of a message (SNS quotas).
pub const MESSAGE_MAX_BYTES: usize = 262_144;

/// Publishes one mail.
///
/// # Errors
///
/// What SNS or the way to it refused; see [`LakeError::is_passing`].
pub async fn publish(sns: &Client, topic_arn: &str, subject: &str, body: &str) -> Result<(), LakeError> {
    let answer = sns.publish().topic_arn(topic_arn).subject(subject).message(body).send().await;
    answer.map(|_| ()).map_err(|error| from_sdk("Publish", topic_arn, &error))
}
