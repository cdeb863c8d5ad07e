//! RetireProduct: the end of a product with all its versions, or of one version.

use mesh_event::command::RetireProduct;
use mesh_model::{Action, Code, PublicKey};

use super::standing;
use crate::actor;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::active_domain;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Ending, Record as _, Status};
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    author: &PublicKey,
    body: &RetireProduct,
    ledger_size: u64,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let id = &body.product;
    active_domain(draft, &id.domain)?;
    actor::check(draft, author, Action::RetireProduct, &id.domain, ledger_size)?;
    let mut product = standing::product(draft, id)?;
    let ending = Ending { reason: body.reason.clone(), index: at.index, stamp_unix_ms: at.stamp };
    if let Some(number) = body.version {
        let mut version = standing::version(draft, &product, number)?;
        if let Some(ended) = version.ending(&product) {
            return reject(Code::AlreadySo, format!("{id}@{number} was retired at index {}", ended.index));
        }
        if version.status(&product) == Status::Active {
            product.active -= 1;
        }
        product.retired += 1;
        let mut major = read::major(draft, id, number.major)?;
        major.retired += 1;
        draft.put(keys::major(id, number.major), major.encode());
        version.retirement = Some(ending);
        draft.put(keys::version(id, number), version.encode());
    } else {
        if let Some(ended) = &product.retirement {
            return reject(Code::AlreadySo, format!("{id} was retired at index {}", ended.index));
        }
        product.active = 0;
        product.retirement = Some(ending);
    }
    draft.put(keys::product(id), product.encode());
    Ok(vec![Effect::Retired { product: id.clone(), version: body.version }])
}
