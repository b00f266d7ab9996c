//! The deployed stack: its names, and the questions that the demo and the tests ask of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::Client;
use crate::client::athena::Rows;
use crate::client::s3::Object;
use crate::client::sqs::Message;
use crate::json::{list, number, text};

/// A deployed stack. Its alerts are also delivered to a queue of ours, for an e-mail cannot be read back.
#[derive(Debug, Clone)]
pub struct Stack {
    /// What asks the emulator.
    pub client: Client,
    /// Where files are dropped.
    pub raw_bucket: String,
    /// Where everything else is.
    pub lake_bucket: String,
    /// Events of uploaded objects.
    pub ingest_queue_url: String,
    /// Objects that wait for the Glue job.
    pub heavy_queue_url: String,
    /// Failures on their way.
    pub failures_queue_url: String,
    /// What failed.
    pub dead_letter_queue_url: String,
    /// Where alerts are published.
    pub alerts_topic_arn: String,
    /// Where notices of what was taken in are published, unless they are off.
    pub notices_topic_arn: Option<String>,
    /// The Glue database.
    pub database: String,
    /// The Glue job for objects too big for one function.
    pub glue_job: String,
    /// Name of the function `ingest`.
    pub ingest_function: String,
    /// Name of the function `start-glue`.
    pub start_glue_function: String,
    /// Name of the function `route-failures`.
    pub route_failures_function: String,
    /// Name of the function `sweep`.
    pub sweep_function: String,
    /// Name of the function `fetch-api`, if anything is fetched.
    pub fetch_function: Option<String>,
    /// Name of the function `publish-report`, if a dashboard is published.
    pub dashboard_function: Option<String>,
    /// Name of the function `load-warehouse`, if there is a warehouse.
    pub load_function: Option<String>,
    /// The queue that receives the alerts as SNS envelopes.
    pub alerts_queue_url: String,
}

/// A partition as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// Its values, in the order of the table's partition keys.
    pub values: Vec<String>,
    /// Where its files are.
    pub location: String,
}

impl Stack {
    pub(crate) async fn new(client: Client, mut outputs: BTreeMap<String, String>) -> Result<Self> {
        let mut output = |name: &str| outputs.remove(name).with_context(|| format!("the stack has no output {name}"));
        let alerts_queue_url = client.create_queue("alerts-inbox").await?;
        let stack = Self {
            raw_bucket: output("RawBucket")?,
            lake_bucket: output("LakeBucket")?,
            ingest_queue_url: output("IngestQueueUrl")?,
            heavy_queue_url: output("HeavyQueueUrl")?,
            failures_queue_url: output("FailuresQueueUrl")?,
            dead_letter_queue_url: output("DeadLetterQueueUrl")?,
            alerts_topic_arn: output("AlertsTopicArn")?,
            notices_topic_arn: output("NoticesTopicArn").ok(),
            database: output("Database")?,
            glue_job: output("GlueJob")?,
            ingest_function: output("IngestFunction")?,
            start_glue_function: output("StartGlueFunction")?,
            route_failures_function: output("RouteFailuresFunction")?,
            sweep_function: output("SweepFunction")?,
            fetch_function: output("FetchApiFunction").ok(),
            dashboard_function: output("PublishReportFunction").ok(),
            load_function: output("LoadWarehouseFunction").ok(),
            alerts_queue_url,
            client,
        };
        stack.client.subscribe_queue(&stack.alerts_topic_arn, &stack.alerts_queue_url).await?;
        Ok(stack)
    }

    /// Drops a file in the raw bucket; the version that it became.
    ///
    /// # Errors
    /// The call fails.
    pub async fn drop_file(&self, key: &str, bytes: impl Into<Vec<u8>>) -> Result<String> {
        let version = self.client.put_object(&self.raw_bucket, key, bytes.into()).await?;
        version.context("the raw bucket keeps no versions")
    }

    /// Deploys a contract: from now on it holds.
    ///
    /// # Errors
    /// The call fails.
    pub async fn put_contract(&self, name: &str, document: impl Into<Vec<u8>>) -> Result<()> {
        let key = format!("contracts/{name}");
        self.client.put_object(&self.lake_bucket, &key, document.into()).await?;
        Ok(())
    }

    /// The objects of the lake bucket under a prefix.
    ///
    /// # Errors
    /// The call fails.
    pub async fn list_lake(&self, prefix: &str) -> Result<Vec<Object>> {
        self.client.list_objects(&self.lake_bucket, prefix).await
    }

    /// The ledger's entries, by object.
    ///
    /// # Errors
    /// A call fails, or an entry is not JSON.
    pub async fn ledger(&self) -> Result<Vec<Value>> {
        let mut entries = Vec::new();
        for object in self.list_lake("ledger/").await? {
            let bytes = self.client.get_object(&self.lake_bucket, &object.key).await?;
            entries.push(serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", object.key))?);
        }
        Ok(entries)
    }

    /// The ledger's entry for one object of the raw bucket.
    ///
    /// # Errors
    /// A call fails, or an entry is not JSON.
    pub async fn ledger_entry(&self, key: &str) -> Result<Option<Value>> {
        Ok(self.ledger().await?.into_iter().find(|entry| text(entry, "/source/key") == key))
    }

    /// The same, with the key of the lake bucket's object that it is.
    ///
    /// # Errors
    /// A call fails, an entry is not JSON, or there is none.
    pub async fn ledger_object(&self, key: &str) -> Result<(String, Value)> {
        for object in self.list_lake("ledger/").await? {
            let bytes = self.client.get_object(&self.lake_bucket, &object.key).await?;
            let entry: Value = serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", object.key))?;
            if text(&entry, "/source/key") == key {
                return Ok((object.key, entry));
            }
        }
        anyhow::bail!("{key} has no ledger entry")
    }

    /// Deletes the ledger's entry of an object: as if nobody had ever been told of it.
    ///
    /// # Errors
    /// A call fails, or there is no entry.
    pub async fn forget(&self, key: &str) -> Result<()> {
        let (object, _) = self.ledger_object(key).await?;
        self.client.delete_object(&self.lake_bucket, &object).await
    }

    /// A query over the stack's database.
    ///
    /// # Errors
    /// The query fails; the message says why.
    pub async fn athena(&self, sql: &str) -> Result<Rows> {
        self.client.athena(&self.database, &format!("s3://{}/athena/", self.lake_bucket), sql).await
    }

    /// The environment that any of the functions needs to run against this stack outside of it: an environment file, as
    /// `cargo lambda watch` takes it.
    ///
    /// # Errors
    /// A call fails.
    pub async fn environment_file(&self) -> Result<String> {
        let fixed = [
            ("AWS_ENDPOINT_URL", self.client.endpoint()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let mut all: BTreeMap<String, String> =
            fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let functions =
            [&self.ingest_function, &self.start_glue_function, &self.route_failures_function, &self.sweep_function];
        let on_request = [&self.fetch_function, &self.dashboard_function, &self.load_function].into_iter().flatten();
        for function in functions.into_iter().chain(on_request) {
            all.extend(self.client.function_environment(function).await?);
        }
        let lines: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        Ok(lines.concat())
    }

    /// A table as the catalog has it; `None` when there is none.
    ///
    /// # Errors
    /// The call fails.
    pub async fn table(&self, name: &str) -> Result<Option<Value>> {
        let answer = self.client.json("AWSGlue.GetTables", &json!({ "DatabaseName": self.database })).await?;
        Ok(list(&answer, "/TableList").iter().find(|table| text(table, "/Name") == name).cloned())
    }

    /// A table's partitions as the catalog has them, in order.
    ///
    /// # Errors
    /// The call fails.
    pub async fn partitions(&self, table: &str) -> Result<Vec<Partition>> {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let mut request = json!({ "DatabaseName": self.database, "TableName": table });
            if let (false, Some(request)) = (token.is_empty(), request.as_object_mut()) {
                request.insert("NextToken".to_owned(), token.as_str().into());
            }
            let answer = self.client.json("AWSGlue.GetPartitions", &request).await?;
            for partition in list(&answer, "/Partitions") {
                let values = list(partition, "/Values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
                found.push(Partition { values, location: text(partition, "/StorageDescriptor/Location").to_owned() });
            }
            text(&answer, "/NextToken").clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        // Month 10 comes after month 9, though text says otherwise.
        let order = |value: &String| (value.parse::<i64>().ok(), value.clone());
        found.sort_by_cached_key(|partition| partition.values.iter().map(order).collect::<Vec<_>>());
        Ok(found)
    }

    /// The Glue job's runs, the newest first.
    ///
    /// # Errors
    /// The call fails.
    pub async fn job_runs(&self) -> Result<Vec<Value>> {
        let answer = self.client.json("AWSGlue.GetJobRuns", &json!({ "JobName": self.glue_job })).await?;
        Ok(list(&answer, "/JobRuns").to_vec())
    }

    /// Publishes an event on the default bus, as a service of AWS would.
    ///
    /// # Errors
    /// The bus refuses it.
    pub async fn put_event(&self, source: &str, detail_type: &str, detail: &Value) -> Result<()> {
        let entry = json!({ "Source": source, "DetailType": detail_type, "Detail": detail.to_string() });
        let answer = self.client.json("AWSEvents.PutEvents", &json!({ "Entries": [entry] })).await?;
        anyhow::ensure!(number(&answer, "/FailedEntryCount") == 0, "PutEvents: {answer}");
        Ok(())
    }

    /// The alerts that arrived since the last call: subject and body.
    ///
    /// # Errors
    /// A call fails, or a message is not an SNS envelope.
    pub async fn take_alerts(&self) -> Result<Vec<(String, String)>> {
        let mut alerts = Vec::new();
        for message in self.take(&self.alerts_queue_url).await? {
            let envelope: Value = serde_json::from_str(&message.body).context("the alert is not an SNS envelope")?;
            alerts.push((text(&envelope, "/Subject").to_owned(), text(&envelope, "/Message").to_owned()));
        }
        Ok(alerts)
    }

    /// The messages that wait in a queue, deleted from it.
    ///
    /// # Errors
    /// A call fails.
    pub async fn take(&self, queue_url: &str) -> Result<Vec<Message>> {
        let mut taken = Vec::new();
        loop {
            let messages = self.client.receive_messages(queue_url, 60).await?;
            if messages.is_empty() {
                return Ok(taken);
            }
            for message in messages {
                self.client.delete_message(queue_url, &message).await?;
                taken.push(message);
            }
        }
    }
}
