//! What a new epoch of a feed must continue, and what stays known of the one before.

use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_model::{Code, Digest, DomainName};

use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Delegation, Domain, EndedEpoch, FeedCursor, Mesh, Record as _};
use crate::state::StateRead;
use crate::{keys, read};

/// Whether a base covers all that the ledger has decided of the epoch in force, and agrees with the head that it has of it. Events
/// behind the base are orphans: none of them was decided.
pub(crate) fn check_base<S: StateRead>(
    state: &S,
    name: &DomainName,
    epoch: u64,
    base_size: u64,
    base_root: Option<&Digest>,
) -> Decision<(), S> {
    let decided = read::feed_cursor(state, name)?.and_then(|cursor| cursor.last_seq).map_or(0, |seq| seq + 1);
    if base_size < decided {
        let detail = format!(
            "it continues {base_size} events of feed {name}/{epoch}; the ledger has decided commands of the first {decided}"
        );
        return reject(Code::BadBase, detail);
    }
    if let Some(head) = read::ledger_head(state, name, epoch)?
        && head.size == base_size
        && Some(&head.root) != base_root
    {
        let detail = format!(
            "it continues another history of feed {name}/{epoch}; at {base_size} events its root at index {} is {}",
            head.index,
            head.root.short()
        );
        return reject(Code::BadBase, detail);
    }
    Ok(())
}

/// Ends the epoch in force, if there is one, and opens the next. That it may be is for the caller to have checked.
pub(crate) fn open<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    mut domain: Domain,
    next: Delegation,
    at: Moment,
) -> Result<(), S::Error> {
    let name = domain.name.clone();
    let cursor = read::feed_cursor(draft, &name)?;
    if let (Some(delegation), Some(cursor)) = (domain.delegation, cursor)
        && mesh.protocol_version >= FEDERATION_PROTOCOL
    {
        let (kept_size, kept_root) = (next.base_size, next.base_root);
        let ended = EndedEpoch { delegation, cursor, ended_at: at.index, kept_size, kept_root };
        draft.put(keys::ended_epoch(&name, delegation.epoch), ended.encode());
    }
    let last_ledger_size = cursor.map_or(0, |cursor| cursor.last_ledger_size);
    draft.put(keys::feed_cursor(&name), FeedCursor::open(next.epoch, last_ledger_size).encode());
    domain.delegation = Some(next);
    draft.put(keys::domain(&name), domain.encode());
    Ok(())
}
