//! How long messages stay hidden in their queue: longer while they are worked on, shorter when they are to come again.
//! It must not know what is done with them. A visibility that cannot be changed is logged: the message comes when the queue says so.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lakegate_lake::claims::Worker;
use lakegate_lake::invocation::Message;
use lakegate_lake::{LakeError, chain, queues, redelivery};

use crate::handler::Function;

/// Nearly every file is done by then. What is not must stay hidden as long as its worker may hold its object, however late in the
/// queue's visibility timeout Lambda came to invoke the function.
pub(crate) const HELD_AFTER: Duration = Duration::from_mins(1);

/// Lets a message that met passing trouble come again soon.
pub(crate) async fn give_back(function: &Function, message: &Message, error: &LakeError) {
    let delay = redelivery::delay(error, message, (function.context.clock)());
    tracing::warn!(
        message_id = message.id,
        receive_count = message.receive_count,
        delay_secs = delay.as_secs(),
        error = chain(error),
        "message goes back to its queue"
    );
    hide(function, message, delay).await;
}

/// Keeps the messages hidden that are still worked on after some time, until the worker's leases end. It never comes back: it is to be
/// dropped when the work is done. `done` counts the messages that are settled, in their order.
pub(crate) async fn hold(
    function: &Function,
    worker: &Worker,
    messages: &[Message],
    done: &AtomicUsize,
    after: Duration,
) -> Infallible {
    tokio::time::sleep(after).await;
    for (index, message) in messages.iter().enumerate() {
        if index >= done.load(Ordering::Relaxed) {
            hide(function, message, worker.lease_left((function.context.clock)())).await;
        }
    }
    std::future::pending().await
}

async fn hide(function: &Function, message: &Message, time: Duration) {
    let queue_url = &function.queue_url;
    if let Err(error) = queues::hide(&function.context.sqs, queue_url, &message.receipt_handle, time).await {
        tracing::warn!(message_id = message.id, error = chain(&error), "the message's visibility stays as it is");
    }
}
