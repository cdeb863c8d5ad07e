//! ResolveEquivocation: the domain's root says which history of its forked feed stands, and opens the epoch that continues it.

use std::collections::BTreeSet;

use mesh_event::federation::ResolveEquivocation;
use mesh_model::{Code, PublicKey, limits};

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::root;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{Containment, Delegation, Mesh};
use crate::state::StateRead;
use crate::{epochs, keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &ResolveEquivocation,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let name = &body.domain;
    let domain = roots::active(draft, name, at)?;
    root::<S>(&domain, signers)?;
    let Some(report) = read::containment(draft, name)?.filter(|report| report.index == body.report) else {
        return reject(
            Code::UnknownReport,
            format!("no report {} of a forked feed waits for domain {name}", body.report),
        );
    };
    if report.epoch.checked_add(1) != Some(body.epoch) {
        let detail =
            format!("it opens epoch {} of the feed of domain {name}; epoch {} is in force", body.epoch, report.epoch);
        return reject(Code::StaleRoster, detail);
    }
    let id = body.node_id;
    standing::node(draft, id, || format!("there is no node {id} to write the feed of {name}"))?;
    is_known(draft, &report, body)?;
    epochs::check_base(draft, name, report.epoch, body.head_size, Some(&body.head_root))?;
    draft.remove(keys::containment(name));
    let next = Delegation {
        node_id: id,
        epoch: body.epoch,
        since_index: at.index,
        base_size: body.head_size,
        base_root: Some(body.head_root),
    };
    epochs::open(draft, mesh, domain, next, at)?;
    Ok(vec![
        Effect::EquivocationResolved { domain: name.clone(), report: report.index },
        Effect::NodeDelegated { domain: name.clone(), epoch: body.epoch, node_id: id },
    ])
}

/// Whether the head that is to stand is one that was signed: of the report, or the newest in the ledger. Where the ledger kept none
/// (its commands were decided under protocol 1), it may be the head right behind them.
fn is_known<S: StateRead>(state: &S, report: &Containment, body: &ResolveEquivocation) -> Decision<(), S> {
    let (size, root) = (body.head_size, body.head_root);
    if report.heads.contains(&(size, root)) {
        return Ok(());
    }
    let is_known = if let Some(head) = read::ledger_head(state, &report.domain, report.epoch)? {
        (head.size, head.root) == (size, root)
    } else {
        let last = read::feed_cursor(state, &report.domain)?.and_then(|cursor| cursor.last_seq);
        last.and_then(|seq| seq.checked_add(1)) == Some(size)
    };
    if is_known {
        return Ok(());
    }
    let [smaller, larger] = report.heads.map(|(size, root)| format!("{size} events with root {}", root.short()));
    let detail = format!(
        "the head of {size} events with root {} is neither of the report ({smaller}; {larger}) nor the newest in the ledger",
        root.short()
    );
    reject(Code::BadBase, detail)
}
