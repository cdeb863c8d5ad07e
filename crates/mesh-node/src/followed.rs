//! What is made of the products of the state, one by one, as far as the ledger is indexed.
//!
//! It is made at the first question after a start, and follows the projector from there: a node that nobody asks keeps none. What changes while it
//! is made is read once more when it is there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mesh_governance::read;
use mesh_model::ProductId;
use mesh_proto::status::MeshError;

use crate::core::Core;

/// Products that are read from the state at once.
const PAGE: usize = 256;

/// Something that is made of products.
pub trait OfProducts: Default {
    /// Takes a product as it is now, in place of what it was.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn take(&mut self, core: &Core, id: &ProductId) -> Result<(), MeshError>;
}

#[derive(Default)]
enum Stage<K> {
    /// Nobody asked yet.
    #[default]
    Cold,
    /// It is being made; these changed meanwhile.
    Building(BTreeSet<ProductId>),
    Warm(K),
}

/// It, once somebody asked.
#[derive(Default)]
pub struct Followed<K> {
    stage: RwLock<Stage<K>>,
    /// Held by whoever makes it: everybody else waits for that.
    building: Mutex<()>,
}

impl<K: OfProducts> Followed<K> {
    fn stage(&self) -> RwLockReadGuard<'_, Stage<K>> {
        self.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_mut(&self) -> RwLockWriteGuard<'_, Stage<K>> {
        self.stage.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// These products are another now: told by the projector, after the state says so.
    ///
    /// # Errors
    /// When the state cannot be read; then it is made anew at the next question.
    pub fn changed(&self, core: &Core, products: &BTreeSet<ProductId>) -> Result<(), MeshError> {
        let mut stage = self.stage_mut();
        match &mut *stage {
            Stage::Cold => Ok(()),
            Stage::Building(changed) => {
                changed.extend(products.iter().cloned());
                Ok(())
            }
            Stage::Warm(known) => {
                let taken = products.iter().try_for_each(|product| known.take(core, product));
                if taken.is_err() {
                    *stage = Stage::Cold;
                }
                taken
            }
        }
    }

    /// Asks it. For a thread that may block: the first question makes it.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn ask<T>(&self, core: &Core, ask: impl FnOnce(&K) -> T) -> Result<T, MeshError> {
        if let Stage::Warm(known) = &*self.stage() {
            return Ok(ask(known));
        }
        let _alone = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Warm(known) = &*self.stage() {
            return Ok(ask(known));
        }
        *self.stage_mut() = Stage::Building(BTreeSet::new());
        let made = made::<K>(core);
        let mut stage = self.stage_mut();
        let changed = match std::mem::take(&mut *stage) {
            Stage::Building(changed) => changed,
            Stage::Cold | Stage::Warm(_) => BTreeSet::new(),
        };
        let mut known = made?;
        changed.iter().try_for_each(|product| known.take(core, product))?;
        let answer = ask(&known);
        *stage = Stage::Warm(known);
        Ok(answer)
    }
}

/// All products of the state.
fn made<K: OfProducts>(core: &Core) -> Result<K, MeshError> {
    let (mut known, mut after) = (K::default(), None);
    loop {
        let page = read::products(&core.state, None, after.as_ref(), PAGE).map_err(|e| core.state_error(&e))?;
        let Some(last) = page.last() else { return Ok(known) };
        after = Some(last.id.clone());
        for product in page {
            known.take(core, &product.id)?;
        }
    }
}
