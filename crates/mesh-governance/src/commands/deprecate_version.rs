//! DeprecateVersion: a notice to consumers, for one version or for all that are sealed so far. A later notice with another
//! text replaces an earlier one.

use mesh_event::command::DeprecateVersion;
use mesh_model::{Action, Code, ProductId, PublicKey, VersionId};

use super::standing;
use crate::actor;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::active_domain;
use crate::calendar::is_date;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::records::{Notice, Record as _, Status};
use crate::state::StateRead;

/// What takes the place is there, and is not the thing itself.
fn successor<S: StateRead>(draft: &Overlay<'_, S>, body: &DeprecateVersion) -> Decision<(), S> {
    if body.successor.is_empty() {
        return Ok(());
    }
    let (product, version) = match VersionId::parse(&body.successor) {
        Ok(id) => (id.product, Some(id.version)),
        Err(_) => match ProductId::parse(&body.successor) {
            Ok(product) => (product, None),
            Err(_) => {
                return reject(Code::Malformed, "successor is no id; expected domain/name or domain/name@version");
            }
        },
    };
    if product == body.product && (version.is_none() || version == body.version) {
        return reject(Code::Malformed, format!("{} cannot take its own place", body.successor));
    }
    let known = standing::product(draft, &product)?;
    if let Some(version) = version {
        standing::version(draft, &known, version)?;
    }
    Ok(())
}

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    author: &PublicKey,
    body: &DeprecateVersion,
    ledger_size: u64,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let id = &body.product;
    if !body.sunset.is_empty() && !is_date(&body.sunset) {
        return reject(Code::Malformed, "sunset is no date; expected YYYY-MM-DD");
    }
    active_domain(draft, &id.domain)?;
    actor::check(draft, author, Action::DeprecateVersion, &id.domain, ledger_size)?;
    let mut product = standing::product(draft, id)?;
    successor(draft, body)?;
    let notice = Notice {
        sunset: body.sunset.clone(),
        successor: body.successor.clone(),
        reason: body.reason.clone(),
        index: at.index,
        stamp_unix_ms: at.stamp,
    };
    if let Some(number) = body.version {
        let mut version = standing::version(draft, &product, number)?;
        match version.status(&product) {
            Status::Retired => return reject(Code::Retired, format!("{id}@{number} is retired")),
            Status::Active => product.active -= 1,
            Status::Deprecated => {}
        }
        if let Some(same) = version.notice(&product).filter(|present| says_the_same(present, &notice)) {
            return reject(Code::AlreadySo, format!("{id}@{number} was deprecated so at index {}", same.index));
        }
        version.deprecation = Some(notice);
        draft.put(keys::version(id, number), version.encode());
    } else {
        if product.status() == Status::Retired {
            return reject(Code::Retired, format!("{id} is retired"));
        }
        let same = product.deprecation.as_ref().filter(|present| says_the_same(present, &notice));
        // A version that was sealed after the notice is not under it, so saying it again means something.
        if let Some(same) = same.filter(|_| product.active == 0) {
            return reject(Code::AlreadySo, format!("{id} was deprecated so at index {}", same.index));
        }
        product.active = 0;
        product.deprecation = Some(notice);
    }
    draft.put(keys::product(id), product.encode());
    Ok(vec![Effect::Deprecated { product: id.clone(), version: body.version }])
}

fn says_the_same(a: &Notice, b: &Notice) -> bool {
    (&a.sunset, &a.successor, &a.reason) == (&b.sunset, &b.successor, &b.reason)
}
