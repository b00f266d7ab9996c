//! SQS queues, an SNS topic and an event bus: every message is remembered, and none is delivered.
//! They must not know what the messages mean.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::services::refused;

/// What was sent, in the order in which it was.
#[derive(Default)]
pub(crate) struct Sent {
    /// Requests of `SendMessage`, and entries of `SendMessageBatch` with their queue.
    pub(crate) messages: Vec<Value>,
    /// Bodies of the `ChangeMessageVisibility` requests.
    pub(crate) hidden: Vec<String>,
    /// Events: their types and details.
    pub(crate) events: Vec<(String, Value)>,
    /// Subjects and texts.
    pub(crate) mails: Vec<(String, String)>,
    /// What every queue says that it holds.
    pub(crate) depth: usize,
}

impl Sent {
    /// `None` for an operation of another service.
    pub(crate) fn carry_out(&mut self, operation: &str, body: &Value, is_in_part: bool) -> Option<Answer> {
        Some(match operation {
            "SendMessage" => {
                self.messages.push(body.clone());
                Answer::new(200, r#"{"MessageId": "1", "MD5OfMessageBody": "1"}"#)
            }
            "SendMessageBatch" => self.take_batch(body, is_in_part),
            "PutEvents" => {
                let member = |name: &str| body["Entries"][0][name].as_str().unwrap();
                self.events.push((member("DetailType").to_owned(), serde_json::from_str(member("Detail")).unwrap()));
                Answer::new(200, r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}"#)
            }
            "ChangeMessageVisibility" => {
                self.hidden.push(body.to_string());
                Answer::new(200, "{}")
            }
            "GetQueueAttributes" => {
                let (depth, none) = (self.depth.to_string(), "0");
                let attributes =
                    json!({ "ApproximateNumberOfMessages": depth, "ApproximateNumberOfMessagesNotVisible": none });
                Answer::new(200, json!({ "Attributes": attributes }).to_string())
            }
            _ => return None,
        })
    }

    fn take_batch(&mut self, body: &Value, is_in_part: bool) -> Answer {
        let entries = body["Entries"].as_array().unwrap();
        if entries.len() > 10 {
            return refused("TooManyEntriesInBatchRequest");
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            if is_in_part && index == 0 {
                failed.push(json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}));
                continue;
            }
            let mut message = entry.clone();
            message["QueueUrl"] = body["QueueUrl"].clone();
            self.messages.push(message);
            successful.push(json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "1"}));
        }
        Answer::new(200, json!({"Successful": successful, "Failed": failed}).to_string())
    }

    /// Takes a mail to the topic.
    pub(crate) fn publish(&mut self, request: &Request) -> Answer {
        let form = String::from_utf8_lossy(&request.body);
        let field = |name: &str| {
            let value = form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
            percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned()
        };
        self.mails.push((field("Subject"), field("Message")));
        Answer::new(200, "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")
    }
}
