//! A stack: created, awaited, its outputs read.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Client, xml};

const POLL_MILLIS: u64 = 100;
const API_VERSION: &str = "2010-05-15";

impl Client {
    /// Creates a stack and waits until it is complete; its outputs.
    pub(crate) async fn create_stack(
        &self,
        name: &str,
        template_url: &str,
        parameters: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>> {
        let mut fields = fields("CreateStack", name);
        fields.push(("TemplateURL".to_owned(), template_url.to_owned()));
        for (number, capability) in (1..).zip(["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]) {
            fields.push((format!("Capabilities.member.{number}"), capability.to_owned()));
        }
        for (number, (key, value)) in (1..).zip(parameters) {
            fields.push((format!("Parameters.member.{number}.ParameterKey"), (*key).to_owned()));
            fields.push((format!("Parameters.member.{number}.ParameterValue"), (*value).to_owned()));
        }
        self.query("cloudformation", &fields).await?;
        loop {
            let answer = self.query("cloudformation", &self::fields("DescribeStacks", name)).await?;
            match xml::text(&answer, "StackStatus").as_deref() {
                Some("CREATE_COMPLETE") => return Ok(outputs(&answer)),
                Some("CREATE_IN_PROGRESS") => tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await,
                status => bail!("the stack is {}: {}", status.unwrap_or("absent"), self.stack_failures(name).await?),
            }
        }
    }

    /// Which resources failed, and why.
    async fn stack_failures(&self, name: &str) -> Result<String> {
        let answer = self.query("cloudformation", &fields("DescribeStackEvents", name)).await?;
        let mut failures = Vec::new();
        for event in xml::elements(&answer, "member") {
            if xml::text(event, "ResourceStatus").is_some_and(|status| status.ends_with("FAILED")) {
                let what = |name| xml::text(event, name).unwrap_or_default();
                failures.push(format!("{} {}", what("LogicalResourceId"), what("ResourceStatusReason")));
            }
        }
        Ok(failures.join("; "))
    }
}

fn fields(action: &str, stack: &str) -> Vec<(String, String)> {
    [("Action", action), ("Version", API_VERSION), ("StackName", stack)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn outputs(answer: &str) -> BTreeMap<String, String> {
    let outputs = xml::elements(answer, "OutputKey").into_iter().zip(xml::elements(answer, "OutputValue"));
    outputs.map(|(key, value)| (key.to_owned(), value.replace("&amp;", "&"))).collect()
}
