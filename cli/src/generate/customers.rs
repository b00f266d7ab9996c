//! Customers as exports of what changed since the one before: the first export has all of them.
//! It must not know where they are written to. A customer's state is computed from their number, so that nothing is kept.

use anyhow::Result;
use chrono::NaiveDateTime;

use super::bad::{Bad, BadShare};
use super::calendar::{Period, days_before};
use super::files::Files;
use super::people::{self, AGE_GROUPS, Person, Place, TIERS, customer_id};
use super::random::{Random, Stream};
use super::text::json;

/// Of so many customers one changes from one export to the next.
const CHANGES_ONE_IN: u64 = 12;
/// By one of so many customers grows the shop from one export to the next.
const GROWS_ONE_IN: u64 = 50;

/// What to make.
#[derive(Debug)]
pub(super) struct Customers {
    pub(super) seed: u64,
    /// Customers in the first export.
    pub(super) rows: u64,
    pub(super) period: Period,
    /// How many, spread over the period; there is at least a day between two.
    pub(super) exports: u64,
    pub(super) bad: BadShare,
}

#[derive(Debug, Clone, Copy)]
enum BadCustomer {
    TierUnknown,
    NoName,
    EmailWrong,
    IdAgain,
    DayWrong,
    AgeUnknown,
    Truncated,
    IdWrong,
    CountryName,
    ActiveWrong,
    NoTime,
    KeyUnknown,
}

impl Bad for BadCustomer {
    const KINDS: &'static [Self] = &[
        Self::TierUnknown,
        Self::NoName,
        Self::EmailWrong,
        Self::IdAgain,
        Self::DayWrong,
        Self::AgeUnknown,
        Self::Truncated,
        Self::IdWrong,
        Self::CountryName,
        Self::ActiveWrong,
        Self::NoTime,
        Self::KeyUnknown,
    ];

    fn breaks(self) -> (&'static str, &'static str) {
        match self {
            Self::TierUnknown => ("membership_tier", "enum"),
            Self::NoName => ("name", "required"),
            Self::EmailWrong => ("email", "pattern"),
            Self::IdAgain => ("customer_id", "unique"),
            Self::DayWrong => ("signup_date", "type"),
            Self::AgeUnknown => ("age_group", "enum"),
            Self::Truncated => ("", "syntax"),
            Self::IdWrong => ("customer_id", "pattern"),
            Self::CountryName => ("country", "pattern"),
            Self::ActiveWrong => ("active", "type"),
            Self::NoTime => ("updated_at", "required"),
            Self::KeyUnknown => ("", "unknownColumns"),
        }
    }

    fn repeats(self) -> bool {
        match self {
            Self::IdAgain => true,
            Self::TierUnknown
            | Self::NoName
            | Self::EmailWrong
            | Self::DayWrong
            | Self::AgeUnknown
            | Self::Truncated
            | Self::IdWrong
            | Self::CountryName
            | Self::ActiveWrong
            | Self::NoTime
            | Self::KeyUnknown => false,
        }
    }
}

impl Customers {
    /// One file for each export.
    pub(super) fn names(&self) -> Vec<String> {
        (0..self.exports).map(|export| self.name(export)).collect()
    }

    fn name(&self, export: u64) -> String {
        format!("{}.ndjson", self.taken_at(export).format("%Y-%m-%d"))
    }

    /// When an export was taken: the first one at the period's beginning, the next ones in equal steps.
    fn taken_at(&self, export: u64) -> NaiveDateTime {
        self.period.after(self.taken_secs(export))
    }

    fn taken_secs(&self, export: u64) -> u64 {
        self.period.day_count() * 86_400 * export / self.exports.max(1)
    }

    /// How many customers there are when an export is taken.
    fn known(&self, export: u64) -> u64 {
        self.rows + self.rows * export / GROWS_ONE_IN
    }

    /// So many rows at most, for the progress.
    pub(super) fn rows_expected(&self) -> u64 {
        (1..self.exports).fold(self.rows, |rows, export| rows + self.known(export) / CHANGES_ONE_IN)
    }

    pub(super) fn write(&self, files: &mut Files) -> Result<()> {
        let mut bad = self.bad.rows::<BadCustomer>();
        for export in 0..self.exports {
            files.begin(&self.name(export), "")?;
            let mut good: Option<String> = None;
            for number in 1..=self.known(export) {
                let Some(state) = self.state(number, export) else {
                    files.check()?;
                    continue;
                };
                let kind = bad.next(good.is_some());
                let mut row = Row::new(number, &state);
                match kind {
                    Some(kind) => row.spoil(kind, &state, good.as_deref()),
                    None => good = Some(row.id.clone()),
                }
                files.row(&row.as_text(), kind.map(Bad::breaks))?;
            }
        }
        Ok(())
    }

    /// How a customer is in an export; nothing if they did not change since the one before.
    fn state(&self, number: u64, export: u64) -> Option<State> {
        let came = self.came(number);
        if came != export && !self.changes(number, came, export) {
            return None;
        }
        let mut state = self.first_state(number, came);
        for export in came + 1..=export {
            if self.changes(number, came, export) {
                let mut random = self.random(number, export);
                state.change(&mut random);
                state.updated_at = self.since_the_last(export, &mut random);
            }
        }
        Some(state)
    }

    /// The first export that has a customer.
    fn came(&self, number: u64) -> u64 {
        (0..self.exports).find(|export| number <= self.known(*export)).unwrap_or_default()
    }

    fn random(&self, number: u64, export: u64) -> Random {
        Random::of(self.seed, Stream::Change, number.wrapping_mul(1 << 20).wrapping_add(export))
    }

    /// Whether a customer who was there before changes.
    fn changes(&self, number: u64, came: u64, export: u64) -> bool {
        let number = number.wrapping_mul(1 << 20).wrapping_add(export);
        came < export && Random::of(self.seed, Stream::Turn, number).below(CHANGES_ONE_IN) == 0
    }

    /// A time after the export before this one, and before this one.
    fn since_the_last(&self, export: u64, random: &mut Random) -> NaiveDateTime {
        let (last, now) = (self.taken_secs(export - 1), self.taken_secs(export));
        self.period.after(random.between(last + 1, now - 1))
    }

    fn first_state(&self, number: u64, came: u64) -> State {
        let Person { given, family, place, age, tier, known_days } = people::person(self.seed, number);
        let mut random = self.random(number, came);
        let (signup, updated_at) = if came == 0 {
            let first = self.period.first();
            let signup = days_before(first.date(), known_days);
            // Between the day behind the signup and the period's beginning.
            let secs_ago = random.between(1, (known_days - 1).max(1) * 86_400);
            let updated_at = first - chrono::TimeDelta::seconds(i64::try_from(secs_ago).unwrap_or_default());
            (signup, updated_at)
        } else {
            let at = self.since_the_last(came, &mut random);
            (at.date(), at)
        };
        let name = format!("{given} {family}");
        let is_active = random.below(20) > 0;
        State {
            name,
            place,
            age,
            tier,
            is_active,
            email_version: 1,
            signup: signup.format("%Y-%m-%d").to_string(),
            updated_at,
        }
    }
}

/// A customer at a time.
struct State {
    name: String,
    place: Place,
    age: usize,
    tier: usize,
    is_active: bool,
    email_version: u32,
    signup: String,
    updated_at: NaiveDateTime,
}

impl State {
    /// Something is other than before, whatever is drawn.
    fn change(&mut self, random: &mut Random) {
        let country = people::any_place(random);
        match random.below(100) {
            0..40 if self.tier + 1 < TIERS.len() => self.tier += 1,
            40..50 if self.tier > 0 => self.tier -= 1,
            50..65 if country.code != self.place.code => self.place = country,
            65..75 if self.age + 1 < AGE_GROUPS.len() => self.age += 1,
            75..85 => self.is_active = !self.is_active,
            _ => self.email_version += 1,
        }
    }
}

/// A row's values as JSON; none is left out.
struct Row {
    id: String,
    name: Option<String>,
    email: String,
    country: String,
    age_group: &'static str,
    tier: &'static str,
    signup: String,
    updated_at: Option<String>,
    active: String,
    more: &'static str,
    is_truncated: bool,
}

impl Row {
    fn new(number: u64, state: &State) -> Self {
        let version = if state.email_version > 1 { format!(".{}", state.email_version) } else { String::new() };
        Self {
            email: format!("c{number:05}{version}@example.com"),
            id: customer_id(number),
            name: Some(state.name.clone()),
            country: state.place.code.to_owned(),
            age_group: AGE_GROUPS.get(state.age).copied().unwrap_or_default(),
            tier: TIERS.get(state.tier).copied().unwrap_or_default(),
            signup: state.signup.clone(),
            updated_at: Some(state.updated_at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            active: state.is_active.to_string(),
            more: "",
            is_truncated: false,
        }
    }

    /// Breaks one rule. `good` is the number of a good row above in the file.
    fn spoil(&mut self, kind: BadCustomer, state: &State, good: Option<&str>) {
        match kind {
            BadCustomer::TierUnknown => self.tier = "diamond",
            BadCustomer::NoName => self.name = None,
            BadCustomer::EmailWrong => self.email = self.email.replace('@', " at "),
            BadCustomer::IdAgain => good.unwrap_or_default().clone_into(&mut self.id),
            BadCustomer::DayWrong => self.signup.replace_range(5..7, "13"),
            BadCustomer::AgeUnknown => self.age_group = "unknown",
            BadCustomer::Truncated => self.is_truncated = true,
            BadCustomer::IdWrong => self.id = self.id.replace('-', ""),
            BadCustomer::CountryName => state.place.country.clone_into(&mut self.country),
            BadCustomer::ActiveWrong => "\"maybe\"".clone_into(&mut self.active),
            BadCustomer::NoTime => self.updated_at = None,
            BadCustomer::KeyUnknown => self.more = ",\"loyalty_points\":12",
        }
    }

    fn as_text(&self) -> String {
        let name = self.name.as_ref().map_or_else(|| "null".to_owned(), |name| json(name));
        // A key that is missing is a null as well.
        let updated_at =
            self.updated_at.as_ref().map_or_else(String::new, |at| format!("\"updated_at\":{},", json(at)));
        let mut line = format!(
            "{{\"customer_id\":{},\"name\":{name},\"email\":{},\"country\":{},\"age_group\":{},\"membership_tier\":{},\
             \"signup_date\":{},{updated_at}\"active\":{}{}}}",
            json(&self.id),
            json(&self.email),
            json(&self.country),
            json(self.age_group),
            json(self.tier),
            json(&self.signup),
            self.active,
            self.more,
        );
        if self.is_truncated {
            // As an export that broke off in the middle of a key.
            line.truncate(line.find("\"email").map_or(0, |key| key + 4));
        }
        line.push('\n');
        line
    }
}
