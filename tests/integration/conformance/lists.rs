//! Pages of lists as the database reads them: walked from first to last they are the list, by every filter and in pages of any size, whatever comes meanwhile; and no
//! page goes through a whole table.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proposal::lifecycle::{Outcome, State};
use records::lists::{Found, MAX_LOOKED_AT};
use records::{batches, dead_letters, files, proposals, users};
use tests::databases::{TestDatabase, servers};
use tests::waiting::eventually;
use tokio_postgres::Client;
use uuid::Uuid;

/// More than one page looks at.
const ROWS: i64 = 12_000;

/// Batches, files and letters of which four have each time, of two entities; some letters are undone, and few have another reason.
const BROUGHT: &str = "
    INSERT INTO core.batches (client_id, id, entity, source, accepted, rejected, next_position, begun_at)
        SELECT '$CLIENT', gen_random_uuid(), CASE WHEN n % 3 = 0 THEN 'Sale' ELSE 'Order' END, CASE WHEN n % 4000 = 0 THEN 'replay' ELSE 'events' END, 1, 0,
            CASE WHEN n % 1000 = 0 THEN 1 END, timestamptz '2026-03-28' + (n / 4) * interval '1 second' FROM generate_series(1, $ROWS) n;
    INSERT INTO core.files (client_id, id, key, entity, state, begun_at)
        SELECT '$CLIENT', gen_random_uuid(), 'key ' || n % 50, CASE WHEN n % 3 = 0 THEN 'Sale' ELSE 'Order' END, CASE WHEN n % 5000 = 0 THEN 'refused' ELSE 'finished' END,
            timestamptz '2026-03-28' + (n / 4) * interval '1 second' FROM generate_series(1, $ROWS) n;
    INSERT INTO core.dead_letters (id, client_id, entity, batch_id, position, field, reason, original, received_at, is_undone, replayed_at)
        SELECT (lpad(to_hex(1774656000000 + n / 4 * 1000), 12, '0') || substr(md5(n::text), 1, 20))::uuid, '$CLIENT', CASE WHEN n % 3 = 0 THEN 'Sale' ELSE 'Order' END,
            md5((n % 50)::text)::uuid, n, CASE WHEN n % 2 = 0 THEN 'amount' ELSE '' END, CASE WHEN n % 4000 = 0 THEN 'Überzahl: 100_%' ELSE 'no number' END, '{}',
            timestamptz '2026-03-28' + (n / 4) * interval '1 second' + interval '30 seconds', n % 7 = 0, CASE WHEN n % 3000 = 0 THEN now() END
        FROM generate_series(1, $ROWS) n;
    INSERT INTO core.users (id, client_id, email, password_hash, role)
        SELECT gen_random_uuid(), '$CLIENT', 'user_' || n || '@example.com', CASE WHEN n % 2 = 0 THEN 'none' ELSE 'x' END, CASE WHEN n % 3 = 0 THEN 'viewer' ELSE 'analyst' END
        FROM generate_series(1, 300) n;
    INSERT INTO core.proposals (client_id, id, name, price_book, answers, created_by, created_at)
        SELECT '$CLIENT', md5(n::text)::uuid, 'Größe 50% ' || n, 'book', '{\"kpi_selection\": {\"kpis\": [\"A\", \"B\"]}}', md5('')::uuid, timestamptz '2026-03-28' + (n / 4) * interval '1 second'
        FROM generate_series(1, 300) n;
    INSERT INTO core.proposal_revisions (client_id, proposal_id, revision, answers, terms, required, quote, issued_by, valid_until, outcome)
        SELECT '$CLIENT', md5(n::text)::uuid, 1, '{}', '{}', '{}', '{}', md5('')::uuid, date '2026-03-26' + n % 5, (ARRAY['open', 'accepted', 'declined', 'superseded'])[n % 4 + 1]
        FROM generate_series(1, 300) n WHERE n % 6 > 0;
    ANALYZE core.batches, core.files, core.dead_letters, core.users, core.proposals, core.proposal_revisions;";

/// A client that has much, and another that has as much.
async fn filled(database: &TestDatabase) -> (Uuid, Client) {
    let plain = database.plain().await.unwrap();
    let mut ours = Uuid::nil();
    for name in ["theirs", "ours"] {
        ours = database.client(name, "UTC").await.unwrap();
        let sql = BROUGHT
            .replace("$CLIENT", &ours.to_string())
            .replace("$ROWS", &ROWS.to_string());
        // Identities and addresses are everybody's.
        let sql = if name == "ours" {
            sql
        } else {
            sql.replace("md5(", "md5('theirs' || ").replace("'user_'", "'their_'")
        };
        plain.batch_execute(&sql).await.unwrap();
    }
    (ours, plain)
}

/// The keys of all rows, page by page.
async fn walked<R, K: Copy>(
    limit: usize,
    key: impl Fn(&R) -> K,
    mut page: impl AsyncFnMut(Option<K>, i64) -> Found<R, K>,
) -> Vec<K> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let found = page(after, i64::try_from(limit + 1).unwrap()).await;
        assert!(found.rows.len() <= limit + 1);
        let shown = found.rows.iter().take(limit).map(&key);
        keys.extend(shown);
        after = if found.rows.len() > limit {
            keys.last().copied()
        } else {
            found.reached
        };
        if after.is_none() {
            return keys;
        }
    }
}

/// What a statement over the tables says of a client: identities in order.
async fn known(plain: &Client, sql: &str, client: Uuid) -> Vec<Uuid> {
    let rows = plain.query(sql, &[&client]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Thousands of identities say less than how many there are.
#[track_caller]
fn same(wanted: &impl std::fmt::Debug, listed: &[Uuid], expected: &[Uuid]) {
    assert!(listed == expected, "{wanted:?}: {} of {}", listed.len(), expected.len());
}

fn at(second: i64) -> Timestamp {
    let begin: Timestamp = "2026-03-28T00:00:00Z".parse().unwrap();
    Timestamp::from_second(begin.as_second() + second).unwrap()
}

async fn batches_are_walked(database: &TestDatabase, ours: Uuid, plain: &Client) {
    let any = batches::Wanted::default();
    for (wanted, condition, limit) in [
        (any, "true", 1_000),
        (
            batches::Wanted {
                entity: Some("Sale"),
                ..any
            },
            "entity = 'Sale'",
            999,
        ),
        (
            batches::Wanted {
                state: Some("writing"),
                ..any
            },
            "next_position IS NOT NULL",
            5,
        ),
        (
            batches::Wanted {
                source: Some("replay"),
                ..any
            },
            "source = 'replay'",
            1,
        ),
        (
            batches::Wanted {
                entity: Some("Sale"),
                from: Some(at(10)),
                to: Some(at(20)),
                ..any
            },
            "entity = 'Sale' AND begun_at >= '2026-03-28 00:00:10+00' AND begun_at < '2026-03-28 00:00:20+00'",
            3,
        ),
        (
            batches::Wanted {
                entity: Some("' OR true --"),
                ..any
            },
            "false",
            10,
        ),
    ] {
        let sql =
            format!("SELECT id FROM core.batches WHERE client_id = $1 AND {condition} ORDER BY begun_at DESC, id DESC");
        let expected = known(plain, &sql, ours).await;
        let keys = walked(
            limit,
            |batch: &batches::BatchReport| (batch.begun_at, batch.id),
            async |after, most| {
                // One that comes meanwhile is newer than the walk, which it does not trouble.
                let comes = "INSERT INTO core.batches (client_id, id, entity, source, accepted, rejected) VALUES ($1, gen_random_uuid(), 'Sale', 'late', 1, 0)";
                if after.is_some() {
                    plain.execute(comes, &[&ours]).await.unwrap();
                }
                let wanted = batches::Wanted { after, ..wanted };
                batches::list(&database.app, ours, &wanted, most).await.unwrap()
            },
        );
        let ids: Vec<Uuid> = keys.await.into_iter().map(|(_, id)| id).collect();
        same(&wanted, &ids, &expected);
        plain
            .execute("DELETE FROM core.batches WHERE source = 'late'", &[])
            .await
            .unwrap();
    }
}

async fn files_are_walked(database: &TestDatabase, ours: Uuid, plain: &Client) {
    let any = files::Wanted::default();
    for (wanted, condition, limit) in [
        (any, "true", 1_000),
        (
            files::Wanted {
                entity: Some("Sale"),
                key: Some("key 3"),
                ..any
            },
            "entity = 'Sale' AND key = 'key 3'",
            7,
        ),
        (
            files::Wanted {
                state: Some("refused"),
                ..any
            },
            "state = 'refused'",
            10,
        ),
        (
            files::Wanted {
                from: Some(at(2_900)),
                ..any
            },
            "begun_at >= '2026-03-28 00:48:20+00'",
            10,
        ),
    ] {
        let sql =
            format!("SELECT id FROM core.files WHERE client_id = $1 AND {condition} ORDER BY begun_at DESC, id DESC");
        let expected = known(plain, &sql, ours).await;
        let keys = walked(
            limit,
            |file: &files::FileReport| (file.begun_at, file.id),
            async |after, most| {
                let wanted = files::Wanted { after, ..wanted };
                files::list(&database.app, ours, &wanted, most).await.unwrap()
            },
        );
        let ids: Vec<Uuid> = keys.await.into_iter().map(|(_, id)| id).collect();
        same(&wanted, &ids, &expected);
    }
}

async fn letters_are_walked(database: &TestDatabase, ours: Uuid, plain: &Client) {
    let any = dead_letters::Filter::default();
    let batch = known(
        plain,
        "SELECT batch_id FROM core.dead_letters WHERE client_id = $1 LIMIT 1",
        ours,
    )
    .await[0];
    let of_batch = format!("batch_id = '{batch}'");
    for (filter, condition, limit) in [
        (any, "true", 1_000),
        (
            dead_letters::Filter {
                entity: Some("Sale"),
                field: Some("amount"),
                ..any
            },
            "entity = 'Sale' AND field = 'amount'",
            500,
        ),
        (
            dead_letters::Filter {
                batch: Some(batch),
                ..any
            },
            of_batch.as_str(),
            7,
        ),
        (
            dead_letters::Filter {
                reason: Some("ÜBERZAHL: 100_%"),
                ..any
            },
            "reason <> 'no number'",
            2,
        ),
        (
            dead_letters::Filter {
                reason: Some("1_0"),
                ..any
            },
            "false",
            2,
        ),
        (
            dead_letters::Filter {
                is_replayed: Some(true),
                ..any
            },
            "replayed_at IS NOT NULL",
            2,
        ),
        (
            dead_letters::Filter {
                is_replayed: Some(false),
                entity: Some("Sale"),
                ..any
            },
            "replayed_at IS NULL AND entity = 'Sale'",
            700,
        ),
        (
            dead_letters::Filter {
                from: Some(at(100)),
                to: Some(at(110)),
                ..any
            },
            "received_at >= '2026-03-28 00:01:40+00' AND received_at < '2026-03-28 00:01:50+00'",
            4,
        ),
    ] {
        let sql = format!(
            "SELECT id FROM core.dead_letters WHERE client_id = $1 AND NOT is_undone AND {condition} ORDER BY id DESC"
        );
        let expected = known(plain, &sql, ours).await;
        assert_eq!(expected.is_empty(), condition == "false", "{condition}");
        let keys = walked(
            limit,
            |letter: &dead_letters::DeadLetter| letter.id,
            async |after, most| {
                let filter = dead_letters::Filter { after, ..filter };
                dead_letters::page(&database.app, ours, &filter, most).await.unwrap()
            },
        );
        same(&filter, &keys.await, &expected);
    }
}

async fn users_are_walked(database: &TestDatabase, ours: Uuid, plain: &Client) {
    let any = users::Wanted::default();
    for (wanted, condition) in [
        (any, "true"),
        (
            users::Wanted {
                role: Some("viewer"),
                has_password: Some(true),
                ..any
            },
            "role = 'viewer' AND password_hash <> 'none'",
        ),
        (
            users::Wanted {
                has_password: Some(false),
                ..any
            },
            "password_hash = 'none'",
        ),
        (
            users::Wanted {
                search: Some("USER_1"),
                ..any
            },
            "starts_with(email, 'user_1')",
        ),
    ] {
        let sql = format!("SELECT id FROM core.users WHERE client_id = $1 AND {condition} ORDER BY email");
        let expected = known(plain, &sql, ours).await;
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let wanted = users::Wanted {
                after: Some(&after),
                ..wanted
            };
            let found = users::list(&database.app, ours, &wanted, 40).await.unwrap();
            assert!(found.reached.is_none(), "a client has fewer users than a page looks at");
            ids.extend(found.rows.iter().map(|user| user.id));
            match found.rows.last() {
                Some(last) => after.clone_from(&last.email),
                None => break,
            }
        }
        same(&wanted, &ids, &expected);
    }
}

async fn proposals_are_walked(database: &TestDatabase, ours: Uuid, plain: &Client) {
    let today = date(2026, 3, 28);
    let all = "SELECT p.id, r.outcome, r.valid_until::text AS valid_until FROM core.proposals p LEFT JOIN core.proposal_revisions r
        ON r.client_id = p.client_id AND r.proposal_id = p.id AND r.revision = p.revision WHERE p.client_id = $1 ORDER BY p.created_at DESC, p.id DESC";
    let rows = plain.query(all, &[&ours]).await.unwrap();
    let state = |outcome: Option<String>, valid_until: Option<String>| match (outcome, valid_until) {
        (Some(outcome), Some(day)) => Outcome::named(&outcome)
            .unwrap()
            .state(day.parse::<Date>().unwrap(), today),
        _ => State::Draft,
    };
    let known: Vec<(Uuid, State)> = rows
        .iter()
        .map(|row| (row.get(0), state(row.get(1), row.get(2))))
        .collect();
    let states = [
        State::Draft,
        State::Issued,
        State::Accepted,
        State::Declined,
        State::Expired,
        State::Superseded,
    ];
    for wanted in states.map(Some).into_iter().chain([None]) {
        let expected = known
            .iter()
            .filter(|(_, state)| wanted.is_none_or(|wanted| *state == wanted));
        let expected: Vec<Uuid> = expected.map(|(id, _)| *id).collect();
        assert!(!expected.is_empty(), "{wanted:?}");
        let keys = walked(
            9,
            |listed: &proposals::ListedProposal| (listed.created_at, listed.id),
            async |after, most| {
                let wanted = proposals::Wanted {
                    state: wanted.map(State::name),
                    today,
                    search: Some("GRÖSSE 50%"),
                    after,
                };
                proposals::list(&database.app, ours, &wanted, most).await.unwrap()
            },
        );
        // "ß" is no "ss", so nothing has this name; what follows is as it was typed.
        assert!(keys.await.is_empty());
        let keys = walked(
            9,
            |listed: &proposals::ListedProposal| (listed.created_at, listed.id),
            async |after, most| {
                let wanted = proposals::Wanted {
                    state: wanted.map(State::name),
                    today,
                    search: Some("größE 50%"),
                    after,
                };
                let found = proposals::list(&database.app, ours, &wanted, most).await.unwrap();
                assert!(found.rows.iter().all(|listed| listed.kpis == 2));
                found
            },
        );
        let ids: Vec<Uuid> = keys.await.into_iter().map(|(_, id)| id).collect();
        same(&wanted, &ids, &expected);
    }
}

/// How often each large table was read from end to end, and by its indexes.
async fn reads(plain: &Client) -> Vec<(String, i64, i64)> {
    let sql = "SELECT relname::text, seq_scan, idx_scan FROM pg_stat_user_tables WHERE schemaname = 'core'
        AND relname IN ('batches', 'files', 'dead_letters') ORDER BY relname";
    let rows = plain.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// A first page, and one that is far behind it, by an entity and by none.
async fn first_and_later_pages(database: &TestDatabase, ours: Uuid) {
    let app = &database.app;
    let id = Uuid::from_u128(0x0190_163d << 96);
    for entity in [None, Some("Sale")] {
        for after in [None, Some((at(40), id))] {
            let wanted = batches::Wanted {
                entity,
                after,
                ..batches::Wanted::default()
            };
            batches::list(app, ours, &wanted, 201).await.unwrap();
            let wanted = files::Wanted {
                entity,
                after,
                ..files::Wanted::default()
            };
            files::list(app, ours, &wanted, 201).await.unwrap();
            let filter = dead_letters::Filter {
                entity,
                after: after.map(|(_, id)| id),
                ..dead_letters::Filter::default()
            };
            dead_letters::page(app, ours, &filter, 201).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_walk_over_pages_is_the_whole_list_and_every_page_is_found_by_an_index() {
    const { assert!(ROWS > MAX_LOOKED_AT, "some filters look further than one page does") };
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let (ours, plain) = filled(&database).await;
        batches_are_walked(&database, ours, &plain).await;
        files_are_walked(&database, ours, &plain).await;
        letters_are_walked(&database, ours, &plain).await;
        users_are_walked(&database, ours, &plain).await;
        proposals_are_walked(&database, ours, &plain).await;
        // What the walks' oracle read is counted when its session says so.
        plain.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let before = reads(&plain).await;
        first_and_later_pages(&database, ours).await;
        let after = eventually("the reads are counted", async || {
            let after = reads(&plain).await;
            let counted = after.iter().zip(&before).all(|(after, before)| after.2 > before.2);
            counted.then_some(after)
        });
        for (after, before) in after.await.iter().zip(&before) {
            assert_eq!(after.1, before.1, "{} is not read from end to end", after.0);
        }
        database.drop_it().await.unwrap();
    }
}
