//! Lines of a text, each ended by one newline.

use std::io::{BufRead, Read as _};

use crate::fault::{Fault, VerifyError};

/// The longest line that is read, in bytes, its newline included: a leaf or a note has less than 64 KiB, and base64 makes it a third
/// longer.
pub const MAX_LINE_BYTES: usize = 96 * 1024;

/// A reader of lines that counts them.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, read: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.read
    }

    /// The next line without its newline; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, VerifyError> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.read += 1;
        let fault = |why: String| VerifyError::from(Fault::line(self.read, why));
        if bytes.pop() != Some(b'\n') {
            let why = if bytes.len() + 1 == MAX_LINE_BYTES {
                format!("is longer than {MAX_LINE_BYTES} bytes")
            } else {
                "does not end in a newline".to_owned()
            };
            return Err(fault(why));
        }
        match String::from_utf8(bytes) {
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(fault(format!("is no UTF-8 at byte {}", error.utf8_error().valid_up_to() + 1))),
        }
    }

    /// The next line, where there has to be one.
    pub(super) fn expect(&mut self, what: &str) -> Result<String, VerifyError> {
        match self.next()? {
            Some(line) => Ok(line),
            None => Err(Fault::line(self.read + 1, format!("expected {what}; found the end of the file")).into()),
        }
    }
}
