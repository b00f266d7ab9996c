//! An HTTP API on loopback, as the system that has a dataset would offer it: records since a time, in pages.
//! It must not know who asks.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Records of one page.
pub(crate) const PAGE: usize = 20;

/// A running API, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Crm {
    /// The address of its records.
    pub(crate) location: String,
    server: JoinHandle<()>,
}

impl Crm {
    /// Offers these JSON objects, one a line.
    pub(crate) async fn start(records: &[u8]) -> Result<Self> {
        let mut records =
            serde_json::Deserializer::from_slice(records).into_iter().collect::<Result<Vec<Value>, _>>()?;
        records.sort_by(|a, b| changed(a).cmp(changed(b)));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1 is free")?;
        let location = format!("http://{}/v1/customers", listener.local_addr()?);
        let records: Arc<[Value]> = records.into();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let records = Arc::clone(&records);
                // Who asked may be gone.
                tokio::spawn(async move { answer(stream, &records).await.ok() });
            }
        });
        Ok(Self { location, server })
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(mut stream: TcpStream, records: &[Value]) -> Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let body = page(records, request.split(' ').nth(1).unwrap_or_default()).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// What `?updated_since=TIME&cursor=N` asks for: the records that were changed later, from the Nth on.
fn page(records: &[Value], target: &str) -> Value {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let asked = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.replace("%3A", ":"))
    };
    let since = asked("updated_since").unwrap_or_default();
    let first = asked("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let new: Vec<&Value> = records.iter().filter(|record| changed(record) > since.as_str()).collect();
    let next = (first + PAGE < new.len()).then(|| (first + PAGE).to_string());
    json!({ "customers": new.iter().skip(first).take(PAGE).collect::<Vec<_>>(), "next": next })
}

/// Times of one form and zone: their order is that of their texts.
fn changed(record: &Value) -> &str {
    lakegate_local::json::text(record, "/updated_at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_through_what_is_new() {
        let records: Vec<Value> =
            (0..50).map(|second| json!({ "updated_at": format!("2025-08-01T00:00:{second:02}Z") })).collect();
        let first = page(&records, "/v1/customers?updated_since=2025-08-01T00%3A00%3A09Z");
        assert_eq!(first.pointer("/customers/0/updated_at"), Some(&json!("2025-08-01T00:00:10Z")));
        assert_eq!(first.get("next"), Some(&json!("20")));
        let last = page(&records, "/v1/customers?updated_since=2025-08-01T00:00:09Z&cursor=20");
        assert_eq!(last.get("customers").and_then(Value::as_array).map(Vec::len), Some(20));
        assert_eq!(last.get("next"), Some(&Value::Null));
    }
}
