//! When a message that met passing trouble is to be delivered again.
//! It must not know its queue, and sees no clock: the time is an argument.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::LakeError;
use crate::invocation::Message;

/// Seconds after the first receive, the second one and so on; the last one holds for every further receive. Most trouble passes within
/// seconds; an outage takes hours, and 24 receives (`maxReceiveCount` in the template) then wait 5.3 hours and more.
const DELAYS_SECS: [u64; 4] = [10, 60, 300, 900];
/// The longest delay is this part longer than the shortest one, so that messages that met the same trouble do not come back all at once.
const JITTER_PART: u64 = 4;

/// How long a message that met passing trouble stays hidden: longer with every receive, and no longer than another worker may have its
/// object in hand. The same message and receive count always give the same delay.
#[must_use]
pub fn delay(error: &LakeError, message: &Message, now: SystemTime) -> Duration {
    let delay = grown(message.receive_count) + jitter(message);
    if let LakeError::Busy { until, .. } = error {
        // A lease that ends within a fraction of a second has not ended yet when the message comes at once.
        return delay.min(time_until(until, now) + Duration::from_secs(1));
    }
    delay
}

fn grown(receive_count: u32) -> Duration {
    let index = usize::try_from(receive_count.saturating_sub(1)).unwrap_or(usize::MAX);
    let secs = DELAYS_SECS.get(index).or(DELAYS_SECS.last()).copied().unwrap_or_default();
    Duration::from_secs(secs)
}

fn jitter(message: &Message) -> Duration {
    let mut hasher = DefaultHasher::new();
    (&message.id, message.receive_count).hash(&mut hasher);
    let most_millis = u64::try_from(grown(message.receive_count).as_millis()).unwrap_or(u64::MAX) / JITTER_PART;
    Duration::from_millis(hasher.finish() % (most_millis + 1))
}

/// Zero for a time that has passed, or that does not read.
fn time_until(time: &str, now: SystemTime) -> Duration {
    let time = DateTime::parse_from_rfc3339(time).ok();
    time.and_then(|time| (time.to_utc() - DateTime::<Utc>::from(now)).to_std().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn message(id: &str, receive_count: u32) -> Message {
        Message { id: id.to_owned(), receive_count, ..Message::default() }
    }

    fn throttled() -> LakeError {
        LakeError::Passing { operation: "GetObject", resource: "s3://raw/a.csv".to_owned(), source: "SlowDown".into() }
    }

    fn busy(until: &str) -> LakeError {
        LakeError::Busy { url: "s3://lake/ledger/a.json".to_owned(), until: until.to_owned() }
    }

    #[test]
    fn delays_grow_with_the_receive_count_up_to_a_quarter_of_an_hour() {
        for (receive_count, secs) in [(0, 10), (1, 10), (2, 60), (3, 300), (4, 900), (5, 900), (u32::MAX, 900)] {
            let delay = delay(&throttled(), &message("m", receive_count), NOW).as_secs_f64();
            let secs = f64::from(secs);
            assert!((secs..=secs * 1.25).contains(&delay), "{receive_count}: {delay}");
        }
    }

    #[test]
    fn twenty_four_receives_wait_for_hours() {
        let patience: Duration =
            (1..=24).map(|receive_count| delay(&throttled(), &message("m", receive_count), NOW)).sum();
        assert!(patience > Duration::from_hours(5) && patience < Duration::from_hours(7), "{patience:?}");
    }

    #[test]
    fn messages_that_fail_together_do_not_come_back_together() {
        let delays: std::collections::BTreeSet<Duration> =
            (0..100).map(|n| delay(&throttled(), &message(&format!("m{n}"), 4), NOW)).collect();
        assert!(delays.len() > 90, "{}", delays.len());
        assert_eq!(delay(&throttled(), &message("m", 4), NOW), delay(&throttled(), &message("m", 4), NOW));
    }

    #[test]
    fn an_object_that_is_in_hand_is_asked_for_when_its_lease_ends_at_the_latest() {
        let at = |until: &str, receive_count| delay(&busy(until), &message("m", receive_count), NOW);
        assert_eq!(at("1970-01-01T00:00:07.000Z", 1), Duration::from_secs(8));
        assert_eq!(at("1970-01-01T00:05:00.000Z", 4), Duration::from_secs(301));
        assert!(at("1970-01-01T00:05:00.000Z", 1) < Duration::from_secs(13), "it may be free long before");
        assert_eq!(at("1969-12-31T23:59:00.000Z", 4), Duration::from_secs(1), "the lease has ended meanwhile");
        assert_eq!(at("no time", 4), Duration::from_secs(1));
    }
}
