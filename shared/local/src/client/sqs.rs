//! Queues, and topics read through a queue that subscribes to them.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::Client;
use crate::json::{list, text};

/// A received message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same at every delivery.
    pub id: String,
    /// The body as it stands.
    pub body: String,
    /// The attributes of type String.
    pub attributes: BTreeMap<String, String>,
    /// What deletes it.
    pub receipt_handle: String,
}

impl Client {
    /// Sends a message without attributes.
    ///
    /// # Errors
    /// The call fails.
    pub async fn send_message(&self, queue_url: &str, body: &str) -> Result<()> {
        self.json("AmazonSQS.SendMessage", &json!({ "QueueUrl": queue_url, "MessageBody": body })).await?;
        Ok(())
    }

    /// Sends a received message to a queue, with its attributes.
    ///
    /// # Errors
    /// The call fails.
    pub async fn send_on(&self, queue_url: &str, message: &Message) -> Result<()> {
        let attribute =
            |(name, value): (&String, &String)| (name.clone(), json!({ "DataType": "String", "StringValue": value }));
        let attributes: serde_json::Map<String, Value> = message.attributes.iter().map(attribute).collect();
        let body = json!({ "QueueUrl": queue_url, "MessageBody": message.body, "MessageAttributes": attributes });
        self.json("AmazonSQS.SendMessage", &body).await?;
        Ok(())
    }

    /// Up to ten messages, hidden from other readers for `hidden_secs`.
    ///
    /// # Errors
    /// The call fails.
    pub async fn receive_messages(&self, queue_url: &str, hidden_secs: u32) -> Result<Vec<Message>> {
        let body = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "VisibilityTimeout": hidden_secs,
        });
        let answer = self.json("AmazonSQS.ReceiveMessage", &body).await?;
        Ok(list(&answer, "/Messages").iter().map(message).collect())
    }

    /// Deletes a received message.
    ///
    /// # Errors
    /// The call fails.
    pub async fn delete_message(&self, queue_url: &str, message: &Message) -> Result<()> {
        let body = json!({ "QueueUrl": queue_url, "ReceiptHandle": message.receipt_handle });
        self.json("AmazonSQS.DeleteMessage", &body).await?;
        Ok(())
    }

    /// How many messages wait in a queue, and how many were received but not deleted yet.
    ///
    /// # Errors
    /// The call fails.
    pub async fn queue_depth(&self, queue_url: &str) -> Result<(u64, u64)> {
        let (waiting, in_flight) = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible");
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": [waiting, in_flight] });
        let answer = self.json("AmazonSQS.GetQueueAttributes", &body).await?;
        let count = |name: &str| text(&answer, &format!("/Attributes/{name}")).parse().unwrap_or_default();
        Ok((count(waiting), count(in_flight)))
    }

    /// Creates a queue; its URL.
    ///
    /// # Errors
    /// The call fails.
    pub async fn create_queue(&self, name: &str) -> Result<String> {
        let answer = self.json("AmazonSQS.CreateQueue", &json!({ "QueueName": name })).await?;
        Ok(text(&answer, "/QueueUrl").to_owned())
    }

    /// A queue's name for policies and notifications.
    ///
    /// # Errors
    /// The call fails.
    pub async fn queue_arn(&self, queue_url: &str) -> Result<String> {
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": ["QueueArn"] });
        let answer = self.json("AmazonSQS.GetQueueAttributes", &body).await?;
        Ok(text(&answer, "/Attributes/QueueArn").to_owned())
    }

    /// From now on `service`, such as `sns.amazonaws.com`, may send to the queue what comes from `source_arn`, and no other service may.
    ///
    /// # Errors
    /// The call fails.
    pub async fn let_send(&self, queue_url: &str, service: &str, source_arn: &str) -> Result<()> {
        let statement = json!({
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sqs:SendMessage",
            "Resource": self.queue_arn(queue_url).await?, "Condition": { "ArnEquals": { "aws:SourceArn": source_arn } },
        });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let body = json!({ "QueueUrl": queue_url, "Attributes": { "Policy": policy } });
        self.json("AmazonSQS.SetQueueAttributes", &body).await?;
        Ok(())
    }

    /// From now on what is published to the topic arrives in the queue, too.
    ///
    /// # Errors
    /// A call fails.
    pub async fn subscribe_queue(&self, topic_arn: &str, queue_url: &str) -> Result<()> {
        self.let_send(queue_url, "sns.amazonaws.com", topic_arn).await?;
        let queue_arn = self.queue_arn(queue_url).await?;
        let fields = [
            ("Action", "Subscribe"),
            ("Version", "2010-03-31"),
            ("TopicArn", topic_arn),
            ("Protocol", "sqs"),
            ("Endpoint", &queue_arn),
        ];
        self.query("sns", &fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
        Ok(())
    }
}

fn message(received: &Value) -> Message {
    let attributes = received.get("MessageAttributes").and_then(Value::as_object).into_iter().flatten();
    Message {
        id: text(received, "/MessageId").to_owned(),
        body: text(received, "/Body").to_owned(),
        attributes: attributes.map(|(name, value)| (name.clone(), text(value, "/StringValue").to_owned())).collect(),
        receipt_handle: text(received, "/ReceiptHandle").to_owned(),
    }
}
