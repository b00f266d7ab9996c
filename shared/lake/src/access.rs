//! A person's way to AWS: the region, profile and endpoint of the AWS CLI, and one chain of credentials for every client.
//! It must not know any stack. Functions need none of it: Lambda gives them their variables (`settings`).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_sqs::config::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use tokio::sync::Mutex;

use crate::clients;
use crate::error::chain;
use crate::settings::AwsSettings;

/// Credentials that end within this time are asked for again.
const CREDENTIALS_MARGIN: Duration = Duration::from_mins(5);

/// How the SDK says that no link of its chain has any.
const NONE_IN_CHAIN: &str = "no credentials found in chain";
/// How it says that it was built without single sign-on, which would bring two more SDKs.
const NO_SINGLE_SIGN_ON: &str = "enabled: sso";

/// How it says that a profile is not there.
const NO_PROFILE: &str = "the credential provider was not enabled";

/// What a person may say about the way; whatever is left out is looked for where the AWS CLI looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `eu-central-1`.
    pub region: Option<String>,
    /// A profile of `~/.aws/config`.
    pub profile: Option<String>,
    /// Another address for every service, as for a local AWS.
    pub endpoint_url: Option<String>,
}

/// The way that was found.
#[derive(Debug, Clone)]
pub struct Access {
    /// For the SDK's clients.
    pub config: SdkConfig,
    /// For stores, with the same credentials.
    pub s3: AmazonS3Builder,
    /// The region.
    pub region: String,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Neither asked for nor configured.
    #[error("no region: give --region, set AWS_REGION, or give the profile one")]
    NoRegion,
    /// Nothing of the chain gives credentials, or one of its parts is broken.
    #[error(
        "no AWS credentials: {reason}: give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with single sign-on let the \
         AWS CLI set them, `eval $(aws configure export-credentials --profile NAME --format env)`, and give no --profile"
    )]
    NoCredentials {
        /// What the chain said.
        reason: String,
    },
}

/// Finds region, endpoint and credentials, and asks for the latter once, so that their lack is told before anything is done.
///
/// # Errors
///
/// No region, or no credentials; the message says what to do.
pub async fn find(wishes: &Wishes) -> Result<Access, AccessError> {
    let mut loader = clients::sdk_loader();
    if let Some(region) = &wishes.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &wishes.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint_url) = &wishes.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    let mut config = loader.load().await;
    if let Some(profile) = &wishes.profile {
        config = with_credentials_of(profile, &config);
    }
    let region = config.region().map(ToString::to_string).ok_or(AccessError::NoRegion)?;
    let no_provider = || AccessError::NoCredentials { reason: "nothing provides any".to_owned() };
    let provider = config.credentials_provider().ok_or_else(no_provider)?;
    let credentials = SameCredentials { provider, known: Mutex::default() };
    let lacking = |reason| AccessError::NoCredentials { reason: shortened(reason, wishes.profile.as_deref()) };
    credentials.current().await.map_err(lacking)?;
    let settings = AwsSettings {
        region: region.clone(),
        endpoint_url: config.endpoint_url().map(str::to_owned),
        variables: std::collections::BTreeMap::default(),
    };
    let s3 = clients::s3_builder(&settings).with_credentials(Arc::new(credentials));
    Ok(Access { config, s3, region })
}

/// Left to its chain, the SDK would prefer variables of the environment, which may be of another account.
fn with_credentials_of(profile: &str, config: &SdkConfig) -> SdkConfig {
    let found = ProviderConfig::without_region().with_region(config.region().cloned());
    let found = found.with_http_client(clients::http_client());
    let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&found).build();
    config.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// The chain's own words name every link of it.
fn shortened(reason: String, profile: Option<&str>) -> String {
    let known = [
        (NONE_IN_CHAIN, NONE_IN_CHAIN),
        (NO_SINGLE_SIGN_ON, "it signs on with single sign-on"),
        (NO_PROFILE, "~/.aws/config and ~/.aws/credentials have none of that name, or it holds no credentials"),
    ];
    let short = known.iter().find(|(said, _)| reason.contains(said)).map(|(_, short)| (*short).to_owned());
    let reason = short.unwrap_or(reason);
    profile.map_or(reason.clone(), |profile| format!("profile {profile}: {reason}"))
}

/// The SDK's credentials as the object store takes them. It asks for them with every request, so they are kept until shortly before
/// they end.
#[derive(Debug)]
struct SameCredentials {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    credential: Arc<AwsCredential>,
    until: Option<SystemTime>,
}

impl SameCredentials {
    /// The error says why there are none.
    async fn current(&self) -> Result<Arc<AwsCredential>, String> {
        let mut known = self.known.lock().await;
        if let Some(Known { credential, until }) = known.as_ref()
            && until.is_none_or(|until| until > SystemTime::now() + CREDENTIALS_MARGIN)
        {
            return Ok(Arc::clone(credential));
        }
        let found = self.provider.provide_credentials().await.map_err(|error| chain(&error))?;
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        *known = Some(Known { credential: Arc::clone(&credential), until: found.expiry() });
        Ok(credential)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for SameCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let unauthenticated = |reason: String| object_store::Error::Unauthenticated {
            path: "credentials".to_owned(),
            source: reason.into(),
        };
        self.current().await.map_err(unauthenticated)
    }
}
