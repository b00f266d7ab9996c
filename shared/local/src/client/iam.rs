//! Roles: which a function has, what else it may, and what it is to be one.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::Value;

use super::{Client, xml};
use crate::json::text;

impl Client {
    /// The role of a function, as an ARN.
    ///
    /// # Errors
    /// The call fails.
    pub async fn function_role(&self, function: &str) -> Result<String> {
        let answer = self.rest(Method::GET, &format!("/2015-03-31/functions/{function}/configuration")).await?;
        Ok(text(&answer, "/Role").to_owned())
    }

    /// Gives a role a policy of this name, besides those that it has.
    ///
    /// # Errors
    /// The call fails.
    pub async fn put_role_policy(&self, role_arn: &str, name: &str, policy: &Value) -> Result<()> {
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        let document = policy.to_string();
        let fields = [
            ("Action", "PutRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", role),
            ("PolicyName", name),
            ("PolicyDocument", &document),
        ];
        self.query("iam", &fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
        Ok(())
    }

    /// Credentials of a role, as the environment variables that programs take them from. They last an hour.
    ///
    /// # Errors
    /// The call fails.
    pub async fn assume_role(&self, role_arn: &str) -> Result<BTreeMap<String, String>> {
        let fields =
            [("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role_arn), ("RoleSessionName", "test")];
        let answer = self.query("sts", &fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
        let mut variables = BTreeMap::new();
        let names = [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ];
        for (variable, name) in names {
            let value = xml::text(&answer, name).with_context(|| format!("no {name} for {role_arn}"))?;
            variables.insert(variable.to_owned(), value);
        }
        Ok(variables)
    }
}
