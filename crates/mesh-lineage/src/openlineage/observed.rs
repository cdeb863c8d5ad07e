//! What went from where into which ports, as all runs together told it, down to columns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_model::{Name, UnixMs};
use serde::{Deserialize, Serialize};

use super::event::limits;
use super::naming::PortAt;
use super::run::{Column, Origin, Supply};
use crate::graph::Major;
use crate::walk::{Bounds, Direction};

/// What is known of one supply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Which columns came from which.
    pub columns: BTreeSet<Column>,
    /// When a run first told of it.
    #[serde(rename = "first_unix_ms")]
    pub first: UnixMs,
    /// When one last did.
    #[serde(rename = "last_unix_ms")]
    pub last: UnixMs,
    /// Runs that told of it; a job as it is meant to be counts as one.
    pub runs: u64,
    /// Whether there are more columns than are kept.
    pub cut: bool,
}

impl Seen {
    /// What tells one supply from all others.
    ///
    /// # Panics
    /// Never: there is nothing in it that cannot be written.
    pub fn key(from: &Origin, to: &PortAt) -> Vec<u8> {
        bincode::serialize(&(from, to)).expect("plain data")
    }

    /// A supply as it is kept, with what is known of it.
    ///
    /// # Panics
    /// Never: there is nothing in it that cannot be written.
    pub fn encode(&self, from: &Origin, to: &PortAt) -> Vec<u8> {
        bincode::serialize(&(from, to, self)).expect("plain data")
    }

    /// What [`Seen::encode`] wrote.
    ///
    /// # Errors
    /// For bytes that it did not write.
    pub fn decode(bytes: &[u8]) -> Result<(Origin, PortAt, Self), bincode::Error> {
        bincode::deserialize(bytes)
    }
}

/// A supply, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// From where.
    pub from: &'a Origin,
    /// Into which port.
    pub to: &'a PortAt,
    /// What is known.
    pub seen: &'a Seen,
}

/// A column of a port that is made of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnStep {
    /// How many steps from where the walk began, from 1.
    pub hops: u32,
    /// Of which port.
    pub from: PortAt,
    /// Of which of its columns.
    pub from_column: String,
    /// At which port.
    pub to: PortAt,
    /// Which of its columns; none where it decided about all of them.
    pub to_column: Option<String>,
}

/// All supplies that runs told of.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    rows: BTreeMap<PortAt, BTreeMap<Origin, Seen>>,
    /// Where a port's data went.
    takers: BTreeMap<PortAt, BTreeSet<PortAt>>,
    /// How many there are.
    count: usize,
}

impl Observed {
    /// Sets what is known of a supply.
    pub fn put(&mut self, from: Origin, to: PortAt, seen: Seen) {
        if let Origin::Port(port) = &from {
            self.takers.entry(port.clone()).or_default().insert(to.clone());
        }
        let before = self.rows.entry(to).or_default().insert(from, seen);
        self.count += usize::from(before.is_none());
    }

    /// Whether a port has as many supplies as are kept: there may be more. What is no port's leaves room for what is one's.
    fn is_full(rows: &BTreeMap<Origin, Seen>, for_outside: bool) -> bool {
        // Ports come before what is outside.
        let outside = || rows.keys().rev().take_while(|from| matches!(from, Origin::Outside(_))).count();
        rows.len() >= limits::SUPPLIES || for_outside && outside() >= limits::SUPPLIES / 2
    }

    /// Whether some ports of a major have as many supplies as are kept.
    pub fn is_cut(&self, major: &Major) -> bool {
        Self::of_major(&self.rows, major).any(|(_, rows)| Self::is_full(rows, true))
            || self.count >= limits::ALL_SUPPLIES
    }

    /// Adds what a run told at a time; returns what is known then, or nothing when there is no room ([`limits`]).
    pub fn add(&mut self, supply: &Supply, at: UnixMs, is_new: bool) -> Option<&Seen> {
        let rows = self.rows.entry(supply.to.clone()).or_default();
        let is_outside = matches!(supply.from, Origin::Outside(_));
        if !rows.contains_key(&supply.from) {
            if self.count >= limits::ALL_SUPPLIES || Self::is_full(rows, is_outside) {
                return None;
            }
            self.count += 1;
        }
        if let Origin::Port(port) = &supply.from {
            self.takers.entry(port.clone()).or_default().insert(supply.to.clone());
        }
        let seen = rows.entry(supply.from.clone()).or_default();
        seen.runs += u64::from(is_new);
        seen.first = if seen.first == 0 { at } else { seen.first.min(at) };
        seen.last = seen.last.max(at);
        for column in &supply.columns {
            if seen.columns.len() >= limits::COLUMNS && !seen.columns.contains(column) {
                seen.cut = true;
                break;
            }
            seen.columns.insert(column.clone());
        }
        Some(seen)
    }

    /// Forgets what no run told of since a time; returns what that was.
    pub fn forget_before(&mut self, time: UnixMs) -> Vec<(Origin, PortAt)> {
        let old = |seen: &Seen| seen.last < time;
        let rows = self.rows.iter().flat_map(|(to, rows)| rows.iter().map(move |(from, seen)| (from, to, seen)));
        let gone: Vec<(Origin, PortAt)> =
            rows.filter(|(_, _, seen)| old(seen)).map(|(from, to, _)| (from.clone(), to.clone())).collect();
        for (from, to) in &gone {
            if let Some(rows) = self.rows.get_mut(to) {
                rows.remove(from);
                self.count -= 1;
            }
            if let Origin::Port(port) = from
                && let Some(takers) = self.takers.get_mut(port)
            {
                takers.remove(to);
            }
        }
        self.rows.retain(|_, rows| !rows.is_empty());
        self.takers.retain(|_, takers| !takers.is_empty());
        gone
    }

    /// Ports of a major come one after the other.
    fn of_major<'a, V>(
        map: &'a BTreeMap<PortAt, V>,
        major: &'a Major,
    ) -> impl Iterator<Item = (&'a PortAt, &'a V)> + use<'a, V> {
        let first: Name = "a".parse().expect("the first of all names");
        let first = PortAt { product: major.product.clone(), major: major.major, port: first };
        map.range(first..).take_while(move |(port, _)| port.is_of(major))
    }

    /// What went into the ports of a major, or what of its ports went elsewhere.
    pub fn rows<'a>(&'a self, major: &'a Major, direction: Direction) -> Vec<Row<'a>> {
        match direction {
            Direction::Up => Self::of_major(&self.rows, major)
                .flat_map(|(to, rows)| rows.iter().map(move |(from, seen)| Row { from, to, seen }))
                .collect(),
            Direction::Down => Self::of_major(&self.takers, major)
                .flat_map(|(port, takers)| takers.iter().map(move |to| (port, to)))
                .filter_map(|(port, to)| {
                    let (from, seen) = self.rows.get(to)?.get_key_value(&Origin::Port(port.clone()))?;
                    Some(Row { from, to, seen })
                })
                .collect(),
        }
    }

    /// What is made of a column, and of what is made of that; and whether there is more than the bounds allow. What decided about all columns
    /// of a port goes on with each of them that is known to go on.
    pub fn made_of(&self, port: &PortAt, column: &str, bounds: Bounds) -> (Vec<ColumnStep>, bool) {
        let (mut steps, mut cut) = (Vec::new(), false);
        let mut seen: BTreeSet<(PortAt, Option<String>)> = BTreeSet::new();
        let mut next = VecDeque::from([(port.clone(), Some(column.to_owned()), 0)]);
        while let Some((from, column, hops)) = next.pop_front() {
            if !seen.insert((from.clone(), column.clone())) {
                continue;
            }
            for to in self.takers.get(&from).into_iter().flatten() {
                let known = self.rows.get(to).and_then(|rows| rows.get(&Origin::Port(from.clone())));
                let used = known.into_iter().flat_map(|known| &known.columns);
                for used in used.filter(|used| column.as_ref().is_none_or(|column| *column == used.from)) {
                    if hops >= bounds.hops || steps.len() >= bounds.steps {
                        cut = true;
                        break;
                    }
                    steps.push(ColumnStep {
                        hops: hops + 1,
                        from: from.clone(),
                        from_column: used.from.clone(),
                        to: to.clone(),
                        to_column: used.to.clone(),
                    });
                    next.push_back((to.clone(), used.to.clone(), hops + 1));
                }
            }
        }
        (steps, cut)
    }
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
