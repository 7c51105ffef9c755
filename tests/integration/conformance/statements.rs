//! Every statement that reads rows by name has the columns that its rows are read into, in types that fit: the migrated schema
//! is held against the code. [`database::Session::rows`] checks that even where nothing is found, so each is run once.

use database::Database;
use identity::Email;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use records::dead_letters::Wanted;
use records::renewal_notices::RenewalNotice;
use records::{
    batches, branding, clients, dead_letters, definitions, files, licence_keys, licences, outbox, proposals,
    renderings, renewal_notices, users,
};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

#[tokio::test]
async fn rows_are_read_from_the_columns_that_statements_have() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let (app, owner) = (&database.app, &database.owner);
        let email: Email = "ada@example.com".parse().unwrap();
        let new = clients::NewClient {
            name: "Statements",
            time_zone: "UTC",
            calendar: series::calendar::Rules::default(),
            email: &email,
            password_hash: "none",
            role: "admin",
        };
        let provisioned = clients::provision(owner, &new).await.unwrap();
        let (client, user, nothing) = (provisioned.client, provisioned.user, Uuid::now_v7());
        let now: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();

        assert!(clients::user_for_sign_in(app, &email).await.unwrap().is_some());
        assert_eq!(
            clients::role_of(app, client, user).await.unwrap().as_deref(),
            Some("admin")
        );
        assert!(clients::calendar(app, client).await.unwrap().is_some());
        let added = clients::add_user(owner, client, &email, "none", "admin").await.unwrap();
        assert_eq!(added, Some(clients::Added::Before));
        assert!(definitions::fingerprint(app, client).await.unwrap().is_some());
        assert!(definitions::load_one(app, client).await.unwrap().is_some());

        assert!(batches::find(app, client, nothing).await.unwrap().is_none());
        lists(app, client).await;
        assert_eq!(
            dead_letters::list(app, client, Wanted::default(), 10)
                .await
                .unwrap()
                .len(),
            0
        );
        assert!(dead_letters::find(app, client, nothing).await.unwrap().is_none());
        assert!(dead_letters::of_batch(app, client, nothing).await.unwrap().is_none());

        let look = branding::Branding {
            primary_colour: "#1f3a5f".to_owned(),
            accent_colour: "#c8102e".to_owned(),
            logo: None,
            conditions: String::new(),
        };
        for version in [0, 1] {
            let replaced = branding::replace(app, client, user, &look, version).await.unwrap();
            assert_eq!(replaced, Some(version + 1));
        }
        assert_eq!(branding::find(app, client).await.unwrap(), Some((look, 2)));

        assert_eq!(licences::list(app, client).await.unwrap().len(), 0);
        assert!(licences::find(app, client, nothing).await.unwrap().is_none());
        licences::features(app, client, now).await.unwrap();
        assert_eq!(licence_keys::list(app).await.unwrap().len(), 0);
        assert!(licence_keys::find(app, "none").await.unwrap().is_none());
        let days = (date(2026, 3, 1), date(2026, 6, 1));
        let to_remind = renewal_notices::clients_to_remind(app, days, None).await.unwrap();
        assert_eq!(to_remind, Vec::<Uuid>::new());
        let audience = renewal_notices::audience(app, client).await.unwrap();
        assert_eq!(
            (audience.administrators.len(), audience.sent),
            (1, Vec::<RenewalNotice>::new())
        );

        assert_eq!(outbox::of_client(app, client).await.unwrap(), []);
        assert_eq!(outbox::overdue(app, SignedDuration::ZERO, now).await.unwrap(), []);
        assert!(proposals::find(app, client, nothing).await.unwrap().is_none());
        assert_eq!(proposals::revisions(app, client, nothing).await.unwrap().len(), 0);
        assert_eq!(proposals::revision(app, client, nothing, 1).await.unwrap().len(), 0);
        assert!(
            proposals::issued_quote(app, client, nothing, 1)
                .await
                .unwrap()
                .is_none()
        );
        assert!(renderings::source(app, client, (nothing, 1)).await.unwrap().is_none());
        assert!(renderings::find(app, client, (nothing, 1)).await.unwrap().is_none());

        let session = app.session().await.unwrap();
        assert_eq!(
            facts::watermarks::watermarks(&session, &[client]).await.unwrap().len(),
            0
        );
        assert_eq!(facts::volume::volumes(&session).await.unwrap().len(), 1);
        drop(session);
        assert_eq!(facts::fill::fillings(app, client).await.unwrap().len(), 0);
        assert_eq!(facts::groups::stopped(app, client).await.unwrap().len(), 0);
        facts::health::check(app).await.unwrap();
        facts::compact::run(owner, now).await.unwrap();
        database.drop_it().await.unwrap();
    }
}

/// The lists with every filter.
async fn lists(app: &Database, client: Uuid) {
    let (text, now) = (Some("x"), Timestamp::UNIX_EPOCH);
    let (time, after) = (Some(now), Some((now, client)));
    let wanted = batches::Wanted {
        entity: text,
        state: text,
        source: text,
        from: time,
        to: time,
        after,
    };
    assert!(batches::list(app, client, &wanted, 10).await.unwrap().rows.is_empty());
    let wanted = files::Wanted {
        entity: text,
        state: text,
        key: text,
        from: time,
        to: time,
        after,
    };
    assert!(files::list(app, client, &wanted, 10).await.unwrap().rows.is_empty());
    let filter = dead_letters::Filter {
        entity: text,
        batch: Some(client),
        field: text,
        reason: text,
        is_replayed: Some(true),
        from: time,
        to: time,
        after: Some(client),
    };
    assert!(
        dead_letters::page(app, client, &filter, 10)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    let wanted = users::Wanted {
        role: text,
        has_password: Some(true),
        search: text,
        after: text,
    };
    assert!(users::list(app, client, &wanted, 10).await.unwrap().rows.is_empty());
    let wanted = proposals::Wanted {
        state: text,
        today: date(2026, 3, 28),
        search: text,
        after,
    };
    assert!(proposals::list(app, client, &wanted, 10).await.unwrap().rows.is_empty());
}

database::row! {
    struct Misread {
        id: String,
    }
}

#[tokio::test]
async fn a_statement_with_other_columns_is_an_error_that_names_them() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let session = database.app.session().await.unwrap();
        for sql in ["SELECT 1::bigint AS id WHERE false", "SELECT 'x' AS other WHERE false"] {
            let error = session
                .rows::<Misread>(sql, &[])
                .await
                .map(|rows| rows.len())
                .unwrap_err();
            assert!(error.to_string().contains("column \"id\""), "{error}");
        }
        drop(session);
        database.drop_it().await.unwrap();
    }
}
