//! A deployed stack, found by its name: the outputs of infra/template.yaml say where everything is.
//! It must not know what is done with it.

mod outputs;

use aws_sdk_glue::Client as GlueClient;
use aws_sdk_sqs::Client as SqsClient;
use aws_sdk_sqs::types::QueueAttributeName;
use object_store::aws::AmazonS3Builder;

use crate::LakeError;
use crate::access::Access;
use crate::athena::Athena;
use crate::error::from_sdk;
use crate::objects::Objects;

use outputs::Outputs;

/// A stack's resources, as far as a person works with them.
#[derive(Debug)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// Where files are dropped.
    pub raw_bucket: String,
    /// How the keys begin of the files that are taken in; empty: all are.
    pub raw_prefix: String,
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
    /// The catalog's database with the tables; empty where the stack does not say.
    pub database: String,
    /// Athena's work group for the dashboard, if the stack has one.
    pub work_group: Option<String>,
    /// For clients that few need.
    builder: AmazonS3Builder,
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
    /// There is none of that name.
    #[error("no stack {name} in {region}{}: name it with --stack, and look at --region and --profile", of_account(account.as_deref()))]
    NotFound {
        /// The stack's name.
        name: String,
        /// The region that was looked in.
        region: String,
        /// The account that was looked in, if AWS told it.
        account: Option<String>,
    },
    /// It is another kind of stack, an old one, or one that was not deployed whole.
    #[error(
        "stack {name} has no output {output} (its status is {status}): it is another kind of stack, or it must be deployed again"
    )]
    NoOutput {
        /// The stack's name.
        name: String,
        /// As CloudFormation calls it, `ROLLBACK_COMPLETE`.
        status: String,
        /// The output that is missing.
        output: &'static str,
    },
    /// The credentials do not allow to look for it.
    #[error(
        "these credentials may not look up stack {name} ({said}): have cloudformation:DescribeStacks allowed, or take other ones (--profile)"
    )]
    NotAllowed {
        /// The stack's name.
        name: String,
        /// What CloudFormation said.
        said: String,
    },
    /// The credentials were good once.
    #[error("the AWS credentials have ended: sign in again, or take other ones (--profile)")]
    CredentialsEnded,
    /// AWS does not know the credentials.
    #[error("AWS does not take these credentials ({said}): look at --profile, or at AWS_ACCESS_KEY_ID and its like")]
    CredentialsUnknown {
        /// What CloudFormation said.
        said: String,
    },
    /// `CloudFormation` does not answer.
    #[error(
        "CloudFormation in {region} cannot be reached ({said}): look at the network, and at --region and --endpoint-url"
    )]
    Unreachable {
        /// The region that was looked in.
        region: String,
        /// What the transport said.
        said: String,
    },
    /// A call was refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

fn of_account(account: Option<&str>) -> String {
    account.map_or_else(String::new, |account| format!(" of account {account}"))
}

impl Stack {
    /// Finds a stack by its name; `raw_bucket` where files are dropped in another bucket than the one that it says.
    ///
    /// # Errors
    ///
    /// There is no such stack, it lacks an output, and what CloudFormation refused.
    pub async fn find(access: &Access, name: &str, raw_bucket: Option<&str>) -> Result<Self, StackError> {
        let outputs = match Outputs::of(access, name).await {
            Err(StackError::NotFound { name, region, .. }) => {
                return Err(StackError::NotFound { name, region, account: account(access).await });
            }
            outputs => outputs?,
        };
        Ok(Self {
            name: name.to_owned(),
            region: access.region.clone(),
            raw_bucket: raw_bucket.map_or_else(|| outputs.required("RawBucket"), |bucket| Ok(bucket.to_owned()))?,
            raw_prefix: outputs.optional("RawPrefix"),
            lake_bucket: outputs.required("LakeBucket")?,
            objects: Objects::on_s3(access.s3.clone()),
            sqs: SqsClient::new(&access.config),
            queues: Queues {
                ingest: outputs.required("IngestQueueUrl")?,
                heavy: outputs.required("HeavyQueueUrl")?,
                failures: outputs.required("FailuresQueueUrl")?,
                dead_letter: outputs.required("DeadLetterQueueUrl")?,
            },
            glue: GlueClient::new(&access.config),
            glue_job: outputs.required("GlueJob")?,
            database: outputs.optional("Database"),
            work_group: Some(outputs.optional("DashboardWorkGroup")).filter(|name| !name.is_empty()),
            builder: access.s3.clone(),
        })
    }

    /// The way to Athena, with the same credentials.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn athena(&self) -> Result<Athena, LakeError> {
        Athena::new(&self.builder)
    }
}

/// Whose credentials these are: a stack is most often missed in the wrong account. `None` where STS does not tell.
async fn account(access: &Access) -> Option<String> {
    let identity = aws_sdk_sts::Client::new(&access.config).get_caller_identity().send().await.ok()?;
    identity.account().map(str::to_owned)
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
