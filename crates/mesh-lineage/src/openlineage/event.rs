//! One event, as far as lineage needs it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use mesh_model::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How much of an event is taken.
pub mod limits {
    /// Largest event, in bytes of JSON.
    pub const EVENT_BYTES: usize = 1 << 20;
    /// Datasets that an event may read, and as many that it may write.
    pub const DATASETS: usize = 1_000;
    /// Columns from columns that an event may tell of, and that are kept of one supply.
    pub const COLUMNS: usize = 10_000;
    /// Other names of one dataset.
    pub const SYMLINKS: usize = 16;
    /// What may come of one run, and what is kept of one port: from where into which. Half of it is for what is no port's.
    pub const SUPPLIES: usize = 4_096;
    /// Supplies that a node keeps in all.
    pub const ALL_SUPPLIES: usize = 200_000;
    /// Bytes that are kept of one run.
    pub const RUN_BYTES: usize = 4 << 20;
    /// Bytes of all supplies together.
    pub const ALL_BYTES: usize = 128 << 20;
    /// Bytes of a namespace, of a name.
    pub const TEXT_BYTES: usize = 1_024;
    /// Bytes of a column's name.
    pub const COLUMN_BYTES: usize = 256;
}

/// A dataset as pipelines name it (OpenLineage, "Naming"): `s3://bucket` and `orders/2026`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DatasetId {
    /// Where it is.
    pub namespace: String,
    /// Which it is there.
    pub name: String,
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name } = self;
        let between = if namespace.ends_with('/') || name.starts_with('/') { "" } else { "/" };
        write!(f, "{namespace}{between}{name}")
    }
}

/// A column that came from another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnUse {
    /// The column that was written; none when the other one decided about all of them, such as by a filter.
    pub to: Option<String>,
    /// Of which dataset.
    pub from: DatasetId,
    /// Which of its columns.
    pub column: String,
}

/// A dataset that was read or written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DatasetUse {
    /// Which.
    pub id: DatasetId,
    /// Other names that it goes by (SymlinksDatasetFacet).
    pub also: BTreeSet<DatasetId>,
    /// Of what its columns were made (ColumnLineageDatasetFacet); of what was read, none.
    pub columns: BTreeSet<ColumnUse>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It began.
    Start,
    /// It goes on; all that a stream ever says.
    Running,
    /// It ended well.
    Complete,
    /// Somebody ended it.
    Abort,
    /// It failed.
    Fail,
    /// Something else about it.
    Other,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A run of a job.
    Run {
        /// Its id, a UUID, in lower case.
        id: String,
        /// What it came to; `Other` when the event does not say.
        state: State,
        /// Whether its job has no end, as streams and services have none (JobTypeJobFacet).
        is_endless: bool,
    },
    /// A job as it is meant to be: it has no runs.
    Job,
    /// A dataset alone: nothing was made of anything.
    Dataset,
}

/// An event, as far as lineage needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// When that was, by its producer's clock.
    pub at: UnixMs,
    /// The job's namespace and name; none for a dataset alone.
    pub job: Option<DatasetId>,
    /// What was read.
    pub inputs: Vec<DatasetUse>,
    /// What was written.
    pub outputs: Vec<DatasetUse>,
}

/// Why something is no event that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or not of the shape that the specification gives.
    #[error("{at}: {why}")]
    Malformed {
        /// A JSON pointer; `the event` for all of it.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// More than is taken.
    #[error("{what}: {found}, over the limit of {most}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        most: usize,
    },
}

fn malformed(at: &str, why: impl fmt::Display) -> EventError {
    let at = if at.is_empty() { "the event" } else { at };
    EventError::Malformed { at: at.to_owned(), why: why.to_string() }
}

fn bounded(what: &'static str, found: usize, most: usize) -> Result<(), EventError> {
    if found > most { Err(EventError::TooMuch { what, found, most }) } else { Ok(()) }
}

fn fits(text: &str, most: usize) -> Result<(), String> {
    match text.len() {
        0 => Err("is empty".to_owned()),
        length if length > most => Err(format!("is {length} bytes long, over the limit of {most}")),
        _ => Ok(()),
    }
}

type Object = Map<String, Value>;

/// An object, and where it lies.
struct At<'a> {
    object: &'a Object,
    path: String,
}

impl<'a> At<'a> {
    fn of(value: &'a Value, path: String) -> Result<Self, EventError> {
        match value.as_object() {
            Some(object) => Ok(Self { object, path }),
            None => Err(malformed(&path, "expected an object")),
        }
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}", self.path, key.replace('~', "~0").replace('/', "~1"))
    }

    /// What lies under a key; null is nothing, as clients write it for what they don't know.
    fn find(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn within(&self, key: &str) -> Result<Option<At<'a>>, EventError> {
        self.find(key).map(|value| At::of(value, self.path(key))).transpose()
    }

    fn text(&self, key: &str) -> Result<&'a str, EventError> {
        let text = match self.find(key) {
            None => return Err(malformed(&self.path(key), "is missing")),
            Some(value) => value.as_str().ok_or_else(|| malformed(&self.path(key), "expected a text"))?,
        };
        fits(text, limits::TEXT_BYTES).map_err(|why| malformed(&self.path(key), why))?;
        Ok(text)
    }

    fn column(&self, key: &str) -> Result<&'a str, EventError> {
        let text = self.text(key)?;
        fits(text, limits::COLUMN_BYTES).map_err(|why| malformed(&self.path(key), why))?;
        Ok(text)
    }

    /// The objects of a list of at most so many.
    fn list(&self, key: &'static str, most: usize) -> Result<Vec<At<'a>>, EventError> {
        let path = self.path(key);
        let Some(value) = self.find(key) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| malformed(&path, "expected a list"))?;
        bounded(key, items.len(), most)?;
        items.iter().enumerate().map(|(at, item)| At::of(item, format!("{path}/{at}"))).collect()
    }

    fn id(&self) -> Result<DatasetId, EventError> {
        Ok(DatasetId { namespace: self.text("namespace")?.to_owned(), name: self.text("name")?.to_owned() })
    }
}

impl Event {
    /// Reads one event. Facets that are not known are not looked at.
    ///
    /// # Errors
    /// [`EventError::Malformed`] with the place: not JSON (nested more than 128 deep is not), a required field that is missing or of another type, a time
    /// that is none, a run id that is no UUID. [`EventError::TooMuch`] over [`limits`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        bounded("bytes of an event", bytes.len(), limits::EVENT_BYTES)?;
        let value: Value = serde_json::from_slice(bytes).map_err(|error| malformed("", error))?;
        Self::read(&value)
    }

    /// [`Event::parse`] of what was parsed as JSON.
    ///
    /// # Errors
    /// As there.
    pub fn read(value: &Value) -> Result<Self, EventError> {
        let event = At::of(value, String::new())?;
        let at = moment(&event)?;
        // Required of all events, and all that their producers agree on.
        event.text("producer")?;
        event.text("schemaURL")?;
        let (kind, job) = match (event.within("run")?, event.within("job")?, event.within("dataset")?) {
            (Some(run), Some(job), _) => {
                let (id, state, is_endless) = (run_id(&run)?, state(&event)?, is_endless(&job)?);
                (Kind::Run { id, state, is_endless }, Some(job.id()?))
            }
            (Some(_), None, _) => return Err(malformed("/job", "is missing: a run is one of a job")),
            (None, Some(job), _) => (Kind::Job, Some(job.id()?)),
            (None, None, Some(dataset)) => {
                dataset.id()?;
                (Kind::Dataset, None)
            }
            (None, None, None) => return Err(malformed("", "it has neither a run of a job, nor a job, nor a dataset")),
        };
        let mut read = Self { kind, at, job, inputs: Vec::new(), outputs: Vec::new() };
        if read.kind != Kind::Dataset {
            let mut columns = 0;
            read.inputs = datasets(&event, "inputs", &mut columns)?;
            read.outputs = datasets(&event, "outputs", &mut columns)?;
            // Checked like the others, and of no meaning: what is read is not made here.
            read.inputs.iter_mut().for_each(|input| input.columns.clear());
        }
        Ok(read)
    }
}

fn moment(event: &At<'_>) -> Result<UnixMs, EventError> {
    let text = event.text("eventTime")?;
    // RFC 3339; Python's clients leave the offset out where they mean UTC.
    let parsed = text.parse::<Timestamp>().or_else(|error| {
        let local = text.parse::<jiff::civil::DateTime>().map_err(|_| error)?;
        local.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    let at = parsed.map_err(|error| malformed("/eventTime", format!("'{text}' is no time: {error}")))?;
    u64::try_from(at.as_millisecond()).map_err(|_| malformed("/eventTime", format!("'{text}' is before 1970")))
}

fn run_id(run: &At<'_>) -> Result<String, EventError> {
    let id = run.text("runId")?.to_ascii_lowercase();
    let groups: Vec<&str> = id.split('-').collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    if lengths == [8, 4, 4, 4, 12] && groups.iter().all(is_hex) {
        Ok(id)
    } else {
        Err(malformed(&run.path("runId"), "is no UUID"))
    }
}

fn state(event: &At<'_>) -> Result<State, EventError> {
    let Some(value) = event.find("eventType") else { return Ok(State::Other) };
    let name = value.as_str().map(str::to_ascii_uppercase);
    let known = name.and_then(|name| State::deserialize(Value::String(name)).ok());
    known.ok_or_else(|| malformed("/eventType", "expected START, RUNNING, COMPLETE, ABORT, FAIL or OTHER"))
}

fn is_endless(job: &At<'_>) -> Result<bool, EventError> {
    let Some(facets) = job.within("facets")? else { return Ok(false) };
    let Some(kind) = facets.within("jobType")? else { return Ok(false) };
    let processing = kind.find("processingType").and_then(Value::as_str).unwrap_or_default();
    Ok(["STREAMING", "SERVICE"].iter().any(|endless| processing.eq_ignore_ascii_case(endless)))
}

fn datasets(event: &At<'_>, key: &'static str, columns: &mut usize) -> Result<Vec<DatasetUse>, EventError> {
    event.list(key, limits::DATASETS)?.iter().map(|item| dataset(item, columns)).collect()
}

fn dataset(item: &At<'_>, columns: &mut usize) -> Result<DatasetUse, EventError> {
    let mut dataset = DatasetUse { id: item.id()?, also: BTreeSet::new(), columns: BTreeSet::new() };
    let Some(facets) = item.within("facets")? else { return Ok(dataset) };
    if let Some(symlinks) = facets.within("symlinks")? {
        for identifier in symlinks.list("identifiers", limits::SYMLINKS)? {
            dataset.also.insert(identifier.id()?);
        }
    }
    let Some(lineage) = facets.within("columnLineage")? else { return Ok(dataset) };
    let mut take = |to: Option<&str>, sources: Vec<At<'_>>| -> Result<(), EventError> {
        *columns += sources.len();
        bounded("columns that came from columns", *columns, limits::COLUMNS)?;
        for source in sources {
            let (to, column) = (to.map(str::to_owned), source.column("field")?.to_owned());
            dataset.columns.insert(ColumnUse { to, from: source.id()?, column });
        }
        Ok(())
    };
    // One that decides about the rows decides about every column.
    take(None, lineage.list("dataset", limits::COLUMNS)?)?;
    let Some(fields) = lineage.within("fields")? else { return Ok(dataset) };
    for name in fields.object.keys() {
        fits(name, limits::COLUMN_BYTES)
            .map_err(|why| malformed(&fields.path, format!("the name of a column {why}")))?;
        let Some(field) = fields.within(name)? else { continue };
        take(Some(name), field.list("inputFields", limits::COLUMNS)?)?;
    }
    Ok(dataset)
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
