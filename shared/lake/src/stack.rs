//! A deployed stack, found by its name: infra/template.yaml builds every bucket's and queue's name from the stack's.
//! It must not know what is done with it.

use aws_sdk_glue::Client as GlueClient;
use aws_sdk_sqs::Client as SqsClient;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::LakeError;
use crate::access::Access;
use crate::error::from_sdk;
use crate::objects::Objects;

/// The code that SQS gives for a queue that is not there; older endpoints have the other one.
const NO_QUEUE_CODES: [&str; 2] = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

/// A stack's resources, as far as a person works with them.
#[derive(Debug)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// Where files are dropped.
    pub raw_bucket: String,
    /// Tables, rejects, ledger, contracts.
    pub lake_bucket: String,
    /// The buckets' objects.
    pub objects: Objects,
    /// For its queues.
    pub sqs: SqsClient,
    /// Its queues, in the order in which a file may pass them.
    pub queues: Queues,
    /// For its job.
    pub glue: GlueClient,
    /// The job that converts what one Lambda cannot.
    pub glue_job: String,
}

/// The queues' URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// Events of uploaded objects.
    pub ingest: String,
    /// Objects that wait for the Glue job.
    pub heavy: String,
    /// Failures on their way to the dead-letter queue.
    pub failures: String,
    /// What failed.
    pub dead_letter: String,
}

/// How many messages a queue holds, roughly, as SQS counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// They wait to be received.
    pub visible: u64,
    /// Received and not deleted yet.
    pub in_flight: u64,
}

/// Why a stack was not found.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// It has no such queue.
    #[error(
        "no stack {name} in {region} of account {account} (it has no queue {queue}): name it with --stack, and look at --region and --profile"
    )]
    NotFound {
        /// The stack's name.
        name: String,
        /// The region that was looked in.
        region: String,
        /// The account that was looked in.
        account: String,
        /// The queue that is missing.
        queue: String,
    },
    /// A call was refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Stack {
    /// Finds a stack by its name; `raw_bucket` where files are dropped in another bucket than the stack's own.
    ///
    /// # Errors
    ///
    /// There is no such stack, and what STS and SQS refused.
    pub async fn find(access: &Access, name: &str, raw_bucket: Option<&str>) -> Result<Self, StackError> {
        let identity = aws_sdk_sts::Client::new(&access.config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| from_sdk("GetCallerIdentity", "STS", &error))?;
        let account = identity.account().unwrap_or_default();
        let sqs = SqsClient::new(&access.config);
        let url = async |purpose: &str| queue_url(access, &sqs, name, account, purpose).await;
        let queues = Queues {
            ingest: url("ingest").await?,
            heavy: url("heavy").await?,
            failures: url("failures").await?,
            dead_letter: url("dead-letter").await?,
        };
        Ok(Self {
            name: name.to_owned(),
            region: access.region.clone(),
            raw_bucket: raw_bucket.map_or_else(|| format!("{name}-raw-{account}"), str::to_owned),
            lake_bucket: format!("{name}-lake-{account}"),
            objects: Objects::on_s3(access.s3.clone()),
            sqs,
            queues,
            glue: GlueClient::new(&access.config),
            glue_job: format!("{name}-convert-large"),
        })
    }
}

async fn queue_url(
    access: &Access,
    sqs: &SqsClient,
    name: &str,
    account: &str,
    purpose: &str,
) -> Result<String, StackError> {
    let queue = format!("{name}-{purpose}");
    let answer = sqs.get_queue_url().queue_name(&queue).send().await;
    match answer {
        Ok(answer) => Ok(answer.queue_url().unwrap_or_default().to_owned()),
        Err(error) => {
            let code = error.as_service_error().and_then(|error| error.meta().code());
            if code.is_some_and(|code| NO_QUEUE_CODES.iter().any(|known| code.ends_with(known))) {
                let (name, account, region) = (name.to_owned(), account.to_owned(), access.region.clone());
                return Err(StackError::NotFound { name, region, account, queue });
            }
            Err(from_sdk("GetQueueUrl", queue, &error).into())
        }
    }
}

/// Asks how many messages a queue holds.
///
/// # Errors
///
/// What SQS refused.
pub async fn depth(sqs: &SqsClient, queue_url: &str) -> Result<Depth, LakeError> {
    let (visible, in_flight) =
        (QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    let request = sqs.get_queue_attributes().queue_url(queue_url);
    let request = request.attribute_names(visible.clone()).attribute_names(in_flight.clone());
    let answer = request.send().await.map_err(|error| from_sdk("GetQueueAttributes", queue_url, &error))?;
    let number = |name: &QueueAttributeName| {
        let value = answer.attributes().and_then(|attributes| attributes.get(name));
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    Ok(Depth { visible: number(&visible), in_flight: number(&in_flight) })
}
