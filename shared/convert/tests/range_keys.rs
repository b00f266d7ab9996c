//! Keys, unique columns, dropped and counted duplicates of a file that is cut anywhere: decided as in one pass, and never decided of half of
//! them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

mod ranged;

use std::fmt::Write;
use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::range::{
    Compared, Contest, Decider, Decisions, DuplicateCount, KeyPlan, KeysError, RangeReport, RangeWork, judge,
    key_passes,
};
use lakegate_convert::{ConvertError, Converter, FileErrorKind, Source, Verdict};
use proptest::prelude::*;

use ranged::{Converted, Ranges, check, plan, work};

/// What a contract asks of other rows.
#[expect(clippy::struct_excessive_bools, reason = "all combinations are tried")]
#[derive(Debug, Clone, Copy)]
struct Asks {
    /// A primary key of two columns.
    key: bool,
    /// Two unique columns.
    unique: bool,
    drops: bool,
    counts: bool,
    is_json: bool,
}

/// Two columns of a key, two of codes, one that partitions, one with a rule that only warns, one that is derived, and one that no column has.
fn contract(asks: Asks) -> Arc<Contract> {
    let when = |asked: bool, text: &'static str| if asked { text } else { "" };
    let key =
        |position| if asks.key { format!(", primaryKey: true, primaryKeyPosition: {position}") } else { String::new() };
    let document = format!(
        r#"
apiVersion: v3.2.0
kind: DataContract
id: case
version: 1.0.0
servers:
  - {{server: landing, type: s3, location: "s3://*/cases/*", format: {format}}}
schema:
  - name: cases
    logicalType: object
    properties:
      - {{name: a, logicalType: string{first}}}
      - {{name: b, logicalType: integer{second}}}
      - {{name: c, logicalType: string{unique}}}
      - {{name: d, logicalType: number, physicalType: "DECIMAL(6,2)"{unique}}}
      - {{name: e, logicalType: string, partitioned: true}}
      - name: f
        logicalType: integer
        quality:
          - {{type: sql, name: small, severity: warning, mustBe: 0, query: "SELECT COUNT(*) FROM {{object}} WHERE {{property}} > 1"}}
      - {{name: tenfold, logicalType: integer, transformLogic: "f * 10", logicalTypeOptions: {{maximum: 20}}}}
    {counts}
    customProperties:
      - {{property: maxRejectPercent, value: 60, vendor: lakegate}}
      - {{property: unknownColumns, value: ignore, vendor: lakegate}}
      - {{property: exactDuplicates, value: {duplicates}, vendor: lakegate}}
"#,
        format = if asks.is_json { "json" } else { "csv" },
        first = key(1),
        second = key(2),
        unique = when(asks.unique, ", unique: true"),
        duplicates = if asks.drops { "drop" } else { "keep" },
        counts = when(
            asks.counts,
            "quality:
      - {name: enough, metric: rowCount, mustBeGreaterThan: 3}
      - {name: pairs, metric: duplicateValues, arguments: {properties: [d, f]}, mustBeLessThan: 3}
      - {name: shares, metric: duplicateValues, arguments: {properties: [e]}, mustBeLessThan: 50, unit: percent, severity: warning}
      - {name: derived, metric: duplicateValues, arguments: {properties: [tenfold]}, mustBe: 0, severity: warning}"
        ),
    );
    Arc::new(lakegate_contract::parse(&document).unwrap().contract)
}

/// A row: few values, so that rows share some of them in chains.
type Row = (u8, Option<u8>, Option<u8>, Option<u8>, u8, Option<u8>, u8);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let maybe = |range: std::ops::Range<u8>| prop::option::weighted(0.8, range);
    let few = (0..3_u8, maybe(0..3), maybe(0..4), maybe(0..4), 0..3_u8, maybe(0..4), 0..2_u8);
    let some = (0..9_u8, maybe(0..9), maybe(0..60), maybe(0..60), 0..2_u8, maybe(0..4), 0..2_u8);
    let many = (0..99_u8, maybe(0..99), maybe(0..255), maybe(0..255), 0..2_u8, maybe(0..3), 0..2_u8);
    prop_oneof![
        prop::collection::vec(few, 1..60),
        prop::collection::vec(some, 1..150),
        prop::collection::vec(many, 1..150)
    ]
}

/// What follows the text of the rows: nothing, a bad type, too many fields, a stray quote.
fn file(asks: Asks, rows: &[Row]) -> String {
    let text = |value: &Option<u8>| value.map_or_else(String::new, |value| value.to_string());
    let mut file = if asks.is_json { String::new() } else { "a,b,c,more,d,e,f\n".to_owned() };
    for (number, (a, b, c, d, e, f, more)) in rows.iter().enumerate() {
        let (b, c, d, f) = (text(b), text(c), text(d), text(f));
        let bad = (number * 7 + usize::from(*a) * 5) % 23;
        if asks.is_json {
            let or_null = |text: &str| if text.is_empty() { "null".to_owned() } else { text.to_owned() };
            let (b, d, f) = (or_null(&b), or_null(&d), or_null(&f));
            let c = if c.is_empty() { c } else { format!("\"c\":\"{c}\",") };
            let b = if bad == 1 { "\"x\"" } else { &b };
            let end = if bad == 2 { "" } else { "}" };
            writeln!(file, "{{\"a\":\"k{a}\",\"b\":{b},{c}\"more\":{more},\"d\":{d},\"e\":\"p{e}\",\"f\":{f}{end}")
                .unwrap();
        } else {
            let b = if bad == 1 { "x" } else { &b };
            let end = if bad == 2 { ",too,many" } else { "" };
            let quoted = if bad == 3 { "\"a\nb\"" } else { &c };
            writeln!(file, "k{a},{b},{quoted},{more},{d},p{e},{f}{end}").unwrap();
        }
    }
    file
}

fn asks() -> impl Strategy<Value = Asks> {
    let flags = prop::array::uniform5(any::<bool>());
    flags.prop_map(|[key, unique, drops, counts, is_json]| Asks { key, unique, drops, counts, is_json })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    let every = |step: usize| (0..5000).step_by(step).collect();
    prop_oneof![(1_usize..400).prop_map(every), prop::collection::vec(0_usize..3000, 0..6)]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 400, failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn rows_that_share_keys_lose_as_in_one_pass(
        asks in asks(), rows in rows(), cuts in cuts(), chunk_bytes in prop_oneof![20_usize..90, Just(usize::MAX)]
    ) {
        check(&contract(asks), file(asks, &rows).as_bytes(), &cuts, chunk_bytes).unwrap();
    }

    #[test]
    fn bytes_that_are_no_keys_are_refused_and_never_a_panic(
        place in 0_usize..4000, byte: u8, cut in 0_usize..4000, chunk_bytes in 1_usize..200
    ) {
        let asks = Asks { key: true, unique: true, drops: true, counts: true, is_json: false };
        let file = file(asks, &chain(40));
        with_ranges(asks, &file, 200, |ranges, work, converted| {
            let mut keys: Vec<u8> = converted.iter().filter_map(|converted| converted.keys.get(&0)).flatten().copied().collect();
            let place = place % keys.len();
            keys[place] ^= byte;
            keys.truncate(cut % keys.len() + 1);
            let mut contest = Contest::new(ranges.contract, 2);
            let mut pushed = Ok(());
            while pushed.is_ok() && contest.next_pass() {
                pushed = keys.chunks(chunk_bytes).try_for_each(|chunk| contest.push(chunk));
            }
            let Ok(mut found) = pushed.and_then(|()| contest.finish()) else { return };
            let reports = reports(converted);
            let mut decider = Decider::new(ranges.contract, work, &reports).unwrap();
            let _ = decider.add(&found).and_then(|()| decider.finish());
            let place = place % found.len();
            found[place] ^= byte;
            let mut decider = Decider::new(ranges.contract, work, &reports).unwrap();
            let _ = decider.add(&found).and_then(|()| decider.finish());
        });
    }
}

/// Each row shares its key with the one before and a code with the one behind: every second one wins.
fn chain(rows: u8) -> Vec<Row> {
    let row = |row: u8| (row / 2, Some(1), Some(row.div_ceil(2)), None, 0, Some(0), 0);
    (0..rows).map(row).collect()
}

fn with_ranges(asks: Asks, file: &str, range_bytes: usize, test: impl FnOnce(&Ranges<'_>, &[RangeWork], &[Converted])) {
    let contract = contract(asks);
    let cuts: Vec<usize> = (0..file.len()).step_by(range_bytes).collect();
    let plan = plan(&contract, file.as_bytes(), &cuts).unwrap();
    let (work, _) = work(&contract, &plan, file.as_bytes(), usize::MAX);
    let ranges = Ranges { contract: &contract, plan, input: file.as_bytes(), chunk_bytes: 4096, passes: 1 };
    let converted: Vec<Converted> = work.iter().map(|work| ranges.convert(work, None)).collect();
    test(&ranges, &work, &converted);
}

fn reports(converted: &[Converted]) -> Vec<RangeReport> {
    converted.iter().map(|converted| converted.report.clone()).collect()
}

const KEYS: Asks = Asks { key: true, unique: true, drops: false, counts: true, is_json: false };

#[test]
fn a_row_that_loses_frees_what_it_has_for_those_below() {
    let row = |(a, _, c, ..): &Row| format!("k{a},1,{},0,,p0,0\n", c.unwrap());
    let file = format!("a,b,c,more,d,e,f\n{}", chain(100).iter().map(row).collect::<Vec<_>>().concat());
    assert_eq!(check(&contract(KEYS), file.as_bytes(), &(0..2000).step_by(60).collect::<Vec<_>>(), usize::MAX), Ok(0));
    with_ranges(KEYS, &file, 300, |ranges, work, converted| {
        let decisions = ranges.decide(work, converted);
        assert!(decisions.ranges.len() > 4);
        assert_eq!(decisions.decided.lost.values().sum::<u64>(), 50);
    });
}

#[test]
fn large_files_with_keys_come_to_the_same_in_ranges() {
    // Some rows share a key with one far above.
    let row = |row: usize| {
        let of = if row % 50 == 49 { row / 3 } else { row };
        format!("k{},{},{},{},{},p{},{}\n", of % 251, of / 251, of, row % 2, row % 90_001, row % 3, row % 3)
    };
    let lines = (0..60_000).map(row).collect::<Vec<_>>().concat();
    let file = format!("a,b,c,more,d,e,f\n{lines}").replace(",9000", ",");
    let cuts: Vec<usize> = (0..file.len()).step_by(150_000).collect();
    for asks in [KEYS, Asks { drops: true, ..KEYS }, Asks { unique: false, key: false, ..KEYS }] {
        check(&contract(asks), file.as_bytes(), &cuts, 100_000).unwrap();
    }
}

#[test]
fn a_row_that_loses_opens_no_partition() {
    let asks = Asks { key: true, unique: false, drops: false, counts: false, is_json: false };
    let rows = chain(30);
    let mut file = file(asks, &rows);
    // Too long for a path, and with the key of the first row.
    writeln!(file, "k0,1,,0,,{},0\nk200,1,,0,,p1,0\nk201,1,,0,,p1,0\nk200,1,,0,,p1,0", "x".repeat(3000)).unwrap();
    check(&contract(asks), file.as_bytes(), &[200, 500], usize::MAX).unwrap();
    with_ranges(asks, &file, 200, |_, _, converted| {
        let kinds = converted.iter().filter_map(|converted| Some(converted.report.file_error.as_ref()?.kind));
        assert_eq!(kinds.collect::<Vec<_>>(), [FileErrorKind::TooLongPartition]);
    });
    // With a key of its own it rejects the file.
    let file = file.replace("k0,1,,0,,xxx", "k99,1,,0,,xxx");
    with_ranges(asks, &file, 200, |ranges, work, converted| {
        let decisions = ranges.decide(work, converted);
        let again = |(work, converted): (&RangeWork, &Converted)| match decisions.ranges.get(&work.range) {
            Some(decisions) => ranges.convert(work, Some(decisions)).report,
            None => converted.report.clone(),
        };
        let reports: Vec<RangeReport> = work.iter().zip(converted).map(again).collect();
        let compared = ranges.compare(converted, &decisions);
        let judgement = judge(ranges.contract, file.len() as u64, &reports, Some(&compared)).unwrap();
        assert_eq!(judgement.file_error.unwrap().kind, FileErrorKind::TooLongPartition);
    });
}

#[test]
fn a_plan_says_whether_rows_of_different_ranges_are_compared() {
    let none = Asks { key: false, unique: false, drops: false, counts: false, is_json: false };
    let keys = |asks: Asks| plan(&contract(asks), b"a,b,c,d,e,f\n", &[]).unwrap().keys;
    assert_eq!(keys(none), None);
    let counts_duplicates = |asks: Asks| keys(asks).map(|KeyPlan { counts_duplicates, .. }| counts_duplicates);
    assert_eq!(counts_duplicates(Asks { drops: true, ..none }), Some(false));
    assert_eq!(counts_duplicates(Asks { key: true, ..none }), Some(false));
    assert_eq!(counts_duplicates(Asks { counts: true, ..none }), Some(true));
    assert_eq!((key_passes(0), key_passes(64 << 20), key_passes((64 << 20) + 1)), (1, 1, 2));
}

#[test]
fn keys_come_while_a_range_is_read() {
    let contract = contract(KEYS);
    let row = |row: usize| format!("k{row},1,{row},0,,p,0\n");
    let file = format!("a,b,c,more,d,e,f\n{}", (0..40_000).map(row).collect::<Vec<_>>().concat());
    let plan = plan(&contract, file.as_bytes(), &[]).unwrap();
    let (work, _) = work(&contract, &plan, file.as_bytes(), usize::MAX);
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
    let mut converter = Converter::of_range(Arc::clone(&contract), source, &plan.beginning, &work[0]).unwrap();
    let mut sizes = Vec::new();
    for chunk in file.as_bytes()[usize::try_from(work[0].begin).unwrap()..].chunks(50_000) {
        let _ = converter.push(chunk).unwrap();
        sizes.push(converter.drain_keys().iter().map(|chunk| chunk.bytes.len()).sum::<usize>());
    }
    assert!(sizes.len() > 10 && sizes.iter().skip(3).all(|bytes| *bytes < 400_000), "{sizes:?}");
    let report = converter.finish_range(0).unwrap();
    sizes.push(converter.drain_keys().iter().map(|chunk| chunk.bytes.len()).sum());
    // Of each row: key, c, [e], [tenfold]; d is null.
    assert_eq!(report.keys, 160_000);
    let bytes = sizes.iter().sum::<usize>() as u64;
    assert!(bytes < report.keys * 15, "{bytes}");
}

#[test]
fn what_is_not_compared_or_not_obeyed_is_never_judged() {
    let file = file(KEYS, &chain(40));
    with_ranges(KEYS, &file, 200, |ranges, work, converted| {
        let (contract, size) = (ranges.contract, file.len() as u64);
        let reports = reports(converted);
        assert_eq!(judge(contract, size, &reports, None).unwrap_err(), KeysError::NotCompared);
        let decisions = ranges.decide(work, converted);
        let compared = ranges.compare(converted, &decisions);
        // Ranges with rows that lose were not converted again.
        let (range, lost) = decisions.decided.lost.first_key_value().unwrap();
        let told = KeysError::Undecided { range: *range, lost: 0, decided: *lost };
        assert_eq!(judge(contract, size, &reports, Some(&compared)).unwrap_err(), told);
        let again = |work: &RangeWork| ranges.convert(work, decisions.ranges.get(&work.range)).report;
        let reports: Vec<RangeReport> = work.iter().map(again).collect();
        assert_eq!(judge(contract, size, &reports, Some(&compared)).unwrap().verdict, Verdict::Published);
        let uncounted = Compared { counted: Vec::new(), ..compared.clone() };
        let missing = KeysError::Incomplete { expected: decisions.decided.keys, found: 0 };
        assert_eq!(judge(contract, size, &reports, Some(&uncounted)).unwrap_err(), missing);
        let mut twice = compared;
        twice.counted.extend(twice.counted.clone());
        let repeated = KeysError::BucketTwice { bucket: 0 };
        assert_eq!(judge(contract, size, &reports, Some(&twice)).unwrap_err(), repeated);
    });
}

#[test]
fn keys_that_are_lost_doubled_or_of_another_file_are_told() {
    let file = file(KEYS, &chain(40));
    with_ranges(KEYS, &file, 200, |ranges, work, converted| {
        let keys: Vec<&[u8]> = converted.iter().map(|converted| converted.keys[&0].as_slice()).collect();
        let reports = reports(converted);
        let written = reports.iter().map(|report| report.keys).sum();
        let decide = |found: &[Vec<u8>]| {
            let mut decider = Decider::new(ranges.contract, work, &reports).unwrap();
            found.iter().try_for_each(|found| decider.add(found)).and_then(|()| decider.finish())
        };
        let lost = ranges.contest(&keys[1..]);
        let found = written - reports[0].keys;
        assert_eq!(
            decide(std::slice::from_ref(&lost)).unwrap_err(),
            KeysError::Incomplete { expected: written, found }
        );
        // Half of a bucket here, half there: no row meets all others.
        let halves = [lost, ranges.contest(&keys[..1])];
        assert_eq!(decide(&halves).unwrap_err(), KeysError::BucketTwice { bucket: 0 });
        assert_eq!(decide(&[]).unwrap_err(), KeysError::Incomplete { expected: written, found: 0 });
        assert_eq!(decide(&[b"{}".to_vec()]).unwrap_err(), KeysError::NoKeys);
        assert_eq!(
            Decider::new(ranges.contract, work, &reports[1..]).unwrap_err(),
            KeysError::Reports { range: work[0].range, reports: 0 }
        );
        assert_eq!(decide(&[ranges.contest(&keys)]).unwrap(), ranges.decide(work, converted));
        let push = |contract: &Arc<Contract>, bytes: &[&[u8]]| {
            let mut contest = Contest::new(contract, 1);
            let mut pushed = Ok(());
            while pushed.is_ok() && contest.next_pass() {
                pushed = bytes.iter().try_for_each(|bytes| contest.push(bytes));
            }
            pushed.and_then(|()| contest.finish()).unwrap_err()
        };
        let twice = ranges.contest(&[keys.as_slice(), &keys[..1]].concat());
        let found = written + reports[0].keys;
        assert_eq!(decide(&[twice]).unwrap_err(), KeysError::Incomplete { expected: written, found });
        assert_eq!(push(ranges.contract, &[&keys[0][..keys[0].len() - 1]]), KeysError::Truncated);
        assert_eq!(push(ranges.contract, &[b"id,n,t\n"]), KeysError::NoKeys);
        let other = contract(Asks { unique: false, ..KEYS });
        assert_eq!(push(&other, &[keys[0]]), KeysError::OtherContract { expected: 4, found: 6 });
        let mut divided = keys[0].to_vec();
        divided[7] = 9;
        let told = KeysError::OtherBucket { expected: 0, expected_of: 1, found: 0, found_of: 9 };
        assert_eq!(push(ranges.contract, &[keys[1], &divided]), told);
        // Passes that were not made.
        let mut contest = Contest::new(ranges.contract, 1);
        assert!(contest.next_pass());
        keys.iter().try_for_each(|keys| contest.push(keys)).unwrap();
        assert_eq!(contest.finish().unwrap_err(), KeysError::Truncated);
        let mut count = DuplicateCount::new(ranges.contract, 2, &ranges.decide(work, converted));
        assert!(count.next_pass());
        keys.iter().try_for_each(|keys| count.push(keys)).unwrap();
        assert_eq!(count.finish().unwrap_err(), KeysError::Truncated);
    });
}

#[test]
fn decisions_of_another_file_are_refused() {
    let file = file(KEYS, &chain(40));
    with_ranges(KEYS, &file, 200, |ranges, work, converted| {
        let decisions: Decisions = ranges.decide(work, converted);
        let (range, of_range) = decisions.ranges.first_key_value().unwrap();
        let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
        // A file whose rows all break a rule.
        let other = file.replace(",1,", ",x,");
        let work = work.iter().find(|work| work.range == *range).unwrap();
        let converter = Converter::of_range(Arc::clone(ranges.contract), source, &ranges.plan.beginning, work).unwrap();
        let mut converter = converter.with_decisions(of_range);
        let begin = usize::try_from(work.begin).unwrap();
        let pushed = converter.push(&other.as_bytes()[begin..]).and_then(|_| converter.finish_range(*range));
        assert!(matches!(pushed, Err(ConvertError::Decisions { .. })), "{pushed:?}");
    });
}
