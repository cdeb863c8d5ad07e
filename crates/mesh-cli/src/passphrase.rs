//! Passphrases of private keys: from the terminal, without echo, or from `MESH_KEY_PASSPHRASE`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use mesh_model::Code;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::printable;

/// Takes the place of the terminal, for automation.
pub(crate) const VARIABLE: &str = "MESH_KEY_PASSPHRASE";
/// More bytes are not taken. Reserved at once: text that grows would leave copies behind.
const LONGEST: usize = 1024;

/// A passphrase, wiped when dropped.
pub(crate) type Passphrase = Zeroizing<String>;

/// The passphrase of a key that is encrypted.
///
/// # Errors
/// [`Code::KeyFile`] when there is neither a terminal nor the variable.
pub(crate) fn of(what: &str) -> Result<Passphrase, Failure> {
    match from_environment() {
        Some(passphrase) => Ok(passphrase),
        None => Terminal::open(what)?.ask(&format!("passphrase of {what}: ")),
    }
}

/// A passphrase for a key that is to be encrypted: typed twice, as nobody sees it.
///
/// # Errors
/// As [`of`]; [`Code::Usage`] when it is empty or the two differ.
pub(crate) fn choose(what: &str) -> Result<Passphrase, Failure> {
    if let Some(passphrase) = from_environment() {
        return Ok(passphrase);
    }
    let mut terminal = Terminal::open(what)?;
    let first = terminal.ask(&format!("new passphrase of {what}: "))?;
    if first.is_empty() {
        return Err(Failure::usage("an empty passphrase protects nothing; nothing was written"));
    }
    if terminal.ask("the same again: ")? != first {
        return Err(Failure::usage("the two passphrases differ; nothing was written").hint("try again"));
    }
    Ok(first)
}

/// An empty variable is none.
fn from_environment() -> Option<Passphrase> {
    std::env::var(VARIABLE).ok().map(Zeroizing::new).filter(|passphrase| !passphrase.is_empty())
}

/// The terminal that the process belongs to, whatever stdin and stdout are, with echo off. What it was comes back when
/// this is dropped.
struct Terminal {
    device: File,
    before: Termios,
}

impl Terminal {
    fn open(what: &str) -> Result<Self, Failure> {
        let nobody = || {
            Failure::new(
                Code::KeyFile,
                format!("{what} is encrypted, and there is no terminal to type its passphrase on"),
            )
            .hint(format!("run it on a terminal; for automation, put the passphrase into {VARIABLE}"))
        };
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| nobody())?;
        let before = tcgetattr(&device).map_err(|_| nobody())?;
        let mut silent = before.clone();
        // Byte by byte and without signals: Ctrl-C has to come here, where echo can be turned on again.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&device, OptionalActions::Flush, &silent).map_err(|_| nobody())?;
        Ok(Self { device, before })
    }

    fn ask(&mut self, question: &str) -> Result<Passphrase, Failure> {
        let broken = |error: std::io::Error| Failure::internal(format!("cannot read the terminal: {error}"));
        self.device.write_all(printable(question).as_bytes()).map_err(broken)?;
        let typed = line(&mut self.device).map_err(broken)?;
        self.device.write_all(b"\n").map_err(broken)?;
        let Some(typed) = typed else { return Err(Failure::interrupted("")) };
        let text = std::str::from_utf8(&typed).map_err(|_| Failure::usage("the passphrase is no UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _nothing_is_left_to_do_when_it_is_gone = tcsetattr(&self.device, OptionalActions::Flush, &self.before);
    }
}

/// One typed line, without its end; `None` after Ctrl-C, or when the terminal went away.
fn line(from: &mut impl std::io::Read) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const BACKSPACE: [u8; 2] = [8, 127];
    const CLEAR: u8 = 21;
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        match from.read_exact(&mut byte[..]) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        match byte[0] {
            INTERRUPT => return Ok(None),
            b'\n' | b'\r' | END => return Ok(Some(typed)),
            CLEAR => typed.clear(),
            byte if BACKSPACE.contains(&byte) => {
                // A whole character: its first byte is no continuation byte.
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte if typed.len() < LONGEST => typed.push(byte),
            _ => return Err(std::io::Error::other(format!("a passphrase has at most {LONGEST} bytes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        line(&mut &*keys).unwrap().map(|line| String::from_utf8(line.to_vec()).unwrap())
    }

    #[test]
    fn a_line_ends_at_enter_and_can_be_mended() {
        assert_eq!(typed(b"open sesame\nmore").unwrap(), "open sesame");
        assert_eq!(typed("Öx\u{7f}\u{7f}opem\u{8}n\r".as_bytes()).unwrap(), "open");
        assert_eq!(typed(b"wrong\x15right\n").unwrap(), "right");
        assert_eq!(typed(b"\n").unwrap(), "");
    }

    #[test]
    fn ctrl_c_and_a_lost_terminal_end_the_question() {
        assert_eq!(typed(b"open\x03sesame\n"), None);
        assert_eq!(typed(b"open"), None);
        assert!(line(&mut std::io::repeat(b'x')).is_err());
    }
}
