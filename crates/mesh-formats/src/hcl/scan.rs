//! The look at a file before it is parsed: how deep it nests, and what its strings compute.
//!
//! Product files hold values, not programs. An interpolation (`${…}`) or a directive (`%{ if … }`) in a string is
//! reported and blanked here, so that the parser goes on and finds whatever else is wrong. A `%{` that starts no
//! directive, as in the regular expression `[%]{2,}` written `%{2,}`, is plain text; the parser would take it for a
//! directive, so it sees a stand-in of the same length. All offsets into the result are offsets into the file.

use mesh_model::limits;

use super::source::PROBLEMS;

/// Most `name = value` pairs between one pair of braces: the parser's time grows with their square.
pub(super) const PAIRS: usize = 4096;

/// What to parse instead of the file.
pub(super) struct Scanned {
    /// As long as the file, with the same things at the same places.
    pub text: String,
    /// Stands for `%{` in strings.
    pub stand_in: Option<char>,
    /// Offset, what was expected, what was found.
    pub faults: Vec<Fault>,
}

/// One mistake: its offset, what was expected, what was found.
pub(super) struct Fault {
    pub offset: usize,
    pub expected: String,
    pub found: String,
}

/// Looks through a file.
///
/// # Errors
/// A [`Fault`] when it nests too deep, or has too many pairs between two braces, to be parsed at all.
pub(super) fn scan(source: &str) -> Result<Scanned, Fault> {
    let mut scanner = Scanner {
        source: source.as_bytes(),
        out: source.as_bytes().to_vec(),
        at: 0,
        open: Vec::new(),
        markers: Vec::new(),
        faults: Vec::new(),
        open_until: 0,
    };
    scanner.run()?;
    let Scanner { mut out, markers, mut faults, .. } = scanner;
    let stand_in = if markers.is_empty() { None } else { unused_char(source) };
    for &offset in &markers {
        match stand_in {
            Some(char) => _ = char.encode_utf8(&mut out[offset..offset + 2]),
            None => faults.push(fault(offset, "'%%{' for a literal '%{'", "'%{'")),
        }
    }
    let text = String::from_utf8(out).expect("whole characters were replaced by whole characters");
    Ok(Scanned { text, stand_in, faults })
}

fn fault(offset: usize, expected: &str, found: &str) -> Fault {
    Fault { offset, expected: expected.into(), found: found.into() }
}

/// A character of two bytes that the file neither holds nor writes as an escape.
fn unused_char(source: &str) -> Option<char> {
    let lower = source.to_ascii_lowercase();
    ('\u{80}'..='\u{7ff}').find(|char| {
        let code = u32::from(*char);
        !source.contains(*char)
            && !lower.contains(&format!("\\u{code:04x}"))
            && !lower.contains(&format!("\\u{code:08x}"))
    })
}

struct Scanner<'a> {
    source: &'a [u8],
    out: Vec<u8>,
    at: usize,
    /// Pairs seen so far in each open bracket.
    open: Vec<usize>,
    /// Offsets of literal `%{`.
    markers: Vec<usize>,
    faults: Vec<Fault>,
    /// No template sequence that begins before this offset is closed on its line.
    open_until: usize,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'#' => self.skip_line(),
                b'/' if self.starts("//") => self.skip_line(),
                b'/' if self.starts("/*") => self.skip_past("*/"),
                b'"' => self.string(),
                b'<' if self.starts("<<") => self.heredoc(),
                b'{' | b'[' | b'(' => {
                    if self.open.len() == limits::NESTING {
                        let expected = format!("at most {} brackets inside each other", limits::NESTING);
                        return Err(fault(self.at, &expected, "one more"));
                    }
                    self.open.push(0);
                    self.at += 1;
                }
                b'}' | b']' | b')' => {
                    self.open.pop();
                    self.at += 1;
                }
                b'=' | b':' => {
                    if let Some(pairs) = self.open.last_mut() {
                        *pairs += 1;
                        if *pairs > PAIRS {
                            let expected = format!("at most {PAIRS} names between two braces");
                            return Err(fault(self.at, &expected, "one more"));
                        }
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn starts(&self, text: &str) -> bool {
        self.source[self.at..].starts_with(text.as_bytes())
    }

    fn skip_line(&mut self) {
        let rest = &self.source[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_past(&mut self, end: &str) {
        self.at += 2;
        while self.at < self.source.len() && !self.starts(end) {
            self.at += 1;
        }
        self.at = (self.at + end.len()).min(self.source.len());
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.at += 2,
                b'$' | b'%' => self.template(),
                _ => self.at += 1,
            }
        }
    }

    /// `<<EOT` or `<<-EOT`, then lines, then `EOT`.
    fn heredoc(&mut self) {
        let start = self.at;
        self.at += 2;
        if self.source.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let name_start = self.at;
        while self.source.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            self.at += 1;
        }
        let name = &self.source[name_start..self.at];
        if name.is_empty() {
            self.at = start + 2;
            return;
        }
        self.skip_line();
        while self.at < self.source.len() {
            self.at += 1; // past the line's end
            let line = &self.source[self.at.min(self.source.len())..];
            let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let after = line[indent..].strip_prefix(name).map(<[u8]>::first);
            if after.is_some_and(|next| !next.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))) {
                self.at += indent + name.len();
                return;
            }
            while self.source.get(self.at).is_some_and(|byte| *byte != b'\n') {
                match self.source[self.at] {
                    b'$' | b'%' => self.template(),
                    _ => self.at += 1,
                }
            }
        }
    }

    /// At a `$` or `%` within a string.
    fn template(&mut self) {
        let sign = self.source[self.at];
        if self.source.get(self.at + 1) == Some(&sign) && self.source.get(self.at + 2) == Some(&b'{') {
            self.at += 3; // `$${` and `%%{` are the escapes
            return;
        }
        if self.source.get(self.at + 1) != Some(&b'{') {
            self.at += 1;
            return;
        }
        if sign == b'%' && !self.is_directive() {
            self.markers.push(self.at);
            self.at += 2;
            return;
        }
        let (expected, found) = match sign {
            b'$' => ("plain text, since product files have no interpolation ('$${' writes a literal '${')", "'${'"),
            _ => (
                "plain text, since product files have no directives ('%%{' writes a literal '%{')",
                "a '%{ }' directive",
            ),
        };
        // One more than are listed, so that the list says that it is cut.
        if self.faults.len() <= PROBLEMS {
            self.faults.push(fault(self.at, expected, found));
        }
        let end = self.template_end();
        for byte in &mut self.out[self.at..end] {
            *byte = b' ';
        }
        self.at = end;
    }

    fn is_directive(&self) -> bool {
        let rest = &self.source[self.at + 2..];
        let skipped = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'~' | b'\r' | b'\n')).count();
        let word = rest[skipped..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        matches!(&rest[skipped..skipped + word], b"if" | b"else" | b"endif" | b"for" | b"endfor")
    }

    /// Just past the brace that closes the template sequence, or past its two opening bytes when the line has none.
    fn template_end(&mut self) -> usize {
        if self.at < self.open_until {
            return self.at + 2;
        }
        let mut depth = 0_usize;
        let mut quoted = false;
        for (at, byte) in self.source.iter().enumerate().skip(self.at + 1) {
            match byte {
                b'\n' => {
                    self.open_until = at;
                    return self.at + 2;
                }
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
        }
        self.open_until = self.source.len();
        self.at + 2
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn scanned(source: &str) -> Scanned {
        scan(source).ok().unwrap()
    }

    #[test]
    fn keeps_every_offset() {
        for source in [
            "a = \"${f(\"x\")} ö %{2,} $${x} %%{if}\" # {{{\n",
            "a = <<EOT\n${x} %{2}\n  EOT\n",
            "\"\\",
            "\"${",
            "<<",
            "<<E",
        ] {
            assert_eq!(scanned(source).text.len(), source.len(), "{source}");
        }
    }

    #[test]
    fn blanks_what_computes_and_keeps_what_only_looks_so() {
        let found = scanned("a = \"x${f(\"}\")}y %{2,} %{ if z }\"");
        assert_eq!(found.faults.iter().map(|f| f.offset).collect::<Vec<_>>(), [6, 23]);
        let stand_in = found.stand_in.unwrap();
        assert_eq!(found.text.replace(stand_in, "%{"), "a = \"x         y %{2,}          \"");
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        let noise = "{[(".repeat(100);
        assert!(scan(&format!("# {noise}\n/* {noise} */ a = \"{noise}\" // {noise}\n<<E\n{noise}\nE\n")).is_ok());
        assert!(scan(&noise).is_err());
        assert!(scan(&"{".repeat(limits::NESTING)).is_ok());
    }
}
