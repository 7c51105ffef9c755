//! What each function does with the registry, in its name and with nothing but its permissions: the stand-in refuses what the template does not allow.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_stand_in::account::{ACCESS_KEY, REGION, SECRET_KEY, session_of};
use aws_stand_in::dynamodb::Tables;
use aws_stand_in::tasks::Tasks;
use aws_stand_in::template::{Addresses, Template};
use catalog::Period;
use jiff::{SignedDuration, Timestamp};
use live::{Control, Mode, Subscription, Topic};
use registry::attempts::Attempt;
use registry::counts::MAX_CONNECTIONS_PER_USER;
use registry::mails::{Asked, AskedBy, MailAllowance};
use registry::{Connection, Duty, Error, Redeemed, RefreshToken, Registry, SessionId, shard_of};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::tidy::{read, root};

const CLIENT: Uuid = Uuid::from_u128(7);
const SOMEBODY: Attempt<'static> = Attempt {
    address: "ada@example.com",
    source: "192.0.2.1",
};

const SESSION: SessionId = SessionId {
    client: CLIENT,
    user: Uuid::from_u128(9),
    session: Uuid::from_u128(11),
};

/// The template's tables behind the permissions of its functions.
struct Fixture {
    tasks: Tasks,
    endpoint: String,
    table: String,
    folder: PathBuf,
    now: Timestamp,
}

impl Fixture {
    async fn start() -> Self {
        let here = || "http://127.0.0.1:1".to_owned();
        let addresses = Addresses {
            http: here(),
            websocket: here(),
            sqs: here(),
        };
        let text = read(&root().join("template.yaml"));
        let template = Template::parse(&text, &addresses, &BTreeMap::new(), &|name, key| {
            Some(format!("{name} {key}"))
        });
        let template = template.unwrap();
        let folder = std::env::temp_dir().join(format!("permissions-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut tasks = Tasks::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let tables = Tables::start(&mut tasks, listener, &folder.join("tables.sqlite"), &template).unwrap();
        for table in &template.tables {
            tables.create(table).unwrap();
        }
        Self {
            tasks,
            endpoint,
            table: template.tables[0].name.clone(),
            folder,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    /// The registry as a function has it.
    fn of(&self, function: &str) -> Registry {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, Some(session_of(function)), None, "test");
        let configuration = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.endpoint)
            .build();
        Registry::connect_to(&configuration, self.table.clone())
    }

    async fn stop(self) {
        self.tasks.shutdown().await;
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

fn connection(id: &str, now: Timestamp) -> Connection {
    Connection {
        id: id.to_owned(),
        client: CLIENT,
        user: Uuid::from_u128(9),
        role: "viewer".to_owned(),
        session: Some(SESSION.session),
        connected_at: now,
    }
}

fn topic() -> Topic {
    Topic {
        client: CLIENT,
        kpi: "ON_TIME_RATE".to_owned(),
        period: Period::Minute,
        time_zone: None,
        filter: BTreeMap::new(),
    }
}

fn subscriptions() -> Vec<Subscription> {
    vec![Subscription {
        channel: 0,
        topic: topic(),
        mode: Mode::Live,
        buckets: 60,
    }]
}

#[tokio::test]
async fn functions_may_do_with_the_registry_what_they_do() {
    let fixture = Fixture::start().await;
    sign_in(&fixture).await.unwrap();
    quotas(&fixture).await.unwrap();
    dashboards(&fixture).await.unwrap();
    publisher(&fixture).await.unwrap();
    others(&fixture).await.unwrap();
    fixture.stop().await;
}

async fn sign_in(fixture: &Fixture) -> Result<(), Error> {
    let (registry, now) = (fixture.of("sign-in"), fixture.now);
    assert!(registry.allow_attempt(SOMEBODY, now).await?);
    registry.forgive_attempt(SOMEBODY, now).await?;
    let (first, next) = (refresh_token(now), refresh_token(now));
    registry.open_session(SESSION, "viewer", first).await?;
    let redeemed = registry.redeem_refresh(SESSION, "viewer", first.id, next, now).await?;
    assert_eq!(redeemed, Redeemed::Now);
    // A second time, with a dashboard that is open.
    let (connections, open) = (fixture.of("manage-connections"), connection("open", now));
    connections.connect(&open).await?;
    assert!(connections.join_session(SESSION, "viewer", &open.id, now).await?);
    let again = registry.redeem_refresh(SESSION, "viewer", first.id, next, now).await?;
    assert_eq!(again, Redeemed::Again(vec![open.id.clone()]));
    registry.disconnect(open.peer(), now).await?;
    registry.open_session(SESSION, "viewer", first).await?;
    let authorizer = fixture.of("authorize-request");
    assert!(authorizer.is_session_open(SESSION, "viewer", now).await?);
    users(fixture).await
}

async fn users(fixture: &Fixture) -> Result<(), Error> {
    let (registry, now) = (fixture.of("manage-users"), fixture.now);
    assert!(fixture.of("request-reset").allow_reset(SOMEBODY.source, now).await?);
    let mails = fixture.of("send-mails");
    for (registry, by) in [(&registry, AskedBy::Administrator), (&mails, AskedBy::Anybody)] {
        let asked = Asked {
            client: CLIENT,
            address: SOMEBODY.address,
            by,
        };
        for expected in [true, true, true, false] {
            let allowed = registry.allow_mail(asked, now).await?;
            assert_eq!(allowed == MailAllowance::Allowed, expected, "{allowed:?}");
        }
        registry.give_mail_back(asked, now).await?;
    }
    mails.remember_secret(CLIENT, SESSION.user, "fingerprint", now).await?;
    mails.forget_secret(CLIENT, SESSION.user).await?;
    mails.remember_secret(CLIENT, SESSION.user, "fingerprint", now).await?;
    registry.secrets_of(CLIENT, now).await?;
    registry.redeem_secret(CLIENT, SESSION.user, "fingerprint", now).await?;
    registry.forget_connections(CLIENT, SESSION.user, now).await?;
    registry.end_session(SESSION).await?;
    registry.forget_address(SOMEBODY.address).await
}

fn refresh_token(now: Timestamp) -> RefreshToken {
    let expires_at = now + SignedDuration::from_hours(1);
    RefreshToken {
        id: Uuid::new_v4(),
        expires_at,
    }
}

async fn quotas(fixture: &Fixture) -> Result<(), Error> {
    let now = fixture.now;
    let accept = fixture.of("accept-events");
    accept.limits(CLIENT).await?;
    assert!(accept.take_events(CLIENT, 1, 10, now).await?);
    fixture.of("load-files").limits(CLIENT).await?;
    let count = fixture.of("count-facts");
    count.keep_counts(CLIENT, 1, 2).await?;
    count.forget_limits(CLIENT).await?;
    let review = fixture.of("review-batches");
    review.limits(CLIENT).await?;
    assert!(review.take_events(CLIENT, 1, 10, now).await?);
    assert_eq!(review.events_taken(CLIENT, now).await?, 2);
    review.usage(CLIENT, now).await?;
    review.topic_changes_taken(CLIENT, now).await.map(drop)
}

async fn dashboards(fixture: &Fixture) -> Result<(), Error> {
    let (connections, messages, now) = (
        fixture.of("manage-connections"),
        fixture.of("manage-subscriptions"),
        fixture.now,
    );
    let shard = shard_of(CLIENT);
    let first = connection("first", now);
    connections.connect(&first).await?;
    connections
        .subscribe(first.peer(), None, None, subscriptions(), now)
        .await?;
    connections.needs_wake(shard, now).await?;
    let subscribed = messages
        .subscribe(first.peer(), None, None, subscriptions(), now)
        .await?;
    messages
        .unsubscribe(first.peer(), &[subscribed[0].channel], now)
        .await?;
    assert!(messages.touch(first.peer(), now).await?);
    messages.needs_wake(shard, now).await?;
    // Who is refused by a count has all items counted.
    let mut refused = None;
    for number in 0..MAX_CONNECTIONS_PER_USER {
        if let Err(error) = connections.connect(&connection(&format!("c{number}"), now)).await {
            refused = Some(error);
        }
    }
    assert!(matches!(refused, Some(Error::QuotaExceeded { .. })), "{refused:?}");
    connections.disconnect(first.peer(), now).await.map(drop)
}

async fn publisher(fixture: &Fixture) -> Result<(), Error> {
    let (registry, now, shard, holder) = (
        fixture.of("push-updates"),
        fixture.now,
        shard_of(CLIENT),
        Uuid::new_v4(),
    );
    let lasts = SignedDuration::from_secs(60);
    registry
        .acquire(shard, Duty::StandBy, holder, now, lasts)
        .await?
        .unwrap();
    let lease = registry
        .acquire(shard, Duty::Publish, holder, now, lasts)
        .await?
        .unwrap();
    let lease = registry.renew(&lease, now, lasts).await?.unwrap();
    let last = registry.sequence(shard).await?;
    assert!(last > 0);
    registry.changes(shard, 0, now).await?;
    registry.roster(shard, now).await?;
    registry.all_controls(shard).await?;
    assert!(registry.prune(connection("c1", now).peer(), now).await?);
    assert!(registry.save_handover(&lease, b"state", now).await?);
    assert!(registry.load_handover(shard, now).await?.is_some());
    assert!(registry.save_handover(&lease, b"state again", now).await?);
    assert!(registry.release(&lease).await?);
    Ok(())
}

async fn others(fixture: &Fixture) -> Result<(), Error> {
    let (streams, now, shard) = (fixture.of("manage-streams"), fixture.now, shard_of(CLIENT));
    streams.set_control(CLIENT, "topic", Some(Control::Pinned), now).await?;
    assert_eq!(streams.controls(CLIENT).await?.len(), 1);
    let catalog = fixture.of("manage-catalog");
    catalog.set_control(CLIENT, "topic", None, now).await?;
    catalog
        .set_control(CLIENT, "renamed", Some(Control::Pinned), now)
        .await?;
    assert_eq!(catalog.controls(CLIENT).await?.len(), 1);
    streams.subscriber_count(&topic(), now).await?;
    streams.needs_wake(shard, now).await?;
    fixture.of("report-health").lease(shard, Duty::Publish, now).await?;
    let addresses = [SOMEBODY.address.to_owned()];
    let forgotten = fixture
        .of("remove-client")
        .forget_client(CLIENT, &addresses, now)
        .await?;
    assert!(!forgotten.connections.is_empty());
    Ok(())
}

#[tokio::test]
async fn functions_may_not_do_what_others_do() {
    let (fixture, now) = (Fixture::start().await, "2026-03-01T12:00:00Z".parse().unwrap());
    let refused = |result: Result<(), Error>| {
        let error = anyhow::Error::from(result.unwrap_err());
        assert!(
            format!("{error:?}").contains("is not authorized to perform"),
            "{error:?}"
        );
    };
    refused(fixture.of("sign-in").limits(CLIENT).await.map(drop));
    refused(fixture.of("authorize-request").connect(&connection("a", now)).await);
    refused(
        fixture
            .of("accept-events")
            .open_session(SESSION, "viewer", refresh_token(now))
            .await
            .map(drop),
    );
    refused(fixture.of("accept-events").needs_wake(0, now).await.map(drop));
    refused(fixture.of("load-files").take_events(CLIENT, 1, 10, now).await.map(drop));
    refused(fixture.of("report-health").roster(0, now).await.map(drop));
    refused(
        fixture
            .of("manage-subscriptions")
            .allow_attempt(SOMEBODY, now)
            .await
            .map(drop),
    );
    refused(
        fixture
            .of("manage-subscriptions")
            .open_session(SESSION, "viewer", refresh_token(now))
            .await
            .map(drop),
    );
    refused(
        fixture
            .of("request-reset")
            .open_session(SESSION, "viewer", refresh_token(now))
            .await
            .map(drop),
    );
    refused(fixture.of("send-mails").allow_attempt(SOMEBODY, now).await.map(drop));
    refused(fixture.of("push-updates").keep_counts(CLIENT, 1, 1).await);
    refused(fixture.of("manage-catalog").limits(CLIENT).await.map(drop));
    fixture.stop().await;
}
