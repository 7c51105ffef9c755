//! Renewal notices: 90, 30 and 7 days before the end, once each, to the client's administrators.

use database::Database;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use notify_renewals::{Context, Report, run};
use platform::mail::Mailer;
use serde_json::{Value, json};
use tests::mailbox::Mailbox;
use tests::product::{Account, Product};
use uuid::Uuid;

const FROM: &str = "licences@example.com";

struct Desk {
    mailbox: Mailbox,
    context: Context,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_are_told_before_a_licence_ends() {
    let product = Product::start().await.unwrap();
    let operator = product.user("operator").await.unwrap();
    let mailbox = Mailbox::open().await.unwrap();
    let mailer = Mailer::new(&mailbox.configuration(), FROM.to_owned());
    let desk = Desk {
        mailbox,
        context: Context::new(product.database.app.clone(), mailer),
    };
    for account in [&product.ours, &product.theirs] {
        forget_evaluation(&product, account.client).await;
    }
    each_notice_is_sent_once(&desk, &product, &operator).await;
    a_successor_or_a_revocation_silences(&desk, &product, &operator).await;
    a_mail_that_fails_is_sent_by_the_next_run(&desk, &product, &operator).await;
    two_runs_send_one_mail(&desk, &product, &operator).await;
    product.cloud.invoke("notify-renewals", &json!({})).await.unwrap();
    product.stop().await.unwrap();
}

async fn forget_evaluation(product: &Product, client: Uuid) {
    let database = product.database.plain().await.unwrap();
    database
        .execute("DELETE FROM core.licences WHERE client_id = $1", &[&client])
        .await
        .unwrap();
}

impl Desk {
    /// A run at noon (UTC) of a day; what it did, and to whom mail went under which subject.
    async fn on(&self, day: Date) -> (Report, Vec<(String, String)>) {
        let noon: Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
        let report = run(&self.context, || noon, Timestamp::MAX).await.unwrap();
        (report, self.mails())
    }

    fn mails(&self) -> Vec<(String, String)> {
        let read = |mail: &Value| {
            assert_eq!(mail["FromEmailAddress"], FROM);
            let to = mail["Destination"]["ToAddresses"][0].as_str().unwrap().to_owned();
            let subject = mail["Content"]["Simple"]["Subject"]["Data"]
                .as_str()
                .unwrap()
                .to_owned();
            let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
            assert!(text.contains("Features:     live, series"), "{text}");
            (to, subject)
        };
        self.mailbox.take().iter().map(read).collect()
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

async fn issue(operator: &Account, client: Uuid, starts_on: &str, ends_on: &str) -> String {
    let body = json!({
        "client": client, "features": ["live", "series"], "seats": 3, "starts_on": starts_on, "ends_on": ends_on,
    });
    let issued = operator.post("/v1/licences", &body).await.unwrap().expect(201).unwrap();
    issued.body["id"].as_str().unwrap().to_owned()
}

async fn each_notice_is_sent_once(desk: &Desk, product: &Product, operator: &Account) {
    issue(operator, product.ours.client, "2030-01-01", "2030-12-31").await;
    let mut told = Vec::new();
    for today in day("2030-09-30").series(jiff::Span::new().days(1)).take(100) {
        let (report, mails) = desk.on(today).await;
        assert!(report.complete && report.failed == 0, "{report:?}");
        assert_eq!(report.sent, mails.len());
        told.extend(mails.into_iter().map(|(to, subject)| (today.to_string(), to, subject)));
    }
    let mail = |day: &str, rest: &str| {
        let subject = format!("The Analytics Engine licence of ours ends {rest}");
        (day.to_owned(), "admin@ours.example.com".to_owned(), subject)
    };
    let expected = [
        mail("2030-10-02", "in 90 days"),
        mail("2030-12-01", "in 30 days"),
        mail("2030-12-24", "in 7 days"),
    ];
    assert_eq!(told, expected, "no operator, no other client, no day twice");
    // Another, of which no run looked for months: one mail, the latest.
    issue(operator, product.theirs.client, "2031-01-01", "2031-12-31").await;
    let (_, mails) = desk.on(day("2031-12-28")).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].0, "admin@theirs.example.com");
    assert!(mails[0].1.ends_with("in 3 days"), "{mails:?}");
    for later in ["2031-12-29", "2031-12-31", "2032-01-01"] {
        assert_eq!(desk.on(day(later)).await.1, [], "{later}");
    }
}

async fn a_successor_or_a_revocation_silences(desk: &Desk, product: &Product, operator: &Account) {
    let client = product.ours.client;
    issue(operator, client, "2032-01-01", "2032-12-31").await;
    let successor = issue(operator, client, "2033-01-01", "2033-12-31").await;
    assert_eq!(desk.on(day("2032-12-24")).await.1, [], "renewed");
    let revoke = async |id: &str| {
        let body = json!({ "client": client, "reason": "Not paid" });
        let revoked = operator
            .post(&format!("/v1/licences/{id}/revoke"), &body)
            .await
            .unwrap();
        revoked.expect(200).unwrap();
    };
    revoke(&successor).await;
    let (_, mails) = desk.on(day("2032-12-24")).await;
    assert_eq!(mails.len(), 1, "the successor was revoked");
    let revoked = issue(operator, client, "2034-01-01", "2034-12-31").await;
    revoke(&revoked).await;
    assert_eq!(desk.on(day("2034-12-24")).await.1, []);
}

async fn a_mail_that_fails_is_sent_by_the_next_run(desk: &Desk, product: &Product, operator: &Account) {
    issue(operator, product.ours.client, "2035-01-01", "2035-12-31").await;
    desk.mailbox.refuse(true);
    let (report, mails) = desk.on(day("2035-12-01")).await;
    assert_eq!((report.sent, report.failed, mails), (0, 1, Vec::new()));
    desk.mailbox.refuse(false);
    let (report, mails) = desk.on(day("2035-12-01")).await;
    assert_eq!((report.sent, report.failed, mails.len()), (1, 0, 1));
    // A run that has no time begins nothing, and says so.
    issue(operator, product.theirs.client, "2036-01-01", "2036-12-31").await;
    let noon: Timestamp = "2036-12-30T12:00:00Z".parse().unwrap();
    let report = run(&desk.context, || noon, noon + SignedDuration::from_secs(30))
        .await
        .unwrap();
    assert_eq!((report.sent, report.complete), (0, false));
    assert_eq!(desk.on(day("2036-12-30")).await.1.len(), 1);
}

async fn two_runs_send_one_mail(desk: &Desk, product: &Product, operator: &Account) {
    issue(operator, product.ours.client, "2037-01-01", "2037-12-31").await;
    let second = Context::new(
        Database::new(&product.database.url, "analytics_app").unwrap(),
        Mailer::new(&desk.mailbox.configuration(), FROM.to_owned()),
    );
    let noon: Timestamp = "2037-12-01T12:00:00Z".parse().unwrap();
    let (one, two) = tokio::join!(
        Box::pin(run(&desk.context, || noon, Timestamp::MAX)),
        Box::pin(run(&second, || noon, Timestamp::MAX))
    );
    assert_eq!(one.unwrap().sent + two.unwrap().sent, 1);
    assert_eq!(desk.mails().len(), 1);
    // One that was claimed and not settled, as after a crash, waits until the claim has ended.
    let database = product.database.plain().await.unwrap();
    let crash =
        "UPDATE core.licence_notices SET sent_at = NULL, claimed_until = $1 WHERE client_id = $2 AND sent_at >= $3";
    let until = noon + SignedDuration::from_mins(10);
    let crashed = database
        .execute(crash, &[&until, &product.ours.client, &noon])
        .await
        .unwrap();
    assert_eq!(crashed, 1);
    for (minutes, sent) in [(0, 0), (9, 0), (10, 1), (20, 0)] {
        let now = noon + SignedDuration::from_mins(minutes);
        let report = run(&desk.context, || now, Timestamp::MAX).await.unwrap();
        assert_eq!(report.sent, sent, "after {minutes} minutes");
    }
}
