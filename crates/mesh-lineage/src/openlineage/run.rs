//! What the events of one run, or of one job, come to.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{Digest, UnixMs};
use serde::{Deserialize, Serialize};

use super::event::{ColumnUse, DatasetId, DatasetUse, Event, Kind, State, limits};
use super::naming::{Names, PortAt, canonical};
use super::observed::Seen;

/// What the events of one run, or of one job, said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Run {
    /// What it read, by whichever of its names.
    inputs: BTreeMap<DatasetId, BTreeSet<DatasetId>>,
    /// What it wrote, by whichever of its names, and of which columns.
    outputs: BTreeMap<DatasetId, (BTreeSet<DatasetId>, BTreeSet<ColumnUse>)>,
    /// Whether it came to something: it ended well, it goes on for ever, or it is a job as it is meant to be.
    counts: bool,
    /// When this was last told of.
    pub last: UnixMs,
    /// What it was counted for: the first half of SHA-256 of both ends.
    counted: BTreeSet<[u8; 16]>,
    /// Bytes of all names, as they are kept.
    bytes: usize,
    /// Whether there was more than is taken.
    cut: bool,
}

/// Who a port got something from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A port of this mesh.
    Port(PortAt),
    /// A dataset that is no port's.
    Outside(String),
}

/// A column that came from another one. Those that came from the same one stand together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Column {
    /// The one that was read.
    pub from: String,
    /// The one that was written; none where the other one decided about all of them.
    pub to: Option<String>,
}

/// Something that went from somewhere into a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supply {
    /// From where.
    pub from: Origin,
    /// Into which.
    pub to: PortAt,
    /// Which columns came from which.
    pub columns: BTreeSet<Column>,
}

/// Bytes with which a text's length is kept.
const LENGTH: usize = 8;

fn size(id: &DatasetId) -> usize {
    2 * LENGTH + id.namespace.len() + id.name.len()
}

impl Run {
    /// As it is kept.
    ///
    /// # Panics
    /// Never: there is nothing in it that cannot be written.
    pub fn encode(&self) -> Vec<u8> {
        bincode::serialize(self).expect("plain data")
    }

    /// What [`Run::encode`] wrote.
    ///
    /// # Errors
    /// For bytes that it did not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, bincode::Error> {
        bincode::deserialize(bytes)
    }

    /// Adds an event that was told of at a time. The same one again changes nothing else.
    pub fn take(&mut self, event: &Event, at: UnixMs) {
        if event.kind == Kind::Job {
            // As it is meant to be now, not as it once was.
            *self = Self { counted: std::mem::take(&mut self.counted), last: self.last, ..Self::default() };
        }
        self.last = self.last.max(at);
        self.counts |= match &event.kind {
            Kind::Run { state: State::Complete, .. } | Kind::Job => true,
            // What has an end counts when it came to one.
            Kind::Run { state: State::Running, is_endless, .. } => *is_endless,
            Kind::Run { .. } | Kind::Dataset => false,
        };
        for input in &event.inputs {
            self.read(&input.id, &input.also);
        }
        for DatasetUse { id, also, columns } in &event.outputs {
            self.wrote(id, also, columns);
        }
    }

    /// Whether there is room for so many bytes more.
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.bytes + bytes > limits::RUN_BYTES {
            self.cut = true;
            return false;
        }
        self.bytes += bytes;
        true
    }

    fn read(&mut self, id: &DatasetId, also: &BTreeSet<DatasetId>) {
        if !self.inputs.contains_key(id) {
            if self.inputs.len() >= limits::DATASETS {
                self.cut = true;
                return;
            }
            if !self.has_room(LENGTH + size(id)) {
                return;
            }
            self.inputs.insert(id.clone(), BTreeSet::new());
        }
        for name in also {
            let known = self.inputs.get(id).is_some_and(|known| known.contains(name));
            if !known && self.has_room(size(name)) {
                self.inputs.entry(id.clone()).or_default().insert(name.clone());
            }
        }
    }

    fn wrote(&mut self, id: &DatasetId, also: &BTreeSet<DatasetId>, columns: &BTreeSet<ColumnUse>) {
        if !self.outputs.contains_key(id) {
            if self.outputs.len() >= limits::DATASETS {
                self.cut = true;
                return;
            }
            if !self.has_room(2 * LENGTH + size(id)) {
                return;
            }
        }
        let (mut names, mut known) = self.outputs.remove(id).unwrap_or_default();
        for name in also {
            if !names.contains(name) && self.has_room(size(name)) {
                names.insert(name.clone());
            }
        }
        for column in columns {
            let to = 1 + column.to.as_ref().map_or(0, |to| LENGTH + to.len());
            let bytes = size(&column.from) + LENGTH + column.column.len() + to;
            if !known.contains(column) && self.has_room(bytes) {
                known.insert(column.clone());
            }
        }
        self.outputs.insert(id.clone(), (names, known));
        // Columns may come from what the inputs do not name.
        for column in columns {
            self.read(&column.from, &BTreeSet::new());
        }
    }

    /// Notes that it is counted for a supply; returns whether it was not before.
    pub fn count(&mut self, supply: &Supply) -> bool {
        let digest = Digest::of(&Seen::key(&supply.from, &supply.to));
        let (half, _) = digest.0.split_first_chunk().expect("32 bytes");
        self.counted.insert(*half)
    }

    /// What went into which ports: at most [`limits::SUPPLIES`], and whether there is more. A dataset that a run reads and writes is not made of
    /// itself, in none of the majors that have it.
    pub fn supplies(&self, names: &Names) -> (Vec<Supply>, bool) {
        if !self.counts {
            return (Vec::new(), false);
        }
        let mut cut = self.cut;
        // A column may name its dataset by another name than the inputs do.
        let others = self.inputs.iter().flat_map(|(id, also)| also.iter().map(move |other| (other, id)));
        let one: BTreeMap<&DatasetId, &DatasetId> = others.filter(|(other, id)| other != id).collect();
        let mut read: BTreeMap<&DatasetId, BTreeSet<PortAt>> = BTreeMap::new();
        for (id, also) in self.inputs.iter().filter(|(id, also)| !also.is_empty() || !one.contains_key(id)) {
            read.insert(id, names.find_by_any(id, also));
        }
        let mut wrote: BTreeMap<PortAt, BTreeSet<&ColumnUse>> = BTreeMap::new();
        for (id, (also, columns)) in &self.outputs {
            for to in names.find_by_any(id, also) {
                wrote.entry(to).or_default().extend(columns);
            }
        }
        let mut supplies: Vec<Supply> = Vec::new();
        'all: for (to, columns) in wrote {
            let mut of: BTreeMap<&DatasetId, BTreeSet<Column>> = BTreeMap::new();
            for column in columns {
                let from = one.get(&column.from).copied().unwrap_or(&column.from);
                let (to, column) = (column.to.clone(), column.column.clone());
                of.entry(from).or_default().insert(Column { from: column, to });
            }
            let mut into: BTreeMap<Origin, BTreeSet<Column>> = BTreeMap::new();
            for (id, ports) in read.iter().filter(|(_, ports)| !ports.contains(&to)) {
                let columns = of.get(id).cloned().unwrap_or_default();
                if ports.is_empty() {
                    into.entry(Origin::Outside(canonical(id).to_string())).or_default().extend(columns);
                } else {
                    for port in ports {
                        into.entry(Origin::Port(port.clone())).or_default().extend(columns.iter().cloned());
                    }
                }
            }
            for (from, columns) in into {
                if supplies.len() >= limits::SUPPLIES {
                    cut = true;
                    break 'all;
                }
                supplies.push(Supply { from, to: to.clone(), columns });
            }
        }
        (supplies, cut)
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
