#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const CLIENT: Uuid = Uuid::from_u128(0xC);

static TAKES: [Parameter; 8] = [
    Parameter::path("code", ""),
    Parameter::filter("search", ""),
    Parameter::query("batch", "").of(Form::Uuid),
    Parameter::query("state", "").of(Form::OneOf(&["open", "done"])),
    Parameter::FROM,
    Parameter::TO,
    Parameter::CURSOR,
    Parameter::LIMIT,
];

fn asked(query: &[(&str, &str)]) -> Result<List, Problem> {
    let pairs: Vec<(String, String)> = query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    List::read(&TAKES, CLIENT, "/v1/things", &pairs)
}

/// All items that are walked over, page by page, when so many are looked at for each.
fn walked(items: &[u32], limit: usize, looked: usize, matches: impl Fn(u32) -> bool) -> Vec<u32> {
    let (mut seen, mut cursor, limit) = (Vec::new(), None, limit.to_string());
    for _ in 0..=items.len() + 1 {
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let list = asked(&query).unwrap();
        let after: Option<u32> = list.after().unwrap();
        let rest = items
            .iter()
            .copied()
            .filter(|item| after.is_none_or(|after| *item > after));
        let rest: Vec<u32> = rest.take(looked).collect();
        let reached = rest.last().copied().filter(|_| rest.len() == looked);
        let found = rest.into_iter().filter(|item| matches(*item)).map(|item| (item, item));
        let page = list.page(found, reached).unwrap();
        assert!(page.items.len() <= list.limit());
        seen.extend(page.items);
        match page.next {
            None => return seen,
            next => cursor = next,
        }
    }
    panic!("{limit} of {} items: the walk has no end", items.len());
}

#[test]
fn a_walk_over_pages_of_any_size_is_the_whole_list() {
    for count in 0..=13 {
        let items: Vec<u32> = (0..count).map(|item| item * 3).collect();
        for limit in 1..=15 {
            for looked in [1, 2, 5, 100] {
                assert_eq!(walked(&items, limit, looked, |_| true), items, "{limit}, {looked}");
                let even: Vec<u32> = items.iter().copied().filter(|item| item % 2 == 0).collect();
                assert_eq!(
                    walked(&items, limit, looked, |item| item % 2 == 0),
                    even,
                    "{limit}, {looked}"
                );
                assert_eq!(walked(&items, limit, looked, |_| false), [0; 0], "{limit}, {looked}");
            }
        }
    }
}

#[test]
fn a_page_knows_whether_it_is_the_last() {
    for (count, limit, more) in [(0, "3", false), (2, "3", false), (3, "3", false), (4, "3", true)] {
        let list = asked(&[("limit", limit)]).unwrap();
        let page = list.page((0..count).map(|item| (item, item)), None).unwrap();
        assert_eq!(page.next.is_some(), more, "{count} of {limit}");
    }
}

#[test]
fn a_page_of_large_items_ends_before_an_answer_is_too_large() {
    // 16 KB as an event may have, short and long once Lambda has escaped it.
    for (letter, count, all) in [
        ("x", 200, true),
        ("\"", 200, false),
        ("\u{1}", 60, false),
        ("\u{1}", 1, true),
    ] {
        let item = letter.repeat(16_384);
        let list = asked(&[]).unwrap();
        let page = list.page((0..count).map(|key| (key, item.as_str())), None).unwrap();
        assert_eq!(
            (page.items.len() == count, page.next.is_none()),
            (all, all),
            "{letter:?}"
        );
        let written = serde_json::to_vec(&page.items).unwrap();
        assert!(payload_bytes(&written) <= MAX_ANSWER_BYTES);
        let after: Option<usize> = page.next.map(|next| {
            let list = asked(&[("cursor", &next)]).unwrap();
            list.after().unwrap().unwrap()
        });
        assert!(after.is_none_or(|after| after + 1 == page.items.len()));
    }
    // One that is too large by itself is left to what checks every answer.
    let page = asked(&[])
        .unwrap()
        .page([(0, "x".repeat(MAX_ANSWER_BYTES)), (1, String::new())], None)
        .unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (1, true));
}

#[test]
fn what_does_not_fit_is_named_with_what_would() {
    let long = "ü".repeat(1_025);
    for (name, value, told, hint) in [
        ("limit", "0", "`limit` is \"0\"", "from 1 to 1000"),
        ("limit", "1001", "`limit` is \"1001\"", "from 1 to 1000"),
        ("limit", "many", "`limit` is \"many\"", "from 1 to 1000"),
        ("limit", "1.5", "`limit` is \"1.5\"", "from 1 to 1000"),
        ("limit", "", "`limit` is empty", "from 1 to 1000"),
        (
            "search",
            "",
            "`search` is empty",
            "1 to 1024 characters, or leave it out",
        ),
        (
            "search",
            "a\0b",
            "`search` contains the character U+0000",
            "1 to 1024 characters",
        ),
        ("search", &long, "`search` has 1025 characters", "1 to 1024 characters"),
        ("batch", "7", "`batch` is \"7\", which is no UUID", "a UUID"),
        ("state", "all", "`state` is \"all\"", "one of open, done"),
        ("state", "Open", "`state` is \"Open\"", "one of open, done"),
        ("from", "today", "`from` is \"today\"", "such as 2026-01-01T00:00:00Z"),
        ("to", "", "`to` is empty", "such as 2026-01-01T00:00:00Z"),
        ("cursor", "next", "`cursor` is none", "leave `cursor` out"),
        ("cursor", "", "`cursor` is empty", "`next` of the page before"),
    ] {
        let problem = asked(&[(name, value)]).unwrap_err();
        let given = problem.hint.unwrap_or_default();
        assert_eq!(problem.status, 400, "{name}={value}");
        assert!(
            problem.detail.contains(told) && given.contains(hint),
            "{}: {given}",
            problem.detail
        );
    }
    let range = [("from", "2026-01-02T00:00:00Z"), ("to", "2026-01-01T00:00:00Z")];
    assert_eq!(asked(&range).unwrap_err().status, 422);
}

#[test]
fn filters_are_read_as_they_are_meant() {
    let list = asked(&[
        ("search", " 50 % "),
        ("state", "done"),
        ("from", "2026-01-01T01:00:00+01:00"),
    ])
    .unwrap();
    assert_eq!(
        (list.text("search"), list.text("state"), list.text("batch")),
        (Some(" 50 % "), Some("done"), None)
    );
    assert_eq!(
        list.parsed::<Timestamp>("from").unwrap(),
        Some("2026-01-01T00:00:00Z".parse().unwrap())
    );
    assert_eq!((list.limit(), list.most()), (200, 201));
    assert!(list.search().unwrap().finds(&["about 50 % of it"]));
    assert_eq!(list.after::<String>().unwrap(), None);
}

#[test]
fn a_cursor_goes_on_by_the_same_filters_however_they_are_written() {
    let first = asked(&[("state", "open"), ("from", "2026-01-01T00:00:00Z"), ("limit", "1")]).unwrap();
    let next = first.page([(1, 1), (2, 2)], None).unwrap().next.unwrap();
    let same = [
        ("from", "2026-01-01T01:00:00+01:00"),
        ("cursor", &next),
        ("state", "open"),
        ("limit", "9"),
    ];
    assert_eq!(asked(&same).unwrap().after().unwrap(), Some(1));
    for (other, told) in [
        (vec![("cursor", next.as_str())], "other filters"),
        (
            vec![
                ("cursor", next.as_str()),
                ("state", "done"),
                ("from", "2026-01-01T00:00:00Z"),
            ],
            "other filters",
        ),
        (vec![("cursor", &next[1..])], "changed, or cut off"),
    ] {
        let problem = asked(&other).unwrap_err();
        assert_eq!(
            (problem.status, problem.kind.as_str()),
            (400, "urn:analytics-engine:problem:unfit-cursor")
        );
        assert!(problem.detail.contains(told), "{}", problem.detail);
    }
    let pairs = [("cursor".to_owned(), next)];
    for (client, path) in [(Uuid::from_u128(0xD), "/v1/things"), (CLIENT, "/v1/others")] {
        let problem = List::read(&TAKES, client, path, &pairs).unwrap_err();
        assert!(problem.detail.contains("another list"), "{}", problem.detail);
    }
}
