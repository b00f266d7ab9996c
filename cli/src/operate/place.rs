//! Which stack, and how to get there. Nobody types a bucket's name: the stack knows them all.
//! It must not know what is asked of the stack.

use anyhow::Result;
use lakegate_lake::access::{self, Access, Wishes};
use lakegate_lake::listing::Lister;
use lakegate_lake::stack::Stack;

const DEFAULT_STACK: &str = "lakegate";

/// The stack to work with.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stack")]
pub(crate) struct Place {
    // The variable is read here and not by the parser, which would take it for an option that was given.
    #[arg(long, value_name = "NAME", help = "Name of the deployed stack [env: LAKEGATE_STACK] [default: lakegate]")]
    stack: Option<String>,
    #[arg(long, value_name = "REGION", help = "Its region [default: AWS_REGION, or the profile's]")]
    region: Option<String>,
    #[arg(long, value_name = "NAME", help = "Profile of ~/.aws/config [default: AWS_PROFILE]")]
    profile: Option<String>,
    #[arg(long, value_name = "URL", help = "Address of another AWS, as a local one [default: AWS_ENDPOINT_URL]")]
    endpoint_url: Option<String>,
}

/// The stack, and a lister for each of its buckets.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) stack: Stack,
    pub(crate) raw: Lister,
    pub(crate) lake: Lister,
}

impl Place {
    /// Finds the stack and listers; `raw_bucket` where it is about another bucket than the one that the stack names.
    pub(crate) async fn find(&self, raw_bucket: Option<&str>) -> Result<Found> {
        let access = self.access().await?;
        let stack = Stack::find(&access, &self.name(), raw_bucket).await?;
        let raw = Lister::new(&access.s3, &stack.raw_bucket)?;
        let lake = Lister::new(&access.s3, &stack.lake_bucket)?;
        Ok(Found { stack, raw, lake })
    }

    /// Finds the stack alone.
    pub(crate) async fn stack(&self, raw_bucket: Option<&str>) -> Result<Stack> {
        Ok(Stack::find(&self.access().await?, &self.name(), raw_bucket).await?)
    }

    fn name(&self) -> String {
        let named = || std::env::var("LAKEGATE_STACK").ok().filter(|name| !name.is_empty());
        self.stack.clone().or_else(named).unwrap_or_else(|| DEFAULT_STACK.to_owned())
    }

    async fn access(&self) -> Result<Access> {
        let wishes = Wishes {
            // The SDK knows AWS_REGION and the profile's region; the AWS CLI's older name for it is known here.
            region: self.region.clone().or_else(default_region),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
        };
        Ok(access::find(&wishes).await?)
    }
}

fn default_region() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if set("AWS_REGION").is_some() { None } else { set("AWS_DEFAULT_REGION") }
}
