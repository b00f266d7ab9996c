//! Time that passes faster: leases of killed workers are ended long before their time, so that a short run kills the same file often.
//! It must not touch the lease of anybody who lives.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use lakegate_local::json::text;
use serde_json::Value;

use super::proxy::locked;
use super::rig::Rig;
use super::service::Service;

/// What a killed process had sent is carried out by then.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Between two looks at who was killed.
const POLL: Duration = Duration::from_millis(300);
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// Ends the leases of the service's killed workers, for ever.
///
/// # Errors
/// A call fails.
pub async fn end_those_of_the_dead(rig: &Rig, service: &Service) -> Result<()> {
    let mut done: BTreeSet<String> = BTreeSet::new();
    loop {
        tokio::time::sleep(POLL).await;
        let mut dead: BTreeSet<String> = BTreeSet::new();
        for (request, killed) in &locked(&service.tally).killed_requests {
            if killed.elapsed() > SETTLED_AFTER && !done.contains(request) {
                dead.insert(request.clone());
            }
        }
        if dead.is_empty() {
            continue;
        }
        for object in rig.stack.list_lake("ledger/").await? {
            end(rig, &object.key, &dead).await?;
        }
        done.extend(dead);
    }
}

async fn end(rig: &Rig, path: &str, dead: &BTreeSet<String>) -> Result<()> {
    let (bytes, tag) = rig.client().get_object_and_tag(&rig.stack.lake_bucket, path).await?;
    let mut entry: Value = serde_json::from_slice(&bytes)?;
    let worker = text(&entry, "/worker").split('.').next().unwrap_or_default().to_owned();
    if dead.contains(&worker)
        && let Some(until) = entry.get_mut("lease_until")
    {
        *until = LONG_AGO.into();
        let mut bytes = serde_json::to_vec(&entry)?;
        bytes.push(b'\n');
        // Another worker, with a later version, may have taken the object meanwhile.
        let _ = rig.client().put_object_over(&rig.stack.lake_bucket, path, &tag, bytes).await;
    }
    Ok(())
}
