//! Everything that was measured about the products of one domain.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use mesh_event::fact::{CheckVerdict, Known, QualityRun};
use mesh_event::{Fact, FactBody};
use mesh_model::{Code, Digest, FactId, Name, ProductId, PublicKey, Severity, UnixMs};
use serde::Serialize;

use crate::incident::{self, Incident};
use crate::level::DAY_MS;
use crate::timeline::{Held, Timeline};

/// Runs of one product that are shown as they were stated; of older ones, what they turned is kept.
pub const MOST_RUNS: usize = 200;
/// Most runs of one product in a day.
pub const MOST_RUNS_IN_A_DAY: u32 = 500;
/// Most promises that are followed at one port; the one that is gone for the longest gives way.
pub const MOST_PROMISES: usize = 1_024;
/// Most places of one product at which something is measured; the one whose last run ended first gives way.
pub const MOST_PLACES: usize = 1_024;
/// How long after its end a run may be stated.
pub const LATE_MS: u64 = 7 * DAY_MS;
/// How far the author's clock may be ahead.
const AHEAD_MS: u64 = 10 * 60 * 1_000;

/// A run that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The fact that states it.
    pub id: FactId,
    /// Who states it.
    pub by: PublicKey,
    /// When its home took it.
    pub at_unix_ms: UnixMs,
    /// What it says.
    pub said: QualityRun,
}

/// Where something was measured, and by what: each tool has checks of its own, and does not end those of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Which major.
    pub major: u32,
    /// Which port.
    pub port: Name,
    /// Which tool.
    pub tool: String,
}

impl Place {
    fn of(run: &QualityRun) -> Self {
        Self { major: run.version.version.major, port: run.port.clone(), tool: run.tool.clone() }
    }
}

/// What one tool measured at one port of one major.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortMeasures {
    last_ended: UnixMs,
    last_taken: UnixMs,
    promises: BTreeMap<String, Timeline>,
}

impl PortMeasures {
    /// Its promises by the names of their checks, also those that are not made any more.
    pub fn promises(&self) -> &BTreeMap<String, Timeline> {
        &self.promises
    }

    /// When its last run was stated that looked at something.
    pub fn last_unix_ms(&self) -> UnixMs {
        self.last_taken
    }

    /// For how long a run is overdue, where one is: twice the time between two renewals of the data went by without one.
    pub fn overdue_ms(&self, every: Duration, now: UnixMs) -> Option<u64> {
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        let due = self.last_taken.saturating_add(every.saturating_mul(2));
        now.checked_sub(due).filter(|over| *over > 0)
    }

    /// Takes what a run says of each promise that it names.
    fn look(&mut self, run: &QualityRun, id: FactId, at: UnixMs) {
        for check in &run.checks {
            let timeline = self.promises.entry(check.name.clone()).or_insert_with(|| Timeline::new(check, at));
            timeline.take(check, id, at);
        }
    }

    fn take(&mut self, run: &QualityRun, id: FactId, at: UnixMs) {
        self.last_ended = run.ended_unix_ms;
        // What could not look at anything says nothing: it ends no promise, and is no look.
        if !run.checks.iter().any(|check| matches!(check.verdict, CheckVerdict::Passed | CheckVerdict::Failed)) {
            self.look(run, id, at);
            return;
        }
        self.last_taken = at;
        let named: BTreeSet<&str> = run.checks.iter().map(|check| check.name.as_str()).collect();
        for (name, timeline) in &mut self.promises {
            if !named.contains(name.as_str()) {
                timeline.end(id, at);
            }
        }
        self.look(run, id, at);
        while self.promises.len() > MOST_PROMISES {
            let gone = self.promises.iter().filter(|(name, _)| !named.contains(name.as_str()));
            let oldest = gone.min_by_key(|(_, timeline)| timeline.last_unix_ms).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { break };
            self.promises.remove(&oldest);
        }
    }
}

/// One product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductMeasures {
    runs: VecDeque<Run>,
    places: BTreeMap<Place, PortMeasures>,
    /// A day since 1970, and how many runs were taken on it.
    today: (u64, u32),
}

impl ProductMeasures {
    /// Its runs, the latest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.iter().rev()
    }

    /// Where something was measured.
    pub fn places(&self) -> &BTreeMap<Place, PortMeasures> {
        &self.places
    }

    /// The same, with the promises of some majors ended at these moments: what was retired promises nothing any more.
    pub fn with_ends(&self, ends: &BTreeMap<u32, UnixMs>) -> Cow<'_, Self> {
        if !self.places.keys().any(|place| ends.contains_key(&place.major)) {
            return Cow::Borrowed(self);
        }
        let mut ended = self.clone();
        for (place, measures) in &mut ended.places {
            let Some(end) = ends.get(&place.major) else { continue };
            for promise in measures.promises.values_mut() {
                promise.retire(*end);
            }
        }
        Cow::Owned(ended)
    }

    /// Whether every promise of severity error was kept at a moment; `None` when none was measured until then.
    pub fn kept_at(&self, moment: UnixMs) -> Option<bool> {
        let promises = self.places.values().flat_map(|place| place.promises.values());
        let turns = promises.filter_map(|promise| promise.at(moment));
        let turns = turns.filter(|turn| turn.severity == Severity::Error && turn.held != Held::Gone);
        let held = turns.map(|turn| turn.held);
        held.map(|held| held == Held::Kept).reduce(|all, one| all && one)
    }

    /// All its incidents as they were known at a moment: open ones first, and the latest of them.
    pub fn incidents(&self, moment: UnixMs) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for (place, measures) in &self.places {
            for (check, timeline) in &measures.promises {
                incidents.extend(incident::of((place, check), timeline, moment));
            }
        }
        incidents.sort_by_key(Incident::order);
        incidents
    }
}

/// Why a run does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A later one was stated before.
    #[error(
        "a run of port {port} by the same tool that ended at {last} was stated before; this one ended at {found} (ms since 1970)"
    )]
    Older {
        /// Which port.
        port: Name,
        /// When the last one ended.
        last: UnixMs,
        /// When this one did.
        found: UnixMs,
    },
    /// It ended too long ago: it says nothing of now.
    #[error("the run ended {days} days ago; at most {} are taken", LATE_MS / DAY_MS)]
    Late {
        /// Days.
        days: u64,
    },
    /// It ends in the future.
    #[error("the run ends {minutes} minutes from now, by the clock of its home; at most {} are taken", AHEAD_MS / 60_000)]
    Ahead {
        /// Minutes.
        minutes: u64,
    },
    /// There were very many today.
    #[error("{0} has had {MOST_RUNS_IN_A_DAY} quality runs today")]
    TooMany(ProductId),
    /// It is no run.
    #[error("it is no quality run")]
    Other,
    /// The fact was taken before.
    #[error("the fact {0} was taken before")]
    Taken(FactId),
}

impl Refused {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Older { .. } | Self::Late { .. } | Self::Ahead { .. } | Self::Other => Code::BadRun,
            Self::TooMany(_) => Code::QuotaUsedUp,
            Self::Taken(_) => Code::Duplicate,
        }
    }
}

/// Everything that was measured about the products of one domain. What it says is a function of the facts that it took, in their order.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    products: BTreeMap<ProductId, ProductMeasures>,
    /// Those of [`ProductMeasures::runs`]: an older one that comes again is older than the last one.
    facts: HashMap<FactId, Taken>,
    latest: UnixMs,
}

#[derive(Debug, Clone)]
struct Taken {
    known: Known,
    /// Its private text.
    details: Option<Digest>,
}

fn run_of(fact: &Fact) -> Result<&QualityRun, Refused> {
    match &fact.body {
        FactBody::ReportQuality(run) => Ok(run),
        _ => Err(Refused::Other),
    }
}

impl Measures {
    /// Whether a run follows, at a moment, what was stated of its port before.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn judge(&self, fact: &Fact, at: UnixMs) -> Result<(), Refused> {
        let run = run_of(fact)?;
        // Whatever home took it: a run from the future would be the last word for ever.
        let ahead = run.ended_unix_ms.saturating_sub(at);
        if ahead > AHEAD_MS {
            return Err(Refused::Ahead { minutes: ahead / 60_000 });
        }
        let Some(product) = self.products.get(&run.version.product) else { return Ok(()) };
        let last = product.places.get(&Place::of(run)).map(|place| place.last_ended);
        // Also of the same moment: it may be one that was taken and is not shown any more.
        match last.filter(|last| *last >= run.ended_unix_ms) {
            Some(last) => Err(Refused::Older { port: run.port.clone(), last, found: run.ended_unix_ms }),
            None => Ok(()),
        }
    }

    /// Whether a run is of about now, and one more is not too many. Asked of what is new only.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check_room(&self, fact: &Fact, now: UnixMs) -> Result<(), Refused> {
        let run = run_of(fact)?;
        let age = now.saturating_sub(run.ended_unix_ms);
        if age > LATE_MS {
            return Err(Refused::Late { days: age / DAY_MS });
        }
        let product = &run.version.product;
        let today = self.products.get(product).map(|product| product.today);
        if today.is_some_and(|(day, runs)| day == now / DAY_MS && runs >= MOST_RUNS_IN_A_DAY) {
            return Err(Refused::TooMany(product.clone()));
        }
        Ok(())
    }

    /// Takes a run that was stated at a moment.
    ///
    /// # Errors
    /// [`Refused`]: nothing changes.
    pub fn take(&mut self, fact: &Fact, known: Known, at: UnixMs) -> Result<(), Refused> {
        if self.facts.contains_key(&fact.id) {
            return Err(Refused::Taken(fact.id));
        }
        self.judge(fact, at)?;
        let run = run_of(fact)?;
        let product = self.products.entry(run.version.product.clone()).or_default();
        let place = Place::of(run);
        if product.places.len() >= MOST_PLACES && !product.places.contains_key(&place) {
            let oldest = product.places.iter().min_by_key(|(_, measures)| measures.last_ended);
            let oldest = oldest.map(|(place, _)| place.clone());
            oldest.and_then(|oldest| product.places.remove(&oldest));
        }
        product.places.entry(place).or_default().take(run, fact.id, at);
        let day = at / DAY_MS;
        product.today = if product.today.0 == day { (day, product.today.1 + 1) } else { (day, 1) };
        let taken = Run { id: fact.id, by: fact.author, at_unix_ms: at, said: run.clone() };
        product.runs.push_back(taken);
        self.facts.insert(fact.id, Taken { known, details: run.details.map(|details| details.digest) });
        while product.runs.len() > MOST_RUNS {
            let oldest = product.runs.pop_front();
            oldest.and_then(|oldest| self.facts.remove(&oldest.id));
        }
        self.latest = self.latest.max(at);
        Ok(())
    }

    /// When the last run was stated: the next one is not stated before that.
    pub fn latest(&self) -> UnixMs {
        self.latest
    }

    /// A fact by its id, while its run is shown.
    pub fn fact(&self, id: &FactId) -> Option<&Known> {
        self.facts.get(id).map(|taken| &taken.known)
    }

    /// One product; `None` when nothing was measured.
    pub fn product(&self, product: &ProductId) -> Option<&ProductMeasures> {
        self.products.get(product)
    }

    /// All products of which something was measured.
    pub fn products(&self) -> impl Iterator<Item = (&ProductId, &ProductMeasures)> {
        self.products.iter()
    }

    /// Whether a fact, while its run is shown, names this private text.
    pub fn names_text(&self, digest: &Digest, fact: &FactId) -> bool {
        self.facts.get(fact).is_some_and(|taken| taken.details == Some(*digest))
    }
}
