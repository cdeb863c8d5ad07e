//! How long root and council commands live, and which ids are remembered: a bounded set.

use mesh_event::Command;
use mesh_model::{Code, LedgerIndex, UnixMs, limits};

use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::read;
use crate::records::{Record as _, RememberedCommand};
use crate::state::{Damage, StateRead};

/// Most ids that one leaf forgets, so that its work is bounded. One leaf remembers one, so the set drains.
const FORGOTTEN_AT_ONCE: usize = 64;

/// Whether the command still lives and is new.
pub(crate) fn check<S: StateRead>(draft: &Overlay<'_, S>, command: &Command, now: UnixMs) -> Decision<(), S> {
    if let Some(known) = read::command(draft, &command.id)? {
        let detail = format!("command {} took effect at index {}", command.id, known.ledger_index);
        return reject(Code::Duplicate, detail);
    }
    let expires = command.expires_unix_ms;
    if expires < now {
        return reject(Code::Expired, format!("it expired at {expires}; ledger time is {now} (Unix milliseconds)"));
    }
    if expires - now > limits::COMMAND_LIFE_MS {
        let days = limits::COMMAND_LIFE_MS / (24 * 60 * 60 * 1000);
        let detail = format!(
            "it expires at {expires}, more than {days} days after ledger time {now} (Unix milliseconds); sign it with a shorter life"
        );
        return reject(Code::Expired, detail);
    }
    Ok(())
}

/// Remembers a command that took effect, until it expires.
pub(crate) fn remember<S: StateRead>(draft: &mut Overlay<'_, S>, command: &Command, at: LedgerIndex) {
    let known = RememberedCommand { ledger_index: at, expires_unix_ms: command.expires_unix_ms };
    draft.put(keys::command(&command.id), known.encode());
    draft.put(keys::expiry(command.expires_unix_ms, &command.id), at.encode());
}

/// Forgets ids whose command would be refused as expired anyway.
pub(crate) fn forget<S: StateRead>(draft: &mut Overlay<'_, S>, now: UnixMs) -> Result<(), S::Error> {
    for (key, _) in draft.scan(&keys::expiries(), None, FORGOTTEN_AT_ONCE)? {
        let (expires, id) =
            keys::parts_of_expiry(&key).ok_or_else(|| Damage::new("an expiry", "has a key of another length"))?;
        if expires >= now {
            break;
        }
        draft.remove(keys::command(&id));
        draft.remove(key);
    }
    Ok(())
}
