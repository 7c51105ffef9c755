//! From a request to the text of a message (RFC 5322), with the checks that SES makes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_parser::{Message, MessageParser};
use uuid::Uuid;

use super::request::{Content, Destination, Invalid, Raw, SendEmail, Simple};

/// Recipients of one mail: To, Cc and Bcc together.
const RECIPIENTS: usize = 50;

/// The domain of message ids, as SES writes it.
const ID_DOMAIN: &str = "email.amazonses.com";

const MISSING_FROM: &str = "Missing required header 'From'.";

/// The message of a request, sent `now` under the id `id`.
pub(super) fn build(request: SendEmail, id: Uuid, now: Timestamp) -> Result<Vec<u8>, Invalid> {
    request.check_fields()?;
    let SendEmail {
        from_email_address: from,
        destination,
        reply_to_addresses: reply_to,
        content,
        ..
    } = request;
    let from = from.map(|from| addresses(&[from])).transpose()?;
    let to = Recipients::read(&destination)?;
    match content {
        Content::Simple(simple) => {
            let from = from.ok_or_else(|| Invalid::new(MISSING_FROM))?;
            check_count(to.count())?;
            build_simple(simple, from, to, addresses(&reply_to)?, id, now)
        }
        Content::Raw(_) if !reply_to.is_empty() => Err(Invalid::new(
            "the stand-in does not know ReplyToAddresses of a raw mail",
        )),
        Content::Raw(raw) => check_raw(&raw, from.is_some(), to.count()),
    }
}

/// A name, if there is one, and an address.
type Mailbox = (Option<String>, String);

struct Recipients {
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
}

impl Recipients {
    fn read(destination: &Destination) -> Result<Self, Invalid> {
        Ok(Self {
            to: addresses(&destination.to_addresses)?,
            cc: addresses(&destination.cc_addresses)?,
            bcc: addresses(&destination.bcc_addresses)?,
        })
    }

    fn count(&self) -> usize {
        self.to.len() + self.cc.len() + self.bcc.len()
    }
}

fn check_count(recipients: usize) -> Result<(), Invalid> {
    match recipients {
        0 => Err(Invalid::new("Missing required header 'To'.")),
        1..=RECIPIENTS => Ok(()),
        _ => Err(Invalid::new(format!(
            "Recipient count exceeds {RECIPIENTS}: there are {recipients}"
        ))),
    }
}

fn build_simple(
    simple: Simple,
    from: Vec<Mailbox>,
    recipients: Recipients,
    reply_to: Vec<Mailbox>,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<u8>, Invalid> {
    let subject = simple.subject.checked("Subject")?;
    if subject.chars().any(char::is_control) {
        return Err(Invalid::new("Subject has a control character"));
    }
    let text = simple.body.text.map(|text| text.checked("Body.Text")).transpose()?;
    let html = simple.body.html.map(|html| html.checked("Body.Html")).transpose()?;
    if text.is_none() && html.is_none() {
        return Err(Invalid::new("Body needs Text or Html"));
    }
    let mut message = MessageBuilder::new()
        .message_id(format!("{id}@{ID_DOMAIN}"))
        .date(now.as_second())
        .from(header(from))
        .subject(subject);
    if !recipients.to.is_empty() {
        message = message.to(header(recipients.to));
    }
    if !recipients.cc.is_empty() {
        message = message.cc(header(recipients.cc));
    }
    if !recipients.bcc.is_empty() {
        message = message.bcc(header(recipients.bcc));
    }
    if !reply_to.is_empty() {
        message = message.reply_to(header(reply_to));
    }
    if let Some(text) = text {
        message = message.text_body(text);
    }
    if let Some(html) = html {
        message = message.html_body(html);
    }
    message.write_to_vec().map_err(|error| Invalid::new(error.to_string()))
}

fn header(mailboxes: Vec<Mailbox>) -> Address<'static> {
    let address = |(name, email): Mailbox| Address::new_address(name, email);
    Address::new_list(mailboxes.into_iter().map(address).collect())
}

/// A raw message as it came. The sender and the recipients of the request take the place of those in its headers.
fn check_raw(raw: &Raw, has_from: bool, recipients: usize) -> Result<Vec<u8>, Invalid> {
    let bytes = STANDARD.decode(&raw.data);
    let bytes = bytes.map_err(|error| Invalid::new(format!("Raw.Data is not base64: {error}")))?;
    let message = MessageParser::new().parse(&bytes);
    let message = message.ok_or_else(|| Invalid::new("Raw.Data is no message with headers"))?;
    if !has_from && message.from().and_then(|from| from.first()).is_none() {
        return Err(Invalid::new(MISSING_FROM));
    }
    let in_headers = || {
        let lists = [message.to(), message.cc(), message.bcc()];
        lists.into_iter().flatten().map(|list| list.iter().count()).sum()
    };
    check_count(if recipients == 0 { in_headers() } else { recipients })?;
    Ok(bytes)
}

/// Reads texts such as `a@example.com` and `"Anna A." <a@example.com>`, one address each.
fn addresses(texts: &[String]) -> Result<Vec<Mailbox>, Invalid> {
    texts.iter().map(|text| mailbox(text)).collect()
}

fn mailbox(text: &str) -> Result<Mailbox, Invalid> {
    // SES wants names in the encoded words of RFC 2047, and domains in Punycode.
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Invalid::new(format!(
            "the address {text:?} has control or non-ASCII characters: encode the name as RFC 2047 says"
        )));
    }
    let line = format!("To: {text}\r\n\r\n");
    let header = MessageParser::new().parse(line.as_bytes());
    let found: Vec<Mailbox> = header.as_ref().map(mailboxes).unwrap_or_default();
    match <[Mailbox; 1]>::try_from(found) {
        Ok([mailbox]) if is_address(&mailbox.1) => Ok(mailbox),
        Ok(_) => Err(Invalid::new(format!("Missing final '@domain' in the address {text:?}"))),
        Err(_) => Err(Invalid::new(format!("{text:?} is not one address"))),
    }
}

fn mailboxes(message: &Message<'_>) -> Vec<Mailbox> {
    let addresses = message.to().into_iter().flat_map(|list| list.iter());
    // A word alone is a name without an address.
    let mailbox = |address: &mail_parser::Addr<'_>| {
        let name = address.name().map(str::to_owned);
        (name, address.address().unwrap_or_default().to_owned())
    };
    addresses.map(mailbox).collect()
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !text.contains([' ', '<', '>', ',', ';'])
    })
}
