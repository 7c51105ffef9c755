//! Renewal notices: 90, 30 and 7 days before the end, once each, to the client's administrators.
//!
//! A run looks at all licences, so each test has years of its own.

use database::Database;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use notify_renewals::{Context, Report, run};
use platform::mail::Mailer;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::mailbox::Mailbox;
use tests::product::Product;

const FROM: &str = "licences@example.com";

/// `notify-renewals` at any time, with the mail that it sends, and an operator.
struct Notifier {
    mailbox: Mailbox,
    context: Context,
    operator: User,
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

impl Notifier {
    async fn new(product: &Product) -> Self {
        let mailbox = Mailbox::open().await.unwrap();
        let mailer = Mailer::new(&mailbox.configuration(), FROM.to_owned());
        Self {
            mailbox,
            context: Context::new(product.database.app.clone(), mailer),
            operator: product.operator().await,
        }
    }

    /// A run at noon (UTC) of a day; what it did, and to whom mail went under which subject.
    async fn run_on(&self, day: &str) -> (Report, Vec<(String, String)>) {
        let now = noon(day);
        let report = run(&self.context, || now, Timestamp::MAX).await.unwrap();
        (report, self.mails())
    }

    /// The mails since the last call: to whom, and their subjects.
    fn mails(&self) -> Vec<(String, String)> {
        let read = |mail: &Value| {
            assert_eq!(mail["FromEmailAddress"], FROM);
            let content = &mail["Content"]["Simple"];
            let text = content["Body"]["Text"]["Data"].text();
            assert!(text.contains("Features:     live, series"), "{text}");
            let to = mail["Destination"]["ToAddresses"][0].text();
            (to.to_owned(), content["Subject"]["Data"].text().to_owned())
        };
        self.mailbox.take().iter().map(read).collect()
    }

    /// Licenses a client from one day to another.
    async fn license(&self, client: &User, starts_on: &str, ends_on: &str) -> Value {
        let grant = json!({
            "client": client.client, "features": ["live", "series"], "seats": 3, "starts_on": starts_on, "ends_on": ends_on,
        });
        super::issue(&self.operator, &grant).await
    }

    async fn revoke(&self, client: &User, licence: &Value) {
        super::revoke(&self.operator, client.client, licence, "Not paid")
            .await
            .ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_told_90_30_and_7_days_before_once_each() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2030-01-01", "2030-12-31").await;
    let mut told = Vec::new();
    for today in day("2030-09-30").series(jiff::Span::new().days(1)).take(100) {
        let today = today.to_string();
        let (report, mails) = notifier.run_on(&today).await;
        assert!(report.complete && report.failed == 0, "{report:?}");
        assert_eq!(report.sent, mails.len());
        told.extend(mails.into_iter().map(|(to, subject)| (today.clone(), to, subject)));
    }
    let mail = |day: &str, rest: &str| {
        let subject = format!("The Analytics Engine licence of {} ends {rest}", client.client_name);
        (day.to_owned(), client.email.clone(), subject)
    };
    let expected = [
        mail("2030-10-02", "in 90 days"),
        mail("2030-12-01", "in 30 days"),
        mail("2030-12-24", "in 7 days"),
    ];
    assert_eq!(told, expected, "no operator, no other client, no day twice");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_months_without_a_run_only_the_latest_notice_is_sent() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2031-01-02", "2031-12-31").await;
    let (_, mails) = notifier.run_on("2031-12-28").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].0, client.email);
    assert!(mails[0].1.ends_with("in 3 days"), "{mails:?}");
    for later in ["2031-12-29", "2031-12-31", "2032-01-01"] {
        assert_eq!(notifier.run_on(later).await.1, [], "{later}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_or_a_revocation_silences_the_notices() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2032-01-01", "2032-12-31").await;
    let successor = notifier.license(&client, "2033-01-01", "2033-12-31").await;
    assert_eq!(notifier.run_on("2032-12-24").await.1, [], "renewed");
    notifier.revoke(&client, &successor).await;
    let (_, mails) = notifier.run_on("2032-12-24").await;
    assert_eq!(mails.len(), 1, "the successor was revoked");
    let revoked = notifier.license(&client, "2034-01-01", "2034-12-31").await;
    notifier.revoke(&client, &revoked).await;
    assert_eq!(notifier.run_on("2034-12-24").await.1, []);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_fails_is_sent_by_the_next_run() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2035-01-01", "2035-12-31").await;
    notifier.mailbox.refuse(true);
    let (report, mails) = notifier.run_on("2035-12-01").await;
    assert_eq!((report.sent, report.failed, mails), (0, 1, Vec::new()));
    notifier.mailbox.refuse(false);
    let (report, mails) = notifier.run_on("2035-12-01").await;
    assert_eq!((report.sent, report.failed, mails.len()), (1, 0, 1));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_has_no_time_begins_nothing_and_says_so() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2036-01-02", "2036-12-31").await;
    let now = noon("2036-12-30");
    let until = now + SignedDuration::from_secs(30);
    let report = run(&notifier.context, || now, until).await.unwrap();
    assert_eq!((report.sent, report.complete), (0, false));
    assert_eq!(notifier.run_on("2036-12-30").await.1.len(), 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_send_one_mail_and_a_crash_in_between_sends_it_late() {
    let product = Product::shared().await;
    let notifier = Notifier::new(&product).await;
    let client = product.client().await;
    notifier.license(&client, "2037-01-01", "2037-12-31").await;
    let second = Context::new(
        Database::new(&product.database.url, "analytics_app").unwrap(),
        Mailer::new(&notifier.mailbox.configuration(), FROM.to_owned()),
    );
    let now = noon("2037-12-01");
    let (one, two) = tokio::join!(
        Box::pin(run(&notifier.context, || now, Timestamp::MAX)),
        Box::pin(run(&second, || now, Timestamp::MAX))
    );
    assert_eq!(one.unwrap().sent + two.unwrap().sent, 1);
    assert_eq!(notifier.mails().len(), 1);
    // One that was claimed and not settled, as after a crash, waits until the claim has ended.
    let database = product.database.plain().await.unwrap();
    let crash =
        "UPDATE core.licence_notices SET sent_at = NULL, claimed_until = $1 WHERE client_id = $2 AND sent_at >= $3";
    let until = now + SignedDuration::from_mins(10);
    let crashed = database.execute(crash, &[&until, &client.client, &now]).await.unwrap();
    assert_eq!(crashed, 1);
    for (minutes, sent) in [(0, 0), (9, 0), (10, 1), (20, 0)] {
        let now = now + SignedDuration::from_mins(minutes);
        let report = run(&notifier.context, || now, Timestamp::MAX).await.unwrap();
        assert_eq!(report.sent, sent, "after {minutes} minutes");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scheduled_function_runs() {
    let product = Product::shared().await;
    product.invoke("notify-renewals", &json!({})).await;
    product.stop().await;
}
