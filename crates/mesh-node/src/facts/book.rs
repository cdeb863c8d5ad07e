//! Everything that the facts of one domain came to.

use std::collections::BTreeSet;

use mesh_access::{AccessRecord, Book};
use mesh_event::fact::Known;
use mesh_event::{Fact, FactBody};
use mesh_measure::Measures;
use mesh_model::{Code, Digest, DomainName, FactId, PublicKey, UnixMs};

/// One domain's book. What it says is a function of the facts that it took, in their order.
#[derive(Debug, Clone, Default)]
pub struct DomainBook {
    /// Who asked for what, and what came of it.
    pub access: Book,
    /// What was measured about its products.
    pub measures: Measures,
}

/// Why a fact does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// About access.
    #[error(transparent)]
    Access(#[from] mesh_access::Refused),
    /// A quality run.
    #[error(transparent)]
    Measure(#[from] mesh_measure::Refused),
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Access(refused) => refused.code(),
            Self::Measure(refused) => refused.code(),
        }
    }
}

impl DomainBook {
    /// Whether a fact that these keys signed follows at a moment.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn judge(&self, fact: &Fact, signers: &BTreeSet<PublicKey>, at: UnixMs) -> Result<(), Refused> {
        match &fact.body {
            FactBody::ReportQuality(_) => self.measures.judge(fact, at)?,
            _ => {
                self.access.judge(fact, signers, at)?;
            }
        }
        Ok(())
    }

    /// Whether there is room for a fact that is new.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check_room(&self, fact: &Fact, at: UnixMs) -> Result<(), Refused> {
        match &fact.body {
            FactBody::RequestAccess(body) => self.access.check_room(&body.consumer, at)?,
            FactBody::ReportQuality(_) => self.measures.check_room(fact, at)?,
            _ => {}
        }
        Ok(())
    }

    /// Takes a fact that these keys signed, and that was stated at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn take(
        &mut self,
        fact: &Fact,
        signers: &BTreeSet<PublicKey>,
        known: Known,
        at: UnixMs,
    ) -> Result<(), Refused> {
        match &fact.body {
            FactBody::ReportQuality(_) => self.measures.take(fact, known, at)?,
            _ => self.access.take(fact, signers, known, at)?,
        }
        Ok(())
    }

    /// A fact by its id, of whatever kind.
    pub fn fact(&self, id: &FactId) -> Option<&Known> {
        self.access.fact(id).or_else(|| self.measures.fact(id))
    }

    /// When the last fact was stated: the next one is not stated before that.
    pub fn latest(&self) -> UnixMs {
        self.access.latest().max(self.measures.latest())
    }

    /// The domain that asks, or asked, for what a fact is about.
    pub fn consumer_of(&self, fact: &Fact) -> Option<DomainName> {
        match &fact.body {
            FactBody::RequestAccess(body) => Some(body.consumer.clone()),
            _ => self.access.request(&AccessRecord::request_of(fact)?).map(|record| record.consumer.clone()),
        }
    }

    /// The other domains whose readers may read a private text that a fact names; `None` when no fact names it.
    pub fn readers_of(&self, digest: &Digest, fact: &FactId) -> Option<Vec<DomainName>> {
        if let Some(record) = self.access.text(digest, fact) {
            return Some(vec![record.consumer.clone()]);
        }
        self.measures.names_text(digest, fact).then(Vec::new)
    }
}
