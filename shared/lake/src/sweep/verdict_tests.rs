use serde_json::json;

use super::*;

const NOW: &str = "2026-01-10T12:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn scope() -> Scope {
    Scope { now: at(NOW).into(), older_than: Duration::from_mins(15), is_deep: false }
}

fn object(etag: &str, last_modified: &str) -> ListedObject {
    ListedObject {
        key: "orders/a.csv".to_owned(),
        etag: Some(etag.to_owned()),
        size_bytes: 7,
        last_modified: at(last_modified),
    }
}

/// An entry about the version with this entity tag.
fn entry(state: &str, etag: Option<&str>, last_modified: Option<&str>, lease_until: Option<&str>) -> Entry {
    let mut document = json!({
        "version": 1, "state": state, "dataset": "orders", "contract_version": "1", "engine_version": "1",
        "source": {"bucket": "raw", "key": "orders/a.csv", "version_id": null, "etag": etag, "sequencer": null, "size_bytes": 7},
        "rows_read": 0, "rows_accepted": 0, "rows_rejected": 0, "rows_duplicate": 0, "violations": {}, "file_error": null,
        "outputs": [], "rejects_path": null, "lease_until": lease_until, "at": "2026-01-10T09:00:00.000Z", "elapsed_ms": 1,
    });
    if let Some(last_modified) = last_modified {
        document["source"]["last_modified"] = last_modified.into();
    }
    serde_json::from_value(document).unwrap()
}

#[test]
fn what_is_young_or_no_file_is_left_alone() {
    let scope = scope();
    assert_eq!(glance(&object("a", "2026-01-10T11:46:00Z"), None, &scope), Glance::Young);
    assert_eq!(glance(&object("a", "2026-01-10T11:45:00Z"), None, &scope), Glance::Doubtful);
    let marker = ListedObject { key: "orders/".to_owned(), size_bytes: 0, ..object("a", "2026-01-01T00:00:00Z") };
    assert_eq!(glance(&marker, None, &scope), Glance::NoFile);
    let not_empty = ListedObject { size_bytes: 1, ..marker };
    assert_eq!(glance(&not_empty, None, &scope), Glance::Doubtful, "a file may have such a key");
}

#[test]
fn only_what_the_times_leave_in_doubt_is_read() {
    let long_ago = object("a", "2026-01-02T10:00:00Z");
    let of = |object: &ListedObject, written: &str| glance(object, Some(at(written)), &scope());
    assert_eq!(of(&long_ago, "2026-01-02T10:00:00Z"), Glance::Settled, "an entry is written after its object");
    assert_eq!(of(&long_ago, "2026-01-02T09:59:59Z"), Glance::Doubtful, "it was replaced since");
    assert_eq!(of(&long_ago, "2026-01-09T12:00:00Z"), Glance::Doubtful, "whose event was that?");
    assert_eq!(
        glance(&long_ago, Some(at("2026-01-02T10:00:05Z")), &Scope { is_deep: true, ..scope() }),
        Glance::Doubtful
    );
    let in_parts = object("a-2", "2026-01-08T10:00:00Z");
    assert_eq!(of(&in_parts, "2026-01-08T10:30:00Z"), Glance::Doubtful, "it may have been completed afterwards");
    assert_eq!(of(&object("a-2", "2026-01-06T10:00:00Z"), "2026-01-06T10:30:00Z"), Glance::Settled);
}

#[test]
fn an_object_without_an_entry_was_missed() {
    let verdict = judge(&object("a", "2026-01-10T10:00:00Z"), None, None, at(NOW).into());
    assert_eq!(verdict, Verdict::Missed(Why::NeverSeen));
}

#[test]
fn a_version_that_was_dealt_with_is_settled_whatever_became_of_it() {
    for state in ["committed", "rejected", "failed", "heavy"] {
        let known = [None, Some("2026-01-10T08:00:00Z")];
        for entry in known.map(|known| entry(state, Some("a"), known, None)) {
            let written = Some(at("2026-01-10T08:00:01Z"));
            let object = object("a", "2026-01-10T08:00:00Z");
            assert_eq!(judge(&object, Some(&entry), written, at(NOW).into()), Verdict::Settled, "{entry:?}");
        }
    }
}

#[test]
fn a_version_that_replaced_the_one_of_its_entry_was_missed() {
    let replaced = Verdict::Missed(Why::Replaced);
    let of = |entry: &Entry, object: &ListedObject, written: &str| {
        judge(object, Some(entry), Some(at(written)), at(NOW).into())
    };
    let newer = object("b", "2026-01-10T10:00:00Z");
    assert_eq!(of(&entry("committed", Some("a"), None, None), &newer, "2026-01-10T09:00:00Z"), replaced);
    let late = "2026-01-10T10:30:00Z";
    assert_eq!(of(&entry("committed", Some("a"), None, None), &newer, late), replaced, "an older event came late");
    let known = Some("2026-01-10T08:00:00Z");
    assert_eq!(of(&entry("rejected", Some("a"), known, None), &newer, late), replaced);
    let same_content = object("a", "2026-01-10T10:00:00Z");
    let mut with_version = entry("committed", Some("a"), known, None);
    with_version.source.version_id = Some("v1".to_owned());
    assert_eq!(of(&with_version, &same_content, late), replaced);
    let without_versions = entry("committed", Some("a"), known, None);
    assert_eq!(of(&without_versions, &same_content, late), Verdict::Settled, "ingest would not take it in again");
    assert_eq!(of(&entry("committed", Some("a"), None, None), &same_content, "2026-01-10T09:00:00Z"), replaced);
}

#[test]
fn an_object_that_stands_again_after_its_deletion_was_missed() {
    let removed = entry("removed", None, None, None);
    let verdict =
        judge(&object("a", "2026-01-10T08:00:00Z"), Some(&removed), Some(at("2026-01-10T09:00:00Z")), at(NOW).into());
    assert_eq!(verdict, Verdict::Missed(Why::Replaced));
}

#[test]
fn an_entry_about_a_later_version_than_the_listing_knew_settles_it() {
    let entry = entry("committed", Some("b"), Some("2026-01-10T11:59:00Z"), None);
    let verdict = judge(&object("a", "2026-01-10T10:00:00Z"), Some(&entry), None, at(NOW).into());
    assert_eq!(verdict, Verdict::Settled);
}

#[test]
fn a_failure_without_an_entity_tag_is_known_by_its_time() {
    let failed = entry("failed", None, None, None);
    let of =
        |written: &str| judge(&object("a", "2026-01-10T10:00:00Z"), Some(&failed), Some(at(written)), at(NOW).into());
    assert_eq!(of("2026-01-10T10:00:02Z"), Verdict::Settled);
    assert_eq!(of("2026-01-10T09:00:00Z"), Verdict::Missed(Why::Replaced));
}

#[test]
fn a_worker_is_given_up_three_hours_after_its_lease() {
    let written = Some(at("2026-01-10T08:00:05Z"));
    for state in ["working", "publishing"] {
        let of = |lease: Option<&str>, now: &str| {
            judge(
                &object("a", "2026-01-10T08:00:00Z"),
                Some(&entry(state, Some("a"), None, lease)),
                written,
                at(now).into(),
            )
        };
        assert_eq!(of(Some("2026-01-10T12:00:01Z"), NOW), Verdict::InWork);
        assert_eq!(of(Some("2026-01-10T09:00:00Z"), NOW), Verdict::InWork, "the queue may bring it again");
        assert_eq!(of(Some("2026-01-10T08:59:59Z"), NOW), Verdict::Missed(Why::Abandoned));
        assert_eq!(of(None, "2026-01-10T11:00:05Z"), Verdict::InWork, "given back, undone");
        assert_eq!(of(None, "2026-01-10T11:00:06Z"), Verdict::Missed(Why::Abandoned));
    }
}

#[test]
fn what_its_queue_gave_up_is_not_announced_over_and_over() {
    for state in ["working", "publishing"] {
        let of = |attempts: u32, etag: &str, now: &str| {
            let mut entry = entry(state, Some("a"), None, Some("2026-01-10T09:00:00Z"));
            entry.attempts = attempts;
            let written = Some(at("2026-01-10T08:50:00Z"));
            judge(&object(etag, "2026-01-10T08:00:00Z"), Some(&entry), written, at(now).into())
        };
        let later = "2026-01-10T12:00:01Z";
        assert_eq!(of(GIVEN_UP_ATTEMPTS - 1, "a", later), Verdict::Missed(Why::Abandoned), "its event was lost");
        assert_eq!(of(GIVEN_UP_ATTEMPTS, "a", later), Verdict::GivenUp);
        assert_eq!(of(2 * GIVEN_UP_ATTEMPTS, "a", later), Verdict::GivenUp, "it was replayed, in vain");
        assert_eq!(of(GIVEN_UP_ATTEMPTS, "a", NOW), Verdict::InWork, "the queue may bring it again");
        assert_eq!(of(GIVEN_UP_ATTEMPTS, "b", later), Verdict::Missed(Why::Replaced), "a mended file");
    }
}

#[test]
fn another_version_is_not_announced_while_a_worker_has_the_object_in_hand() {
    let entry = entry("working", Some("a"), None, Some("2026-01-10T12:05:00Z"));
    let verdict = judge(&object("b", "2026-01-10T10:00:00Z"), Some(&entry), None, at(NOW).into());
    assert_eq!(verdict, Verdict::InWork);
}

#[test]
fn the_rows_of_an_object_that_is_gone_are_missed_when_nobody_is_at_work_on_it() {
    let of = |entry: &Entry, written: &str| judge_unlisted(entry, at(written), &scope());
    let standing = |state: &str, lease: Option<&str>| {
        let mut standing = entry(state, Some("a"), None, lease);
        standing.kept_paths.push("lake/orders/a.parquet".to_owned());
        standing
    };
    let long_ago = "2026-01-02T10:00:00Z";
    for state in ["committed", "rejected", "failed", "heavy", "working", "publishing"] {
        assert_eq!(of(&standing(state, None), long_ago), Verdict::Missed(Why::Deleted), "{state}");
        assert_eq!(of(&entry(state, Some("a"), None, None), long_ago), Verdict::Settled, "{state}: nothing stands");
        let leased = standing(state, Some("2026-01-10T12:05:00Z"));
        assert_eq!(of(&leased, long_ago), Verdict::InWork, "{state}");
        assert_eq!(of(&standing(state, None), "2026-01-10T11:45:01Z"), Verdict::InWork, "{state}: just taken in");
    }
    for state in ["working", "publishing"] {
        let given_back = standing(state, Some("2026-01-10T09:00:00Z"));
        assert_eq!(of(&given_back, "2026-01-10T09:00:00Z"), Verdict::InWork, "{state}: the queue may bring it again");
    }
    assert_eq!(of(&entry("removed", None, None, None), long_ago), Verdict::Settled);
}

#[test]
fn whatever_became_of_an_object_its_notice_is_sent_if_it_was_not() {
    for state in ["committed", "rejected", "failed", "heavy", "removed"] {
        let mut pending = entry(state, Some("a"), None, None);
        pending.notice_pending = true;
        let listed = judge(
            &object("a", "2026-01-10T08:00:00Z"),
            Some(&pending),
            Some(at("2026-01-10T09:00:00Z")),
            at(NOW).into(),
        );
        let expected = if state == "removed" { Why::Replaced } else { Why::Unnoticed };
        assert_eq!(listed, Verdict::Missed(expected), "{state}");
        let unlisted = |written: &str| judge_unlisted(&pending, at(written), &scope());
        assert_eq!(unlisted("2026-01-10T09:00:00Z"), Verdict::Missed(Why::GoneUnnoticed), "{state}");
        assert_eq!(unlisted("2026-01-10T11:45:01Z"), Verdict::InWork, "{state}: it may be on its way");
    }
}
