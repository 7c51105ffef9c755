//! Mail as aws-sdk-sesv2 sends it, and as a mail program reads the files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::ProvideErrorMetadata as _;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Body, Content, Destination, EmailContent, ListManagementOptions, Message, RawMessage, Template,
};
use mail_parser::MessageParser;

use super::*;
use crate::testing::{self, TempFolder};

struct Fixture {
    tasks: Tasks,
    client: Client,
    folder: TempFolder,
}

async fn fixture() -> Fixture {
    let folder = TempFolder::reserve();
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    start(&mut tasks, listener, folder.path().to_owned()).unwrap();
    Fixture {
        tasks,
        client: Client::new(&testing::sdk_config(&endpoint)),
        folder,
    }
}

impl Fixture {
    /// The files, each with its name.
    fn mails(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap);
        let read = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        };
        entries.map(read).collect()
    }

    async fn end(self) {
        self.tasks.shutdown().await;
    }
}

fn text(data: &str, charset: Option<&str>) -> Content {
    let content = Content::builder().data(data).set_charset(charset.map(str::to_owned));
    content.build().unwrap()
}

fn simple(subject: Content, body: Body) -> EmailContent {
    let message = Message::builder().subject(subject).body(body).build();
    EmailContent::builder().simple(message).build()
}

fn plain() -> EmailContent {
    simple(text("s", None), Body::builder().text(text("b", None)).build())
}

fn raw(message: &str) -> EmailContent {
    let raw = RawMessage::builder().data(Blob::new(message)).build().unwrap();
    EmailContent::builder().raw(raw).build()
}

#[tokio::test]
async fn a_simple_mail_is_a_file_that_mail_programs_read() {
    let fixture = fixture().await;
    let utf8 = Some("UTF-8");
    let long = "Ein langer Satz mit Umlauten: äöü. ".repeat(40);
    let body = Body::builder()
        .text(text(&long, utf8))
        .html(text("<p>Grüße\n.\nFrom here</p>", utf8));
    let destination = Destination::builder()
        .to_addresses("\"B, Bob\" <bob@example.com>")
        .to_addresses("=?UTF-8?Q?J=C3=BCrgen?= <j@example.com>")
        .cc_addresses("carol@example.com")
        .bcc_addresses("dave@example.com");
    let sent = fixture
        .client
        .send_email()
        .from_email_address("Reports <no-reply@example.com>")
        .destination(destination.build())
        .reply_to_addresses("support@example.com")
        .configuration_set_name("reports")
        .content(simple(text("Größe überschritten", utf8), body.build()))
        .send()
        .await
        .unwrap();
    let id = sent.message_id().unwrap();

    let mails = fixture.mails();
    let [(name, bytes)] = mails.as_slice() else {
        panic!("{mails:?}")
    };
    assert!(name.ends_with(&format!("-{id}.eml")), "{name}");
    assert!(bytes.is_ascii() && bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
    let mail = MessageParser::new().parse(bytes).unwrap();
    let boxes = |list: Option<&mail_parser::Address<'_>>| -> Vec<(String, String)> {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let addresses = list.unwrap().iter();
        addresses
            .map(|address| (text(address.name()), text(address.address())))
            .collect()
    };
    let expected = |boxes: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = |(name, address): &(&str, &str)| ((*name).to_owned(), (*address).to_owned());
        boxes.iter().map(owned).collect()
    };
    assert_eq!(boxes(mail.from()), expected(&[("Reports", "no-reply@example.com")]));
    let to = [("B, Bob", "bob@example.com"), ("Jürgen", "j@example.com")];
    assert_eq!(boxes(mail.to()), expected(&to));
    assert_eq!(boxes(mail.cc()), expected(&[("", "carol@example.com")]));
    assert_eq!(boxes(mail.bcc()), expected(&[("", "dave@example.com")]));
    assert_eq!(boxes(mail.reply_to()), expected(&[("", "support@example.com")]));
    assert_eq!(mail.subject(), Some("Größe überschritten"));
    assert_eq!(mail.message_id(), Some(format!("{id}@email.amazonses.com").as_str()));
    let age_s = crate::clock::now().as_second() - mail.date().unwrap().to_timestamp();
    assert!((0..60).contains(&age_s), "{age_s}");
    let lines = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap().replace("\r\n", "\n").trim_end().to_owned();
    assert_eq!(lines(mail.body_text(0)), long.trim_end());
    assert_eq!(lines(mail.body_html(0)), "<p>Grüße\n.\nFrom here</p>");
    fixture.end().await;
}

#[tokio::test]
async fn a_raw_mail_is_kept_as_it_came() {
    let fixture = fixture().await;
    let message = "From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\n\r\nbody\r\n";
    let without = "Subject: s\r\n\r\nbody\r\n";
    let send = |message: &str| fixture.client.send_email().content(raw(message));
    let to_bob = Destination::builder().to_addresses("b@example.com").build();
    send(message).send().await.unwrap();
    let envelope = send(without)
        .from_email_address("a@example.com")
        .destination(to_bob.clone());
    envelope.send().await.unwrap();
    let mut bodies: Vec<_> = fixture.mails().into_iter().map(|(_, body)| body).collect();
    bodies.sort();
    assert_eq!(bodies, [message.as_bytes(), without.as_bytes()]);

    for (request, told) in [
        (send(without).destination(to_bob), "'From'"),
        (send("From: a@example.com\r\n\r\nbody"), "'To'"),
        (send(message).reply_to_addresses("a@example.com"), "ReplyToAddresses"),
    ] {
        assert!(refused(request).await.contains(told), "{told}");
    }
    assert_eq!(fixture.mails().len(), 2);
    fixture.end().await;
}

/// The message of a `BadRequestException`.
async fn refused(request: SendEmailFluentBuilder) -> String {
    let error = request.send().await.unwrap_err().into_service_error();
    assert!(error.is_bad_request_exception(), "{error:?}");
    error.message().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_wrong_is_refused_as_a_bad_request() {
    let fixture = fixture().await;
    let base = || fixture.client.send_email().from_email_address("a@example.com");
    let to = |count: usize| {
        let addresses = |from: usize| Some((from..count).step_by(2).map(|n| format!("{n}@example.com")).collect());
        let destination = Destination::builder().set_to_addresses(addresses(0));
        destination.set_bcc_addresses(addresses(1)).build()
    };
    let to_one = |address: &str| Destination::builder().to_addresses(address).build();
    let good = || base().destination(to(1)).content(plain());
    let body = |text: Content| Body::builder().text(text).build();
    let subject = |data: &str| simple(text(data, None), body(text("b", None)));
    let template = EmailContent::builder().template(Template::builder().template_name("t").build());
    let list = ListManagementOptions::builder().contact_list_name("l").build().unwrap();
    let cases = [
        (good().set_from_email_address(None), "'From'"),
        (good().set_destination(None), "'To'"),
        (good().destination(to(51)), "Recipient count exceeds 50"),
        (good().destination(to_one("nobody")), "Missing final '@domain'"),
        (good().destination(to_one("a@")), "Missing final '@domain'"),
        (good().destination(to_one("")), "is not one address"),
        (good().destination(to_one("a@x.com, b@x.com")), "is not one address"),
        (
            good().destination(to_one("a@x.com\r\nBcc: b@x.com")),
            "control or non-ASCII",
        ),
        (good().destination(to_one("Jürgen <j@x.com>")), "control or non-ASCII"),
        (good().from_email_address("nobody"), "Missing final '@domain'"),
        (good().reply_to_addresses("nobody"), "Missing final '@domain'"),
        (
            good().content(simple(text("s", None), Body::builder().build())),
            "Text or Html",
        ),
        (good().content(subject("a\nBcc: b@x.com")), "control character"),
        (good().content(subject("Größe")), "Charset UTF-8"),
        (
            good().content(simple(text("s", None), body(text("b", Some("latin1"))))),
            "latin1",
        ),
        (good().content(template.build()), "Template"),
        (good().list_management_options(list), "ListManagementOptions"),
    ];
    for (request, told) in cases {
        let message = refused(request).await;
        assert!(message.contains(told), "{told}: {message}");
    }
    assert!(fixture.mails().is_empty());
    good().destination(to(50)).send().await.unwrap();
    assert_eq!(fixture.mails().len(), 1);
    let unknown = fixture.client.list_email_identities().send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("UnknownOperationException"));
    fixture.end().await;
}
