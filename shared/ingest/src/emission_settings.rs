//! Whom a worker tells what becomes of objects, as its environment says.
//! It must not know what is told.

use lakegate_lake::LakeError;
use lakegate_lake::clients;
use lakegate_lake::lineage::Lineage;
use lakegate_lake::metrics::{Metrics, Sink};
use lakegate_lake::notices::Notices;
use lakegate_lake::settings::{AwsSettings, Environment};

use crate::emission::Emission;

const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];

/// What the environment says; everything is off without the stack's name.
#[derive(Debug, Clone, Default)]
pub struct EmissionSettings {
    stack: Option<String>,
    has_metrics: bool,
    has_notices: bool,
    has_lineage: bool,
    lineage_url: Option<String>,
    lineage_api_key: Option<String>,
    catalog: Option<String>,
}

impl EmissionSettings {
    /// Reads `STACK_NAME`, `METRICS`, `NOTICES`, `LINEAGE`, `LINEAGE_URL`, `LINEAGE_API_KEY` and `CATALOG_ARN`.
    pub fn read(environment: &mut Environment) -> Self {
        Self {
            stack: environment.optional("STACK_NAME"),
            has_metrics: environment.choice("METRICS", &SWITCH, true),
            has_notices: environment.choice("NOTICES", &SWITCH, false),
            has_lineage: environment.choice("LINEAGE", &SWITCH, false),
            lineage_url: environment.optional("LINEAGE_URL"),
            lineage_api_key: environment.optional("LINEAGE_API_KEY"),
            catalog: environment.optional("CATALOG_ARN"),
        }
    }

    /// The ways to all who are told. Metrics go to `sink`.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn emission(
        self,
        aws: &AwsSettings,
        database: &str,
        lake_bucket: &str,
        sink: Sink,
    ) -> Result<Emission, LakeError> {
        let Some(stack) = self.stack else { return Ok(Emission::none()) };
        let (database, lake_bucket) = (database.to_owned(), lake_bucket.to_owned());
        let mut lineage = None;
        if self.has_lineage {
            let catalog = self.catalog.unwrap_or_default();
            let kept = Lineage::new(stack.clone(), lake_bucket.clone(), catalog, database.clone());
            lineage = Some(match self.lineage_url {
                Some(url) => kept.posted_to(url, self.lineage_api_key.as_deref())?,
                None => kept,
            });
        }
        let mut notices = None;
        if self.has_notices {
            let builder = clients::service_builder(aws);
            notices = Some(Notices::new(&builder, stack.clone(), database, lake_bucket)?);
        }
        let sink = if self.has_metrics { sink } else { Sink::Off };
        Ok(Emission { metrics: Metrics::new(stack, sink), lineage, notices })
    }
}
