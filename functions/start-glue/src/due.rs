//! What a message of the heavy queue asks for, given the ledger entry of its object.
//! Pure: it must not know how a run is started.

use std::time::SystemTime;

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::ledger::{self, Entry, Source, State};

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due<'a> {
    /// The object has no entry: it was announced by hand.
    Unknown,
    /// It was handed to Glue, and no run is known.
    Start(&'a Entry),
    /// The run of this id has it, or had it and told its end: a repeated delivery.
    AlreadyStarted(&'a str),
    /// This version was dealt with: a repeated delivery.
    Settled,
    /// Another version has taken its place: a late delivery.
    Superseded,
    /// Whoever sent the message has not said so in the ledger yet, or another worker has the object in hand: to be asked again later.
    NotYet,
}

/// Judges a message against the entry of its object.
///
/// Ingest sends the message before it says in the entry that the object was handed to Glue, and sends another one if it died in between:
/// so only an entry that says so asks for a run, and only one, until the object is handed over anew.
pub(crate) fn due<'a>(entry: Option<&'a Entry>, event: &ObjectEvent, now: SystemTime) -> Due<'a> {
    let Some(entry) = entry else {
        return Due::Unknown;
    };
    let sequencers = entry.source.sequencer.as_deref().zip(event.sequencer.as_deref());
    if sequencers.is_some_and(|(seen, announced)| ledger::is_older(announced, seen)) {
        return Due::Superseded;
    }
    if entry.is_leased(now) {
        return Due::NotYet;
    }
    if !may_be_of(event, &entry.source) {
        let is_newer = sequencers.is_some_and(|(seen, announced)| ledger::is_older(seen, announced));
        return if is_newer { Due::NotYet } else { Due::Superseded };
    }
    match (entry.state, &entry.run_id) {
        (State::Heavy, Some(run_id)) => Due::AlreadyStarted(run_id),
        (State::Heavy, None) => Due::Start(entry),
        (State::Working | State::Publishing, _) => Due::NotYet,
        (State::Committed | State::Rejected | State::Failed | State::Removed, _) => Due::Settled,
    }
}

/// True unless the event names another version. What a sweep announced names none: it was of whatever ingest found.
fn may_be_of(event: &ObjectEvent, source: &Source) -> bool {
    match (&event.version_id, &event.etag) {
        (Some(_), _) => event.version_id == source.version_id,
        (None, Some(_)) => event.etag == source.etag,
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lakegate_lake::key::ObjectKey;

    use super::*;

    fn event(version: Option<&str>, sequencer: Option<&str>) -> ObjectEvent {
        ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given("orders/a.csv"),
            version_id: version.map(str::to_owned),
            etag: version.map(|version| format!("etag of {version}")),
            size_bytes: Some(7),
            sequencer: sequencer.map(str::to_owned),
            original: String::new(),
        }
    }

    fn entry(state: State) -> Entry {
        let at = "1970-01-01T00:00:00.000Z".to_owned();
        Entry::new(Source::of_event(&event(Some("v2"), Some("0B"))), state, "0.1.0", at)
    }

    fn due_of(entry: &Entry, event: &ObjectEvent) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let text = format!("{:?}", due(Some(entry), event, now));
        text.split(['(', ' ']).next().unwrap().to_owned()
    }

    #[test]
    fn only_what_the_ledger_says_was_handed_to_glue_gets_a_run_and_only_one() {
        let same = event(Some("v2"), Some("0B"));
        for (state, expected) in [
            (State::Heavy, "Start"),
            (State::Working, "NotYet"),
            (State::Publishing, "NotYet"),
            (State::Committed, "Settled"),
            (State::Rejected, "Settled"),
            (State::Failed, "Settled"),
            (State::Removed, "Settled"),
        ] {
            let mut entry = entry(state);
            assert_eq!(due_of(&entry, &same), expected, "{state:?}");
            entry.run_id = Some("jr_1".to_owned());
            let expected = if state == State::Heavy { "AlreadyStarted" } else { expected };
            assert_eq!(due_of(&entry, &same), expected, "{state:?} with a run");
            entry.lease_until = Some("1970-01-01T00:01:00.000Z".to_owned());
            assert_eq!(due_of(&entry, &same), "NotYet", "{state:?} in hand");
        }
    }

    #[test]
    fn a_message_about_another_version_starts_nothing() {
        let heavy = entry(State::Heavy);
        assert_eq!(due_of(&heavy, &event(Some("v1"), Some("0A"))), "Superseded");
        assert_eq!(due_of(&heavy, &event(Some("v3"), Some("0C"))), "NotYet", "its own ingest is not done");
        assert_eq!(due_of(&heavy, &event(Some("v3"), None)), "Superseded", "whoever wrote the entry has seen it");
    }

    #[test]
    fn a_message_that_names_no_version_is_about_the_one_that_was_handed_over() {
        assert_eq!(due_of(&entry(State::Heavy), &event(None, None)), "Start");
        let by_etag = ObjectEvent { version_id: None, ..event(Some("v2"), None) };
        assert_eq!(due_of(&entry(State::Heavy), &by_etag), "Start");
        assert!(matches!(due(None, &event(None, None), SystemTime::UNIX_EPOCH), Due::Unknown));
    }
}
