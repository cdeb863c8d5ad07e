//! The state at a leaf, and what each leaf changed.

use std::fmt::Write as _;

use mesh_governance::{Applied, Damage, MemState, StateRead as _};
use mesh_model::{Digest, LedgerIndex, UnixMs};
use serde::Serialize;
use serde_json::Value;

use crate::check::{Verified, Watch};
use crate::report::time;
use crate::state_key::{StateKey, value};

/// Watches an audit for what is to be replayed.
#[derive(Debug)]
pub struct Replay {
    until: Option<LedgerIndex>,
    is_diff: bool,
    seen: u64,
    state: Option<MemState>,
    leaves: Vec<ReplayedLeaf>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayDocument {
    /// The last leaf that counts.
    pub until: LedgerIndex,
    /// That leaf's stamp.
    pub stamp_unix_ms: UnixMs,
    /// That leaf's state digest.
    pub state_digest: Digest,
    /// The state after that leaf, by key; empty where changes are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<Entry>,
    /// What each leaf changed; empty where the state is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<ReplayedLeaf>,
}

/// One thing of the state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// All of it.
    pub value: Value,
}

/// A leaf and what it changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedLeaf {
    /// Its index.
    pub index: LedgerIndex,
    /// Its stamp.
    pub stamp_unix_ms: UnixMs,
    /// The outcome's name.
    pub outcome: &'static str,
    /// What the outcome is about.
    pub detail: String,
    /// What changed.
    pub changes: Vec<Change>,
}

/// One thing of the state that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// What it was; absent when it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Replay {
    /// Until this leaf, or all; the state then, or what each leaf changed.
    pub fn new(until: Option<LedgerIndex>, is_diff: bool) -> Self {
        Self { until, is_diff, seen: 0, state: None, leaves: Vec::new() }
    }

    /// What was asked for, of an export that holds.
    ///
    /// # Errors
    /// [`Damage`] when the state cannot be read.
    ///
    /// # Panics
    /// When it did not watch the audit that verified the export.
    pub fn finish(self, verified: &Verified) -> Result<ReplayDocument, Damage> {
        let size = verified.header.size;
        assert_eq!(self.seen, size, "the replay watched the audit");
        let until = self.until.unwrap_or(size - 1).min(size - 1);
        let state = self.state.as_ref().unwrap_or(&verified.state);
        let head = mesh_governance::read::head(state)?;
        let entries = if self.is_diff { Vec::new() } else { entries(state)? };
        Ok(ReplayDocument {
            until,
            stamp_unix_ms: head.last_stamp,
            state_digest: head.state_digest,
            state: entries,
            leaves: self.leaves,
        })
    }
}

impl Watch for Replay {
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        let index = applied.leaf.index;
        self.seen = index + 1;
        if self.until.is_some_and(|until| index > until) {
            if self.state.is_none() {
                self.state = Some(before.clone());
            }
            return Ok(());
        }
        if self.is_diff {
            let mut changes = Vec::new();
            for change in &applied.changes {
                let StateKey { kind, name, is_internal } = StateKey::of(&change.key);
                if is_internal {
                    continue;
                }
                let was = before.get(&change.key)?;
                let before = was.map(|bytes| value(&change.key, &bytes)).transpose()?;
                let after = change.value.as_ref().map(|bytes| value(&change.key, bytes)).transpose()?;
                if before != after {
                    changes.push(Change { kind, name, before, after });
                }
            }
            let outcome = &applied.leaf.outcome;
            self.leaves.push(ReplayedLeaf {
                index,
                stamp_unix_ms: applied.leaf.stamp_unix_ms,
                outcome: outcome.code.slug(),
                detail: outcome.detail.clone(),
                changes,
            });
        }
        Ok(())
    }
}

fn entries(state: &MemState) -> Result<Vec<Entry>, Damage> {
    let mut entries = Vec::new();
    for (key, bytes) in state.values() {
        let StateKey { kind, name, is_internal } = StateKey::of(key);
        if !is_internal {
            entries.push(Entry { kind, name, value: value(key, bytes)? });
        }
    }
    Ok(entries)
}

impl ReplayDocument {
    /// For people. Texts of the ledger are quoted, so that none of them is taken for a line of ours.
    pub fn to_text(&self) -> String {
        let mut text =
            format!("until leaf {} at {}\nstate {}\n", self.until, time(self.stamp_unix_ms), self.state_digest);
        for entry in &self.state {
            lines(&mut text, "", entry.kind, &entry.name);
            fields(&mut text, &entry.value);
        }
        for leaf in &self.leaves {
            let detail =
                if leaf.detail.is_empty() { String::new() } else { format!(" {}", Value::from(&*leaf.detail)) };
            put(
                &mut text,
                format_args!("\nleaf {} {} {}{detail}\n", leaf.index, time(leaf.stamp_unix_ms), leaf.outcome),
            );
            for change in &leaf.changes {
                match (&change.before, &change.after) {
                    (None, Some(after)) => {
                        lines(&mut text, "+ ", change.kind, &change.name);
                        fields(&mut text, after);
                    }
                    (Some(before), Some(after)) => {
                        lines(&mut text, "~ ", change.kind, &change.name);
                        differences(&mut text, before, after);
                    }
                    _ => lines(&mut text, "- ", change.kind, &change.name),
                }
            }
        }
        text
    }

    /// For programs.
    ///
    /// # Panics
    /// Never: every value is JSON already.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("values of the state are JSON") + "\n"
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}

fn lines(text: &mut String, mark: &str, kind: &str, name: &str) {
    let gap = if name.is_empty() { "" } else { " " };
    put(text, format_args!("{mark}{kind}{gap}{name}\n"));
}

fn fields(text: &mut String, value: &Value) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| put(text, format_args!("    {name}: {value}\n"))),
        value => put(text, format_args!("    {value}\n")),
    }
}

fn differences(text: &mut String, before: &Value, after: &Value) {
    let (Value::Object(was), Value::Object(is)) = (before, after) else {
        return put(text, format_args!("    {before} -> {after}\n"));
    };
    for (name, now) in is {
        match was.get(name) {
            Some(then) if then == now => {}
            Some(then) => put(text, format_args!("    {name}: {then} -> {now}\n")),
            None => put(text, format_args!("    {name}: {now}\n")),
        }
    }
}
