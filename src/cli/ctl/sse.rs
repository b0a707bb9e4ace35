//! Server-sent events (WHATWG HTML, section 9.2.6), from bytes as they come. Pure and bounded.

/// Longest event, and longest line of one, bytes.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The last id that was told, this event's or an earlier one's; empty if none was.
    pub(super) id: String,
    /// `message` if it says none.
    pub(super) kind: String,
    pub(super) data: String,
}

/// An event that is longer than any of a daemon's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// What has come of an event that is not over.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last line ended in a carriage return: a line feed belongs to it.
    after_return: bool,
    has_begun: bool,
    id: String,
    kind: String,
    data: String,
}

impl Parser {
    /// Takes some bytes, wherever they were cut, and adds the events that end in them.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), TooLong> {
        for &byte in bytes {
            let belongs_to_last = self.after_return && byte == b'\n';
            self.after_return = byte == b'\r';
            match byte {
                _ if belongs_to_last => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    self.end_line(&String::from_utf8_lossy(&line), events);
                    self.line = line;
                    self.line.clear();
                }
                byte => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &str, events: &mut Vec<Event>) {
        let line = if self.has_begun { line } else { line.strip_prefix('\u{feff}').unwrap_or(line) };
        self.has_begun = true;
        if line.is_empty() {
            return self.end_event(events);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                self.data += value;
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Comments, `retry`, and what is to come.
            _ => {}
        }
    }

    fn end_event(&mut self, events: &mut Vec<Event>) {
        let (kind, mut data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        if data.pop().is_some() {
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            events.push(Event { id: self.id.clone(), kind, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Event> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        parser.push(bytes, &mut events).unwrap();
        events
    }

    #[test]
    fn events() {
        let check = |text: &str, expected: &[(&str, &str, &str)]| {
            let events = parse(text.as_bytes());
            let told: Vec<_> = events.iter().map(|it| (it.id.as_str(), it.kind.as_str(), it.data.as_str())).collect();
            assert_eq!(told, expected, "{text:?}");
        };
        check("id: 7-1\nevent: page\ndata: {}\n\n", &[("7-1", "page", "{}")]);
        check("\u{feff}data:a\r\ndata: b\r\n\r\n:\n\ndata\n\n", &[("", "message", "a\nb"), ("", "message", "")]);
        // Without data, or not over, it is none; an id is for those behind it as well.
        check(
            "id: 1\nevent: x\n\ndata: a\n\nid\ndata:  b\r\rdata: c\n",
            &[("1", "message", "a"), ("", "message", " b")],
        );
        check("id: a\0b\nretry: 3\nunknown: x\ndata: :\n\n", &[("", "message", ":")]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut events = Vec::new();
        let long = vec![b'x'; MAX_EVENT_BYTES + 1];
        assert_eq!(Parser::default().push(&long, &mut events), Err(TooLong));
        let lines = b"data: xxxxxxxxxxxxxxx\n".repeat(MAX_EVENT_BYTES / 15);
        assert_eq!(Parser::default().push(&lines, &mut events), Err(TooLong));
        assert_eq!(Parser::default().push(&b": keep-alive\n\n".repeat(100_000), &mut events), Ok(()));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_bytes_are_cut(
            bytes in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>(), Just(0xef)], 0..200),
            cuts in vec(1_usize..9, 0..200),
        ) {
            let text = [b"data: x\nid: 1\n".as_slice(), &bytes].concat();
            let (mut parser, mut events, mut rest) = (Parser::default(), Vec::new(), text.as_slice());
            for cut in cuts {
                let (first, others) = rest.split_at(cut.min(rest.len()));
                parser.push(first, &mut events).unwrap();
                rest = others;
            }
            parser.push(rest, &mut events).unwrap();
            prop_assert_eq!(events, parse(&text));
        }
    }
}
