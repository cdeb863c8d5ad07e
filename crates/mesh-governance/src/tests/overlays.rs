//! An overlay reads as the state does after its changes were committed.

use proptest::prelude::*;

use crate::{Applied, MemState, Overlay, StateChange, StateRead};

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0_u8..3, 0..4)
}

fn changes() -> impl Strategy<Value = Vec<StateChange>> {
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..3));
    let change = (key(), value).prop_map(|(key, value)| StateChange { key, value });
    proptest::collection::vec(change, 0..20)
}

fn applied(changes: Vec<StateChange>) -> Applied {
    let sample = crate::testing::TestMesh::founded().history.remove(0);
    Applied { changes, ..sample }
}

proptest! {
    #[test]
    fn reads_as_the_committed_state(base in changes(), over in changes(), prefix in key(), at in key(), limit in 0_usize..6) {
        let mut state = MemState::new();
        state.apply_changes(&base);
        let mut overlay = Overlay::new(&state);
        overlay.push(&applied(over.clone()));
        let mut committed = state.clone();
        committed.commit(&applied(over));
        prop_assert_eq!(overlay.get(&at).unwrap(), committed.get(&at).unwrap());
        prop_assert_eq!(overlay.last_below(&prefix, &at).unwrap(), committed.last_below(&prefix, &at).unwrap());
        for after in [None, Some(at.as_slice())] {
            let found = overlay.scan(&prefix, after, limit).unwrap();
            prop_assert_eq!(&found, &committed.scan(&prefix, after, limit).unwrap());
            let expected: Vec<_> = (committed.values().iter())
                .filter(|(key, _)| key.starts_with(&prefix) && after.is_none_or(|after| key.as_slice() > after))
                .take(limit)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            prop_assert_eq!(found, expected);
        }
        let below = committed.values().range::<Vec<u8>, _>(..&at).rev().find(|(key, _)| key.starts_with(&prefix));
        let below = below.map(|(key, value)| (key.clone(), value.clone()));
        prop_assert_eq!(committed.last_below(&prefix, &at).unwrap(), below);
        prop_assert_eq!(overlay.leaf(0).unwrap(), committed.leaf(0).unwrap());
        let mut merged = state.clone();
        merged.apply_changes(&overlay.into_changes());
        prop_assert_eq!(merged.values(), committed.values());
    }
}
