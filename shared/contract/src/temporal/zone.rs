//! Time zones by name: local times to UTC, by the time zone database that is built into the program.
//! It does not know which zone a value belongs to, nor the machine's own.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

/// The calendar repeats after 400 years, to the weekday, and so do the rules by which zones change their clocks.
const CYCLE_SECONDS: i64 = 146_097 * 86_400;
/// 2100-01-01. Exceptions from the rules are known to 2087 (Morocco's).
const REGULAR_FROM: i64 = 4_102_444_800;
const REGULAR_TO: i64 = REGULAR_FROM + CYCLE_SECONDS;

/// What the local times are cut into, some 48 days each, to find a change without searching.
const SLOT_BITS: u32 = 22;
/// 1836-11-27, before the first change but one; what is earlier is in the first slot.
const SLOTS_FROM: i64 = -4_200_000_000;

/// A zone of the database, with all its changes up to 2500: at most 60 KB.
pub(super) struct Zone {
    name: String,
    /// The local times at which the clocks are changed, as they show before; ascending. The first is before all time.
    changes: Box<[i64]>,
    /// What holds from each change on.
    spans: Box<[Span]>,
    /// For each slot of local times, the last change before it, as an index into the two above.
    slots: Box<[u16]>,
}

struct Span {
    /// The first local time that the changed clocks show: later than the change where they skip an hour, else earlier.
    first: i64,
    /// Seconds east of UTC.
    offset: i64,
}

type Named = (String, OnceLock<Option<Zone>>);

/// All zones' names, ascending, each read when it is first asked for and then kept: looking one up gives the same for ever.
static ZONES: LazyLock<Box<[Named]>> = LazyLock::new(|| {
    let mut names: Vec<_> = TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    names.into_iter().map(|name| (name, OnceLock::new())).collect()
});

/// The zone of exactly this name.
pub(super) fn find(name: &str) -> Option<&'static Zone> {
    let index = ZONES.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
    let (name, zone) = ZONES.get(index)?;
    zone.get_or_init(|| Zone::load(name)).as_ref()
}

impl Zone {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn load(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        let mut offset = i64::from(zone.to_offset(Timestamp::MIN).seconds());
        let (mut changes, mut spans) = (vec![i64::MIN], vec![Span { first: i64::MIN, offset }]);
        for change in zone.following(Timestamp::MIN) {
            let at = change.timestamp().as_second();
            // No offset is larger than a day, so that every local time before this limit has what it needs.
            if at > REGULAR_TO + 86_400 {
                break;
            }
            let next = i64::from(change.offset().seconds());
            if next != offset {
                changes.push(at + offset);
                spans.push(Span { first: at + next, offset: next });
            }
            offset = next;
        }
        let slots = slots(&changes)?;
        Some(Self { name: name.to_owned(), changes: changes.into(), spans: spans.into(), slots })
    }

    /// Seconds since 1970-01-01T00:00:00 UTC for such a number of local ones. A local time that the clocks skipped is `None`, one that
    /// they showed twice is the first.
    pub(super) fn utc(&self, local: i64) -> Option<i64> {
        let cycles = if local < REGULAR_TO { 0 } else { (local - REGULAR_FROM) / CYCLE_SECONDS };
        let shift = cycles * CYCLE_SECONDS;
        let local = local - shift;
        let slot = usize::try_from((local - SLOTS_FROM) >> SLOT_BITS).unwrap_or(0);
        let mut index = usize::from(*self.slots.get(slot)?);
        while self.changes.get(index + 1).is_some_and(|&change| change <= local) {
            index += 1;
        }
        let span = self.spans.get(index)?;
        (local >= span.first).then_some(local - span.offset + shift)
    }
}

fn slots(changes: &[i64]) -> Option<Box<[u16]>> {
    let mut slots = Vec::new();
    let mut index = 0_u16;
    for start in (SLOTS_FROM..REGULAR_TO).step_by(1 << SLOT_BITS) {
        while changes.get(usize::from(index) + 1).is_some_and(|&change| change < start) {
            index = index.checked_add(1)?;
        }
        // What is earlier than all slots looks in the first one.
        slots.push(if slots.is_empty() { 0 } else { index });
    }
    Some(slots.into())
}

/// There is one of each name.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}
