//! Takes facts, at the home of their domain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_access::AccessRecord;
use mesh_event::command::CommandError;
use mesh_event::signed::Payload as _;
use mesh_event::{Envelope, Fact, FeedId, SignedFact};
use mesh_governance::{FactCase, admit_fact, read};
use mesh_model::{Class, Code, DomainName, NodeId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::StateFactRequest;

use super::book::{DomainBook, Refused};
use super::books::Reach;
use super::texts;
use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::feeds;
use crate::publish::{Publisher, Route};
use crate::replicas::{forks, writers};

/// How long a home may take to say what it has: those that don't answer are named, and nobody waits longer for them.
pub(crate) const ASKING: Duration = Duration::from_secs(2);

/// Where a fact lies now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The feed.
    pub feed: FeedId,
    /// Its number there.
    pub seq: u64,
}

/// Takes facts, and knows where what they come to is asked.
#[derive(Clone)]
pub struct FactDesk {
    core: Arc<Core>,
    publisher: Publisher,
}

pub(crate) fn from_command(error: &CommandError) -> MeshError {
    MeshError::new(error.code(), error.to_string())
}

impl FactDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        Self { publisher: Publisher::new(Arc::clone(&core)), core }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        Self { publisher: Publisher::of_home(Arc::clone(&core)), core }
    }

    /// Whether a node wrote the feed that a fact belongs to in an epoch that ended: only such a node may say that it took the fact before.
    ///
    /// # Errors
    /// [`Code::Malformed`]; [`Code::NotCaughtUp`] while this node does not know who wrote each of them.
    pub(crate) fn was_home(&self, node: NodeId, envelope: &[u8]) -> Result<bool, MeshError> {
        let core = &self.core;
        let malformed = |error: &dyn std::fmt::Display| MeshError::new(Code::Malformed, error.to_string());
        let envelope = Envelope::parse(envelope.to_vec()).map_err(|error| malformed(&error))?;
        let domain = Fact::decode(envelope.payload()).map_err(|error| malformed(&error))?.domain;
        let record = read::domain(&core.state, &domain).map_err(|e| core.state_error(&e))?;
        let Some(in_force) = record.and_then(|record| record.delegation) else { return Ok(false) };
        let mut is_known = true;
        for epoch in (1..in_force.epoch).rev() {
            match writers::of(core, &FeedId { domain: domain.clone(), epoch })? {
                Some(delegated) if delegated.node == node => return Ok(true),
                Some(_) => {}
                None => is_known = false,
            }
        }
        if is_known {
            return Ok(false);
        }
        let text = format!("this node does not know yet who wrote the feed of {domain} before; nothing happened");
        Err(MeshError::new(Code::NotCaughtUp, text))
    }

    /// Takes a fact, here or at its domain's home. It is durable when this returns. The same fact again is answered with the first result.
    ///
    /// # Errors
    /// What is wrong with the bytes, who may not, what does not follow; [`Code::Duplicate`] for other content under an id that was taken;
    /// [`Code::HomeUnreachable`]: nothing happened.
    pub async fn state(&self, request: StateFactRequest, within: Duration) -> Result<Stated, MeshError> {
        let envelope = Envelope::parse(request.envelope.clone());
        let envelope = envelope.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = SignedFact::verify(envelope, &self.core.mesh_id).map_err(|e| from_command(&e))?;
        let domain = &signed.fact().domain;
        if let Route::Home(home) = self.publisher.route(domain)? {
            self.publisher.check_passes_on(home, domain)?;
            return self.core.forward.state_fact(home, domain, request, within).await;
        }
        self.publisher.await_base(domain, within).await?;
        // It goes on when its caller goes away: whoever comes next must find what it did.
        let desk = self.clone();
        let task = self.core.tasks.spawn(async move { desk.take(&signed, request).await });
        task.await.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?
    }

    /// Takes a fact at its home.
    async fn take(&self, signed: &SignedFact, request: StateFactRequest) -> Result<Stated, MeshError> {
        let (core, fact) = (&self.core, signed.fact());
        let domain = &fact.domain;
        core.check_writable()?;
        core.checkpoints.check_no_fork()?;
        forks::refuse(core, domain)?;
        let writer = core.feeds.writer(core, domain)?;
        let _alone = core.books.state_alone(domain).await;
        let size = core.ledger_size();
        let at = now_unix_ms().max(core.ledger_end().last_stamp);
        let found = self.judge(signed, at, request.carried).await?;
        let (at, consumer) = match found {
            Found::Before(stated) => return Ok(stated),
            Found::Follows { at, consumer } => (at, consumer),
            Found::Other(refused, consumer) => {
                // Who may not at all is told so, and not what became of the request.
                if consumer.is_some() || AccessRecord::request_of(fact).is_none() {
                    self.admit(signed, consumer.as_ref(), size, request.carried)?;
                }
                return Err(MeshError::new(refused.code(), format!("{refused}; nothing happened")));
            }
        };
        self.admit(signed, consumer.as_ref(), size, request.carried)?;
        if !request.carried {
            core.command_rate.count(&fact.author, Instant::now())?;
        }
        let text = texts::take(core, fact, request.attachments).await;
        let is_new = match text {
            // Its former home took it with its text, which is gone since.
            Err(error) if request.carried && matches!(error.code, Code::Erased | Code::NotPublishedHere) => false,
            text => text?,
        };
        let appended = match writer.append_fact(signed, size, at) {
            Ok(appended) => appended,
            Err(error) => {
                if is_new {
                    texts::drop_again(core, fact);
                }
                return Err(error);
            }
        };
        appended.durable.wait().await?;
        Ok(Stated { feed: writer.id().clone(), seq: appended.seq })
    }

    fn admit(
        &self,
        signed: &SignedFact,
        consumer: Option<&DomainName>,
        size: u64,
        was_taken: bool,
    ) -> Result<(), MeshError> {
        let core = &self.core;
        let case =
            FactCase { fact: signed.fact(), signers: signed.signers(), consumer, at_ledger_size: size, was_taken };
        let admitted = admit_fact(&core.state, &case, self.now()).map_err(|e| core.state_error(&e))?;
        admitted.map_err(|rejection| feeds::refusal(rejection.code, rejection.detail, "; nothing happened"))
    }

    /// What a fact is to the book of its domain.
    async fn judge(&self, signed: &SignedFact, at: UnixMs, is_carried: bool) -> Result<Found, MeshError> {
        let (core, signed) = (Arc::clone(&self.core), signed.clone());
        self.core
            .offload(move || {
                let domain = signed.fact().domain.clone();
                core.books.read(&core, &domain, |book, reach| found(book, reach, &signed, at, is_carried))?
            })
            .await
    }

    /// Asks a domain's home, where that is another node and answers.
    pub(crate) async fn at_home<T>(
        &self,
        domain: &DomainName,
        asks: impl AsyncFnOnce(NodeId) -> Result<T, MeshError>,
    ) -> Result<AtHome<T>, MeshError> {
        let Route::Home(home) = self.publisher.route(domain)? else { return Ok(AtHome::LookHere(None)) };
        self.publisher.check_passes_on(home, domain)?;
        match asks(home).await {
            Ok(answer) => Ok(AtHome::Says(answer)),
            Err(error) if error.code.class() == Class::Unavailable => Ok(AtHome::LookHere(Some(error))),
            Err(error) => Err(error),
        }
    }

    /// Never before what the ledger has reached: a clock that was set back does not bring grants back.
    pub(crate) fn now(&self) -> UnixMs {
        now_unix_ms().max(self.core.ledger_end().last_stamp)
    }
}

/// What a domain's home says, or that this node looks for itself.
pub(crate) enum AtHome<T> {
    /// The home's answer.
    Says(T),
    /// This node is the home; or why the home does not answer, so that a copy has to.
    LookHere(Option<MeshError>),
}

/// Whether what was read here is a copy's word.
///
/// # Errors
/// Where too little is here: why the home did not answer.
pub(crate) fn is_from_copy(reach: Reach, domain: &DomainName, unreached: Option<MeshError>) -> Result<bool, MeshError> {
    match reach {
        Reach::Home => Ok(false),
        Reach::Copy => Ok(true),
        Reach::Part => Err(unreached.unwrap_or_else(|| {
            let text = format!("too little is here of the feed of {domain} to tell");
            MeshError::new(Code::FeedMissing, text)
        })),
    }
}

/// What a fact is to a book.
enum Found {
    /// It was taken before.
    Before(Stated),
    /// It follows, stated at this time; this domain asks, or asked, where it is about a request.
    Follows { at: UnixMs, consumer: Option<DomainName> },
    /// It does not; and which domain asks, where that is known.
    Other(Refused, Option<DomainName>),
}

fn found(
    book: &DomainBook,
    reach: Reach,
    signed: &SignedFact,
    at: UnixMs,
    is_carried: bool,
) -> Result<Found, MeshError> {
    let fact = signed.fact();
    if reach != Reach::Home {
        let text = format!("this node has not all of the feed of {} yet; nothing happened", fact.domain);
        return Err(MeshError::new(Code::FeedMissing, text));
    }
    if let Some(known) = book.fact(&fact.id) {
        if known.payload == signed.digest() {
            let feed = FeedId { domain: fact.domain.clone(), epoch: known.epoch };
            return Ok(Found::Before(Stated { feed, seq: known.seq }));
        }
        let text = format!("the id {} was given to another fact; nothing happened", fact.id);
        return Err(MeshError::new(Code::Duplicate, text));
    }
    let at = at.max(book.latest());
    let consumer = book.consumer_of(fact);
    // What its former home took had room there.
    let judged = book
        .judge(fact, signed.signers(), at)
        .and_then(|()| if is_carried { Ok(()) } else { book.check_room(fact, at) });
    Ok(match judged {
        Ok(()) => Found::Follows { at, consumer },
        Err(refused) => Found::Other(refused, consumer),
    })
}
