//! The frames of one connection in one tick as text. Rows are rendered once per topic; here they get their channel and are put together,
//! and what is too large for one message becomes parts.

use std::fmt::Write as _;

use crate::frame::to_json;
use crate::{Frame, MAX_FRAME_BYTES, TopicEcho};

/// Frames that are being put together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    parts: Vec<Part>,
    pub(super) rows: u64,
}

#[derive(Debug)]
struct Part {
    /// The frame with empty lists.
    head: Frame,
    head_bytes: usize,
    topics: String,
    rows: String,
}

/// Room for `,"part":4294967295,"parts":4294967295`, which is known only at the end.
const NUMBERS_BYTES: usize = 40;

/// Room for `[4294967295,` and the comma before it.
const CHANNEL_BYTES: usize = 13;

impl Batch {
    /// Starts a frame; its lists are empty and filled by what follows.
    pub(super) fn open(&mut self, head: Frame) {
        let head_bytes = to_json(&head).len() + NUMBERS_BYTES;
        self.parts.push(Part {
            head,
            head_bytes,
            topics: String::new(),
            rows: String::new(),
        });
    }

    pub(super) fn topic(&mut self, topic: &TopicEcho) {
        let text = to_json(topic);
        if let Some(part) = self.part(text.len() + 1) {
            separate(&mut part.topics);
            part.topics.push_str(&text);
        }
    }

    pub(super) fn row(&mut self, channel: u32, tail: &str) {
        self.rows += 1;
        if let Some(part) = self.part(CHANNEL_BYTES + tail.len()) {
            separate(&mut part.rows);
            let _ = write!(part.rows, "[{channel},{tail}");
        }
    }

    /// The part that takes so many bytes more: the last one, or a new one of the same kind.
    fn part(&mut self, bytes: usize) -> Option<&mut Part> {
        let last = self.parts.last()?;
        let length = last.head_bytes + last.topics.len() + last.rows.len();
        if length + bytes > MAX_FRAME_BYTES && !(last.topics.is_empty() && last.rows.is_empty()) {
            let mut head = last.head.clone();
            if let Frame::Update(update) = &mut head {
                (update.time, update.watermark) = (None, None);
                update.silent.clear();
            }
            self.open(head);
        }
        self.parts.last_mut()
    }

    /// The texts, in their order.
    pub(super) fn finish(self) -> Vec<String> {
        let parts = u32::try_from(self.parts.len()).ok().filter(|parts| *parts > 1);
        self.parts
            .into_iter()
            .zip(1..)
            .map(|(part, number)| part.text(parts.map(|parts| (number, parts))))
            .collect()
    }
}

impl Part {
    fn text(mut self, number: Option<(u32, u32)>) -> String {
        if let Some(position) = self.head.position_mut() {
            (position.part, position.parts) = number.unzip();
        }
        // The lists are the last fields of every frame that has them.
        let mut text = to_json(&self.head);
        let (topics, rows) = (r#""topics":[],"rows":[]}"#, r#""rows":[]}"#);
        if text.ends_with(topics) {
            text.truncate(text.len() - topics.len());
            let _ = write!(text, r#""topics":[{}],"rows":[{}]}}"#, self.topics, self.rows);
        } else if text.ends_with(rows) {
            text.truncate(text.len() - rows.len());
            let _ = write!(text, r#""rows":[{}]}}"#, self.rows);
        }
        text
    }
}

fn separate(list: &mut String) {
    if !list.is_empty() {
        list.push(',');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use catalog::Period;

    use super::*;
    use crate::Reason;
    use crate::row::tail;
    use crate::{Mode, Position, Resync, Row, Subscribed, Update};

    fn position() -> Position {
        Position {
            epoch: 7,
            seq: 9,
            prev: Some(8),
            part: None,
            parts: None,
        }
    }

    #[test]
    fn texts_are_the_frames() {
        let mut batch = Batch::default();
        batch.open(Frame::Update(Update {
            position: position(),
            time: None,
            watermark: None,
            silent: Vec::new(),
            rows: Vec::new(),
        }));
        let value: Option<formula::Number> = formula::Number::of_float(1.5);
        batch.row(3, &tail(60, value.as_ref(), 2, true));
        batch.row(4, &tail(60, None, 0, false));
        let rows = vec![
            Row {
                channel: 3,
                bucket: 60,
                value,
                facts: 2,
                closed: true,
            },
            Row {
                channel: 4,
                bucket: 60,
                value: None,
                facts: 0,
                closed: false,
            },
        ];
        let frame = Frame::Update(Update {
            position: position(),
            time: None,
            watermark: None,
            silent: Vec::new(),
            rows,
        });
        let texts = batch.finish();
        assert_eq!(texts.len(), 1);
        assert_eq!(serde_json::from_str::<Frame>(&texts[0]).unwrap(), frame);
    }

    #[test]
    fn no_frame_is_too_large_and_nothing_is_lost() {
        let echo = |channel| TopicEcho {
            channel,
            kpi: "K".repeat(64),
            period: Period::Minute,
            time_zone: None,
            filter: BTreeMap::from([(
                "name".to_owned(),
                (0..50).map(|value| format!("{value}\u{1}\"")).collect(),
            )]),
            mode: Mode::Live,
            buckets: 50,
            silent: None,
        };
        let longest = format!("-{}.{}", "9".repeat(48), "9".repeat(28)).parse().unwrap();
        let mut batch = Batch::default();
        batch.open(Frame::Resync(Resync {
            position: position(),
            reason: Reason::Lagging,
            topics: Vec::new(),
            rows: Vec::new(),
        }));
        let id = Some("\u{1}".repeat(64));
        batch.open(Frame::Subscribed(Subscribed {
            position: position(),
            id,
            resumed: false,
            topics: Vec::new(),
            rows: Vec::new(),
        }));
        for channel in 0..200 {
            batch.topic(&echo(channel));
            for bucket in 0..50 {
                batch.row(
                    channel,
                    &tail(1_700_000_000 + bucket * 60, Some(&longest), u64::MAX, true),
                );
            }
        }
        let texts = batch.finish();
        assert!(texts.len() > 3);
        let (mut topics, mut rows) = (0, 0);
        for (text, number) in texts.iter().zip(1..) {
            assert!(text.len() <= MAX_FRAME_BYTES, "{} bytes", text.len());
            let frame = serde_json::from_str::<Frame>(text).unwrap();
            let position = frame.position().unwrap();
            assert_eq!(
                (position.part, position.parts.map(|parts| parts as usize)),
                (Some(number), Some(texts.len()))
            );
            if let Frame::Subscribed(frame) = frame {
                topics += frame.topics.len();
                rows += frame.rows.len();
            }
        }
        assert_eq!((topics, rows), (200, 10_000));
    }
}
