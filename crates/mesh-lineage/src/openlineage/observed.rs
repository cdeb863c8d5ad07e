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
    rows: BTreeMap<PortAt, Rows>,
    /// Where a port's data went.
    takers: BTreeMap<PortAt, BTreeSet<PortAt>>,
    /// How many there are, and how many bytes.
    count: usize,
    bytes: usize,
    /// Whether something found no room since this was read.
    refused: bool,
}

/// What went into one port.
#[derive(Debug, Clone, Default)]
struct Rows {
    of: BTreeMap<Origin, Seen>,
    /// How many of them are no port's.
    outside: usize,
}

fn column_bytes(column: &Column) -> usize {
    // Two texts, and their place in a set.
    96 + column.from.len() + column.to.as_ref().map_or(0, String::len)
}

fn bytes_of(from: &Origin, seen: &Seen) -> usize {
    let from = match from {
        Origin::Port(_) => 0,
        Origin::Outside(dataset) => dataset.len(),
    };
    512 + from + seen.columns.iter().map(column_bytes).sum::<usize>()
}

fn is_outside(from: &Origin) -> bool {
    matches!(from, Origin::Outside(_))
}

impl Observed {
    /// Sets what is known of a supply that is not here yet.
    pub fn put(&mut self, from: Origin, to: PortAt, seen: Seen) {
        if let Origin::Port(port) = &from {
            self.takers.entry(port.clone()).or_default().insert(to.clone());
        }
        let rows = self.rows.entry(to).or_default();
        rows.outside += usize::from(is_outside(&from));
        self.count += 1;
        self.bytes += bytes_of(&from, &seen);
        rows.of.insert(from, seen);
    }

    /// Whether there may be more than is kept of what went into the ports of a major.
    pub fn is_cut(&self, major: &Major) -> bool {
        let is_full = |rows: &Rows| rows.of.len() >= limits::SUPPLIES || rows.outside >= limits::SUPPLIES / 2;
        self.refused || Self::of_major(&self.rows, major).any(|(_, rows)| is_full(rows))
    }

    /// Whether something found no room since this was read.
    pub fn refused(&self) -> bool {
        self.refused
    }

    /// Adds what a run told at a time; returns whether there was room for it ([`limits`]).
    pub fn add(&mut self, supply: &Supply, at: UnixMs, is_new: bool) -> bool {
        let rows = self.rows.entry(supply.to.clone()).or_default();
        if !rows.of.contains_key(&supply.from) {
            let seen = Seen { first: at, ..Seen::default() };
            let bytes = bytes_of(&supply.from, &seen);
            // What is no port's leaves room for what is one's.
            let is_full = rows.of.len() >= limits::SUPPLIES
                || is_outside(&supply.from) && rows.outside >= limits::SUPPLIES / 2
                || self.count >= limits::ALL_SUPPLIES
                || self.bytes + bytes > limits::ALL_BYTES;
            if is_full {
                self.refused = true;
                return false;
            }
            rows.of.insert(supply.from.clone(), seen);
            rows.outside += usize::from(is_outside(&supply.from));
            self.count += 1;
            self.bytes += bytes;
            if let Origin::Port(port) = &supply.from {
                self.takers.entry(port.clone()).or_default().insert(supply.to.clone());
            }
        }
        let Some(seen) = rows.of.get_mut(&supply.from) else { return false };
        seen.runs += u64::from(is_new);
        seen.last = seen.last.max(at);
        for column in &supply.columns {
            if seen.columns.contains(column) {
                continue;
            }
            let bytes = column_bytes(column);
            if seen.columns.len() >= limits::COLUMNS || self.bytes + bytes > limits::ALL_BYTES {
                seen.cut = true;
                break;
            }
            self.bytes += bytes;
            seen.columns.insert(column.clone());
        }
        true
    }

    /// What is known of a supply.
    pub fn seen(&self, from: &Origin, to: &PortAt) -> Option<&Seen> {
        self.rows.get(to)?.of.get(from)
    }

    /// Forgets what no run told of since a time; returns what that was.
    pub fn forget_before(&mut self, time: UnixMs) -> Vec<(Origin, PortAt)> {
        let mut gone = Vec::new();
        for (to, rows) in &mut self.rows {
            let old = rows.of.extract_if(.., |_, seen| seen.last < time);
            for (from, seen) in old {
                self.count -= 1;
                self.bytes -= bytes_of(&from, &seen);
                rows.outside -= usize::from(is_outside(&from));
                gone.push((from, to.clone()));
            }
        }
        for (from, to) in &gone {
            if let Origin::Port(port) = from
                && let Some(takers) = self.takers.get_mut(port)
            {
                takers.remove(to);
            }
        }
        self.rows.retain(|_, rows| !rows.of.is_empty());
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
                .flat_map(|(to, rows)| rows.of.iter().map(move |(from, seen)| Row { from, to, seen }))
                .collect(),
            Direction::Down => Self::of_major(&self.takers, major)
                .flat_map(|(port, takers)| takers.iter().map(move |to| (port, to)))
                .filter_map(|(port, to)| {
                    let (from, seen) = self.rows.get(to)?.of.get_key_value(&Origin::Port(port.clone()))?;
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
                let Some(known) = self.seen(&Origin::Port(from.clone()), to) else { continue };
                for used in of_column(&known.columns, column.as_deref()) {
                    if steps.len() >= bounds.steps {
                        return (steps, true);
                    }
                    if hops >= bounds.hops {
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

/// Those that came from one column; all of them where none is named.
fn of_column<'a>(columns: &'a BTreeSet<Column>, from: Option<&'a str>) -> impl Iterator<Item = &'a Column> + 'a {
    let first = Column { from: from.unwrap_or_default().to_owned(), to: None };
    columns.range(first..).take_while(move |column| from.is_none_or(|from| column.from == from))
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
