//! Which calls go wrong, and how.
//! They must not know what the calls are for.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use object_store::Result;
use tokio::sync::Notify;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out.
    FailBefore,
    /// It is carried out, and its answer is lost.
    FailAfter,
    /// The worker dies before it is carried out.
    DieBefore,
    /// The worker dies when it is carried out.
    DieAfter,
    /// It waits until it is told to go on.
    Wait,
    /// It is not carried out, and the service says that there are too many; so it does when it is repeated.
    Throttle,
    /// As `Throttle`, and repeated it succeeds.
    ThrottleOnce,
    /// It is not carried out, and the service says that it took too long to come: with the status of a request that is wrong, so that
    /// the client does not repeat it.
    ComeLate,
    /// It is carried out and its answer is lost, and repeated it is carried out again.
    FailAfterOnce,
    /// It is not carried out, and the client waits for an answer until it gives up.
    TimeOutBefore,
    /// As `TimeOutBefore`, but it is carried out.
    TimeOutAfter,
    /// Of a batch the first entry is refused, for now, and the others are taken; any other call is carried out and answered.
    InPart,
}

impl Fault {
    /// Those that need no client between the worker and the service.
    pub const ALL: [Self; 4] = [Self::FailBefore, Self::FailAfter, Self::DieBefore, Self::DieAfter];
    /// Those after which the work is delivered again.
    pub const OVER_HTTP: [Self; 10] = [
        Self::FailBefore,
        Self::FailAfter,
        Self::DieBefore,
        Self::DieAfter,
        Self::Throttle,
        Self::ThrottleOnce,
        Self::ComeLate,
        Self::FailAfterOnce,
        Self::TimeOutBefore,
        Self::TimeOutAfter,
    ];

    /// True when the service does what it is asked for.
    pub fn is_carried_out(self) -> bool {
        match self {
            Self::FailBefore
            | Self::DieBefore
            | Self::Throttle
            | Self::ThrottleOnce
            | Self::ComeLate
            | Self::TimeOutBefore => false,
            Self::FailAfter | Self::DieAfter | Self::Wait | Self::FailAfterOnce | Self::TimeOutAfter | Self::InPart => {
                true
            }
        }
    }

    /// True when the answer to a call that was carried out does not reach the caller.
    pub fn loses_answer(self) -> bool {
        match self {
            Self::FailAfter | Self::DieAfter | Self::FailAfterOnce | Self::TimeOutAfter => true,
            Self::FailBefore
            | Self::DieBefore
            | Self::Wait
            | Self::Throttle
            | Self::ThrottleOnce
            | Self::ComeLate
            | Self::TimeOutBefore
            | Self::InPart => false,
        }
    }

    /// True when the worker dies of it.
    pub fn is_deadly(self) -> bool {
        matches!(self, Self::DieBefore | Self::DieAfter)
    }

    /// True when the client waits until it gives up.
    pub fn is_silent(self) -> bool {
        matches!(self, Self::TimeOutBefore | Self::TimeOutAfter)
    }

    /// The client's own second attempt goes well.
    fn is_once(self) -> bool {
        matches!(self, Self::ThrottleOnce | Self::FailAfterOnce | Self::InPart)
    }
}

/// Which calls go wrong, counted over all stores and services.
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Plan>,
    died: Notify,
    waits: Notify,
    may_go_on: Notify,
    resumed: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    /// Calls until now.
    calls: usize,
    /// By the number of the call.
    armed: BTreeMap<usize, Fault>,
    /// Calls that are repeated by their client, and go wrong again.
    repeated: BTreeMap<String, Fault>,
    /// Calls that always go wrong, by the beginning of their names.
    standing: Option<(&'static str, Fault)>,
    may_go_on: bool,
}

impl Faults {
    /// The call after `calls` others goes wrong.
    pub fn arm(&self, calls: usize, fault: Fault) {
        let mut plan = self.plan.lock().unwrap();
        let call = plan.calls + calls;
        plan.armed.insert(call, fault);
    }

    /// No call goes wrong any more; whether all went wrong that should have.
    pub fn disarm(&self) -> bool {
        let mut plan = self.plan.lock().unwrap();
        plan.repeated.clear();
        std::mem::take(&mut plan.armed).is_empty()
    }

    /// From now on each call goes wrong that begins so: SQS's, Glue's and SNS's with the operation's name, S3's with the method and the
    /// path. Or none does any more.
    pub fn always(&self, standing: Option<(&'static str, Fault)>) {
        self.plan.lock().unwrap().standing = standing;
    }

    /// How many calls there were, but for those that their client repeated because they went wrong.
    pub fn calls(&self) -> usize {
        self.plan.lock().unwrap().calls
    }

    /// Comes back when the worker has died.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    /// The worker dies.
    pub fn die(&self) {
        self.died.notify_one();
    }

    /// Comes back when a call waits.
    pub async fn standstill(&self) {
        self.waits.notified().await;
    }

    /// Lets the call that waits go on.
    pub fn go_on(&self) {
        self.may_go_on.notify_one();
        self.plan.lock().unwrap().may_go_on = true;
        self.resumed.notify_all();
    }

    /// What becomes of the next call; `None` for nothing bad.
    pub fn next(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let call = plan.calls;
        plan.calls += 1;
        plan.armed.remove(&call)
    }

    /// As `next`, for a request that its client may repeat.
    pub fn next_of(&self, request: &str) -> Option<Fault> {
        if let Some(fault) = self.plan.lock().unwrap().repeated.get(request) {
            return Some(*fault);
        }
        let next = self.next();
        let standing = self.plan.lock().unwrap().standing;
        if let Some((_, fault)) = standing.filter(|(begins, _)| request.starts_with(begins)) {
            return Some(fault);
        }
        let fault = next?;
        if !fault.is_once() && !fault.is_deadly() && fault != Fault::Wait {
            self.plan.lock().unwrap().repeated.insert(request.to_owned(), fault);
        }
        Some(fault)
    }

    /// Waits on the thread of a server.
    pub(crate) fn wait(&self) {
        self.waits.notify_one();
        let plan = self.plan.lock().unwrap();
        drop(self.resumed.wait_while(plan, |plan| !std::mem::take(&mut plan.may_go_on)).unwrap());
    }

    pub(crate) async fn around<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        // So that workers at once take turns at every call.
        tokio::task::yield_now().await;
        let Some(fault) = self.next() else {
            return call.await;
        };
        if fault == Fault::Wait {
            self.waits.notify_one();
            self.may_go_on.notified().await;
            return call.await;
        }
        if fault.is_carried_out() {
            call.await?;
        }
        if fault.is_deadly() {
            self.die();
            std::future::pending::<()>().await;
        }
        Err(object_store::Error::Generic { store: "S3", source: "no answer".into() })
    }
}
