//! Small files of lines: receipts and fork proofs. One text for one meaning, as exports are.

use mesh_event::checkpoint::{Counted, LedgerCheckpoint, LedgerCheckpointError, Trust};
use mesh_event::genesis::SealedGenesis;
use mesh_event::voters::VoterSet;
use mesh_event::{Councils, VoterChange};
use mesh_model::MeshId;
use mesh_tlog::Hash;

use crate::export::{base64, unbase64};
use crate::fault::{Fault, excerpt};

/// The largest such file, in bytes: a founding document, a leaf, some notes and proofs of at most 64 hashes fit by far.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;

/// No tree needs more in a proof.
const MOST_HASHES: usize = 65;

/// Writes a line.
pub(crate) fn push(text: &mut String, word: &str, value: &str) {
    for part in [word, " ", value, "\n"] {
        text.push_str(part);
    }
}

/// Reads the lines of a file, in order.
pub(crate) struct Lines<'a> {
    rest: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    number: u64,
}

impl<'a> Lines<'a> {
    /// Takes a file apart whose first line has to be `format`.
    pub(crate) fn of(bytes: &'a [u8], format: &str) -> Result<Self, Fault> {
        if bytes.len() > MAX_FILE_BYTES {
            let why = format!("expected at most {MAX_FILE_BYTES} bytes; found {}", bytes.len());
            return Err(Fault::line(1, why));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count() as u64;
            Fault::line(line, "expected UTF-8")
        })?;
        let body = text.strip_suffix('\n').ok_or_else(|| {
            let last = 1 + text.matches('\n').count() as u64;
            Fault::line(last, "expected a newline at the end")
        })?;
        let lines: Vec<&str> = body.split('\n').collect();
        let mut lines = Self { rest: lines.into_iter().peekable(), number: 0 };
        let first = lines.next().unwrap_or_default();
        if first != format {
            return Err(lines.wrong(format!("expected '{format}'; found '{}'", excerpt(first))));
        }
        Ok(lines)
    }

    fn next(&mut self) -> Option<&'a str> {
        self.number += 1;
        self.rest.next()
    }

    /// A fault of the line that was read last.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> Fault {
        Fault::line(self.number, why)
    }

    /// What stands behind `word` in the next line.
    pub(crate) fn field(&mut self, word: &str) -> Result<&'a str, Fault> {
        let line = self.next().unwrap_or_default();
        let rest = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '));
        rest.ok_or_else(|| self.wrong(format!("expected '{word}' and its value; found '{}'", excerpt(line))))
    }

    /// Bytes in canonical base64 behind `word` in the next line.
    pub(crate) fn bytes(&mut self, word: &str) -> Result<Vec<u8>, Fault> {
        let text = self.field(word)?;
        unbase64(text).ok_or_else(|| {
            self.wrong(format!("expected '{word}' and canonical base64; found '{word} {}'", excerpt(text)))
        })
    }

    /// The same of all next lines that begin so.
    pub(crate) fn all(&mut self, word: &str) -> Result<Vec<Vec<u8>>, Fault> {
        let mut all = Vec::new();
        while self.rest.peek().is_some_and(|line| line.split(' ').next() == Some(word)) {
            all.push(self.bytes(word)?);
        }
        Ok(all)
    }

    /// A hash behind `word` in the next line, in its one spelling.
    pub(crate) fn hash(&mut self, word: &str) -> Result<Hash, Fault> {
        let bytes = self.bytes(word)?;
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| self.wrong(format!("expected '{word}' and 32 bytes")))?;
        Ok(Hash::new(bytes))
    }

    /// All next hashes behind `word`.
    pub(crate) fn hashes(&mut self, word: &str) -> Result<Vec<Hash>, Fault> {
        let mut all = Vec::new();
        while self.rest.peek().is_some_and(|line| line.split(' ').next() == Some(word)) {
            all.push(self.hash(word)?);
            if all.len() > MOST_HASHES {
                return Err(self.wrong(format!("expected at most {MOST_HASHES} lines of '{word}'")));
            }
        }
        Ok(all)
    }

    /// The last line, `end`, and nothing behind it.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        for expected in [Some("end"), None] {
            let found = self.next();
            if found != expected {
                let expected = expected.map_or("the end of the file".to_owned(), |line| format!("'{line}'"));
                return Err(self.wrong(format!("expected {expected}; found '{}'", excerpt(found.unwrap_or_default()))));
            }
        }
        Ok(())
    }
}

/// Which mesh a file is of, and how its voters are followed: lines 2, 3 and those with handovers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) mesh_id: MeshId,
    /// The exact founding envelope.
    pub(crate) genesis: Vec<u8>,
    /// All changes of voters so far, by size: exact notes, or what shows a recovery.
    pub(crate) handovers: Vec<Vec<u8>>,
}

impl Origin {
    pub(crate) fn write(&self, text: &mut String) {
        push(text, "mesh", &self.mesh_id.to_string());
        push(text, "genesis", &base64(&self.genesis));
        for note in &self.handovers {
            push(text, "voters", &base64(note));
        }
    }

    pub(crate) fn read(lines: &mut Lines<'_>) -> Result<Self, Fault> {
        let text = lines.field("mesh")?;
        let mesh_id = MeshId::parse(text).map_err(|error| lines.wrong(error.to_string()))?;
        Ok(Self { mesh_id, genesis: lines.bytes("genesis")?, handovers: lines.all("voters")? })
    }

    /// The voters, followed from the founding document. A recovery of voters counts by the word of the council that
    /// `councils` name, or of the founding one.
    pub(crate) fn trust(&self, pinned: Option<&MeshId>, councils: Option<&Councils>) -> Result<Trust, Fault> {
        if let Some(pinned) = pinned.filter(|pinned| **pinned != self.mesh_id) {
            return Err(Fault::line(2, format!("it is of mesh {}; expected {pinned}", self.mesh_id)));
        }
        let genesis = SealedGenesis::parse(self.genesis.clone())
            .map_err(|error| Fault::line(3, format!("it founds no mesh: {error}")))?;
        if genesis.mesh_id != self.mesh_id {
            let why = format!("the founding document is of mesh {}; line 2 says {}", genesis.mesh_id, self.mesh_id);
            return Err(Fault::line(3, why));
        }
        let first = VoterSet::of_genesis(&genesis.document).map_err(|error| Fault::line(3, error.to_string()))?;
        let parse = |(number, note): (usize, &Vec<u8>)| {
            VoterChange::parse(note, &self.mesh_id).map_err(|error| Fault::line(number as u64 + 4, error.to_string()))
        };
        let changes = self.handovers.iter().enumerate().map(parse).collect::<Result<Vec<_>, Fault>>()?;
        let founding = Councils::new(self.mesh_id, genesis.document.council.clone());
        Trust::new(self.mesh_id, first)
            .through_all(&changes, councils.unwrap_or(&founding))
            .map_err(|(number, error)| Fault::line(number as u64 + 4, error.to_string()))
    }

    /// How many lines come before what is the file's own.
    pub(crate) fn lines(&self) -> u64 {
        3 + self.handovers.len() as u64
    }
}

/// A checkpoint that counts and has no signature but of voters: a file has nothing that nobody vouches for.
pub(crate) fn counted(trust: &Trust, note: &[u8], line: u64) -> Result<Counted, Fault> {
    let fault = |error: LedgerCheckpointError| Fault::line(line, error.to_string());
    let found = LedgerCheckpoint::parse(note, trust.mesh()).map_err(fault)?;
    let counted = trust.judge(&found).map_err(fault)?;
    if let Some(place) = counted.others.first() {
        let name = found.note().signatures()[*place].name();
        return Err(Fault::line(line, format!("the signature by {name} is of no voter in force")));
    }
    Ok(counted)
}
