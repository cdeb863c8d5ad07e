//! What clients sent and what they were told. A time-out says nothing; everything else is a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_model::{Code, CommandId};
use mesh_proto::status::MeshError;
use mesh_proto::v1;

use crate::ledger::{Decided, Ledger};
use crate::network::Place;

/// One thing that a client was told about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Decided at this leaf with this code.
    Sealed {
        /// The leaf.
        index: u64,
        /// What was decided.
        code: Code,
    },
    /// Durable in the home's feed.
    Local,
    /// Refused; the text is for people.
    Refused {
        /// Why.
        code: Code,
        /// The same in words.
        why: String,
    },
    /// It did not take effect and will not by this call.
    NothingHappened {
        /// Why.
        code: Code,
    },
    /// No answer, or none that says anything.
    Unknown,
}

impl Said {
    /// What an answer says.
    pub fn of(answer: Result<Option<v1::Acknowledgement>, tonic::Status>) -> Self {
        match answer {
            Ok(Some(told)) => match (told.reached == v1::WaitLevel::Local as i32, told.ledger_index) {
                (false, Some(index)) => {
                    let code = told.code.and_then(Code::from_number).unwrap_or(Code::Accepted);
                    Self::Sealed { index, code }
                }
                _ => Self::Local,
            },
            Ok(None) => Self::Unknown,
            Err(status) => {
                let MeshError { code, message, .. } = MeshError::from(status);
                match code {
                    // A disk that refuses may have taken part of it.
                    Code::OutcomeUnknown | Code::StorageFailed | Code::Internal => Self::Unknown,
                    code if code.class() == mesh_model::Class::Unavailable => Self::NothingHappened { code },
                    code => Self::Refused { code, why: message },
                }
            }
        }
    }
}

/// A command that was sent at least once.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What it is, for people.
    pub what: String,
    /// Everything that was said, in order.
    pub said: Vec<Said>,
    /// Whether the disk that was trusted with it lied: what is only `Local` may be lost with it.
    pub betrayed: bool,
}

impl Record {
    /// Whether asking again brings nothing new.
    pub fn is_settled(&self) -> bool {
        self.said.iter().any(|said| match said {
            Said::Sealed { code, .. } => Decided { index: 0, code: *code }.is_final(),
            Said::Refused { .. } => true,
            _ => false,
        })
    }

    fn is_local(&self) -> bool {
        self.said.contains(&Said::Local)
    }
}

/// Everything that was sent and said.
#[derive(Default)]
pub struct Oracle {
    records: BTreeMap<CommandId, Record>,
    /// When somebody was told of which leaf, by time.
    told: Vec<(Duration, u64)>,
    calls: u64,
}

impl Oracle {
    /// Notes a command before it is sent.
    pub fn sends(&mut self, id: CommandId, what: String) {
        self.records.entry(id).or_insert_with(|| Record { what, ..Record::default() });
    }

    /// Notes what was said through a node, and looks whether the ledger says so too.
    ///
    /// # Errors
    /// The broken promise.
    pub fn heard(
        &mut self,
        id: &CommandId,
        place: Place,
        said: Said,
        now: Duration,
        ledger: &Ledger,
    ) -> Result<(), String> {
        self.calls += 1;
        let Some(record) = self.records.get_mut(id) else { return Ok(()) };
        if let Said::Sealed { index, code } = &said {
            let decided = Decided { index: *index, code: *code };
            if !ledger.of(id).contains(&decided) {
                return Err(format!(
                    "node {place} says that {} is leaf {index} with {code}; the ledger says {:?}",
                    record.what,
                    ledger.of(id)
                ));
            }
            self.told.push((now, *index));
        }
        record.said.push(said);
        Ok(())
    }

    /// The highest leaf that somebody had been told of at that time.
    pub fn known_at(&self, time: Duration) -> Option<u64> {
        self.told.iter().take_while(|(told, _)| *told <= time).map(|(_, index)| *index).max()
    }

    /// A command's record.
    pub fn record(&self, id: &CommandId) -> Option<&Record> {
        self.records.get(id)
    }

    /// The disk that some commands were entrusted to lied.
    pub fn betrayed(&mut self, whose: impl Fn(&Record) -> bool) {
        for record in self.records.values_mut().filter(|record| whose(record)) {
            record.betrayed = true;
        }
    }

    /// How many calls came to an end.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// At the end, when all is healed and quiet: every promise is in the ledger, or its refusal is shown, or it `waits`.
    pub fn broken_promises(
        &self,
        ledger: &Ledger,
        refused: &BTreeSet<CommandId>,
        waits: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut broken = Vec::new();
        for (id, record) in &self.records {
            let decision = ledger.decision(id);
            for said in &record.said {
                if let Said::Sealed { index, code } = said
                    && !ledger.of(id).contains(&Decided { index: *index, code: *code })
                {
                    broken.push(format!("{} was sealed at {index} with {code} and is not", record.what));
                }
            }
            if record.is_local()
                && decision.is_none()
                && !record.betrayed
                && !refused.contains(id)
                && !waits(&record.what)
            {
                broken.push(format!("{} ({}) was durable and was never decided", record.what, id.short()));
            }
            let nothing = record.said.iter().all(|said| matches!(said, Said::NothingHappened { .. }));
            if !record.said.is_empty() && nothing && !ledger.of(id).is_empty() {
                broken.push(format!("{} is in the ledger, and every answer was that nothing happened", record.what));
            }
        }
        broken
    }

    /// How many commands ended in which way.
    pub fn outcomes(&self) -> BTreeMap<&'static str, usize> {
        let mut outcomes = BTreeMap::new();
        for record in self.records.values() {
            let any = |what: fn(&Said) -> bool| record.said.iter().any(what);
            let outcome = if any(|said| matches!(said, Said::Sealed { .. })) {
                "sealed"
            } else if any(|said| matches!(said, Said::Refused { .. })) {
                "refused"
            } else if record.is_local() {
                "local"
            } else if any(|said| *said == Said::Unknown) {
                "unknown"
            } else {
                "nothing happened"
            };
            *outcomes.entry(outcome).or_default() += 1;
        }
        outcomes
    }
}
