//! Propose: a seat opens a council matter. Signatures of further seats are approvals; with enough of them it takes effect at
//! once.

use std::collections::BTreeSet;

use mesh_event::{ProposalBody, Propose, SignedCommand};
use mesh_model::{Code, limits};

use super::enact::{self, Matter};
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::version;
use crate::decision::{Decision, reject};
use crate::judge::Bench;
use crate::overlay::Overlay;
use crate::proposals::{self, bounded, no_seat};
use crate::read;
use crate::records::{Electorate, Mesh, Proposal, ProposalStatus, Vote};
use crate::state::StateRead;
use crate::tally::Tally;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    command: &SignedCommand,
    body: &Propose,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    version::<S>("the council", body.council_version, mesh.council_version)?;
    bounded::<S>("summary", &body.summary, limits::SUMMARY_BYTES)?;
    let author = command.command().author;
    let electorate = match read::electorate_of(draft, &author)? {
        Some(Electorate::Recovery) if !matches!(body.body, ProposalBody::AmendCouncil(_)) => {
            return reject(Code::NoSeat, format!("key {} may only propose a new council", author.fingerprint()));
        }
        Some(electorate) => electorate,
        None => return no_seat(draft, mesh, &author),
    };
    let review_until_unix_ms = at.stamp.saturating_add(review(draft, electorate, &body.body)?);
    closes_in_time::<S>(body, review_until_unix_ms, at)?;
    proposals::room_for(draft, &author)?;

    let tally = Tally::new(mesh, electorate, &body.body);
    let signers = command.signers();
    let proposal = Proposal {
        index: at.index,
        digest: command.envelope().payload_digest(),
        kind: body.body.kind().to_owned(),
        subject: body.body.subject(),
        summary: body.summary.clone(),
        author,
        electorate,
        council_version: body.council_version,
        opened_unix_ms: at.stamp,
        review_until_unix_ms,
        closes_unix_ms: body.closes_unix_ms,
        witnesses: signers.iter().copied().collect(),
        approvals: (signers.iter().filter(|key| tally.is_elector(key)))
            .map(|key| Vote { key: *key, index: at.index })
            .collect(),
        rejections: Vec::new(),
        comments: 0,
        status: ProposalStatus::Open,
    };
    let mut effects = vec![Effect::ProposalOpened { proposal: at.index, kind: body.body.kind() }];
    proposals::open(draft, &proposal, &body.body);
    if tally.is_met(&proposal) && at.stamp >= review_until_unix_ms {
        effects.extend(enact::enact(draft, mesh, proposal, &body.body, at, bench)?);
    } else {
        // What could not take effect now is refused now, not after everybody has signed it.
        let mut rehearsal = Overlay::new(&*draft);
        let witnesses: &BTreeSet<_> = signers;
        enact::carry_out(&mut rehearsal, &Matter { proposal: at.index, mesh, witnesses, bench }, &body.body, at)?;
    }
    Ok(effects)
}

/// How long the proposal is to be looked at before it can take effect, in milliseconds of ledger time.
fn review<S: StateRead>(state: &S, electorate: Electorate, body: &ProposalBody) -> Result<u64, S::Error> {
    Ok(match electorate {
        Electorate::Recovery => limits::ANSWER_MS,
        Electorate::Council if body.is_urgent() => 0,
        Electorate::Council => read::terms(state)?.min_review_ms,
    })
}

fn closes_in_time<S: StateRead>(body: &Propose, review_until: u64, at: Moment) -> Decision<(), S> {
    let (closes, latest) = (body.closes_unix_ms, at.stamp.saturating_add(limits::PROPOSAL_LIFE_MS));
    if closes > review_until && closes <= latest {
        return Ok(());
    }
    let detail = format!(
        "it closes at {closes}; expected later than {review_until} and not later than {latest} (Unix milliseconds)"
    );
    reject(Code::BadClosingDate, detail)
}
