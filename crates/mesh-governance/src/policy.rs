//! The one evaluator behind the seam of [`Judge`]: `mesh-policy`, with a memory.
//!
//! A standard is compiled once and asked of a descriptor once; what was said is found again by digest. Remembering never changes a
//! verdict: it is a function of the standards, the descriptor, the version before it and ledger time, and the first three are what
//! the memory is keyed by. Whether a violation then blocks is decided anew each time ([`Binding`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use mesh_event::descriptor_digest;
use mesh_model::{Descriptor, Digest, Standard, UnixMs, Version};
use mesh_policy::{Binding, CompiledStandard, Document, Effect, Evaluation, Violation as Finding, Waiver};
use sha2::{Digest as _, Sha256};

use crate::judge::{Case, FirstSealed, InForce, Judge, Verdict, Violation};
use crate::records::GrantedWaiver;

/// Compiled standards that are kept: more than are ever in force, with the own rules of a node's domains.
const STANDARDS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");
/// Evaluations that are kept.
const EVALUATIONS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// The evaluator of protocol 1.
pub struct PolicyJudge {
    standards: Mutex<LruCache<Digest, Arc<Known>>>,
    evaluations: Mutex<LruCache<Asked, Arc<Evaluation>>>,
}

/// A standard as it was enacted, and ready to be asked.
struct Known {
    standard: Arc<Standard>,
    /// The reason where it does not compile; a standard that was enacted does.
    compiled: Result<CompiledStandard, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    descriptor: Digest,
    previous: Option<Version>,
    standard: Digest,
}

/// How one standard in force stands to one version of a product.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What the standard says.
    pub evaluation: Arc<Evaluation>,
    /// From when on it binds.
    pub binding: Binding,
    /// What a violation does now.
    pub effect: Effect,
    /// Fields that do not fit the glossary term, identifier scheme or time convention that the standard defines.
    pub references: Vec<Finding>,
}

impl Standing {
    /// Everything that does not hold.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.evaluation.violations.iter().chain(&self.references)
    }

    /// Whether everything holds.
    pub fn is_compliant(&self) -> bool {
        self.findings().next().is_none()
    }
}

impl Default for PolicyJudge {
    fn default() -> Self {
        let (standards, evaluations) = (LruCache::new(STANDARDS), LruCache::new(EVALUATIONS));
        Self { standards: Mutex::new(standards), evaluations: Mutex::new(evaluations) }
    }
}

impl std::fmt::Debug for PolicyJudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyJudge").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PolicyJudge {
    fn known(&self, digest: &Digest, standard: &Arc<Standard>) -> Arc<Known> {
        if let Some(known) = lock(&self.standards).get(digest) {
            return Arc::clone(known);
        }
        let compiled = CompiledStandard::compile(standard)
            .map_err(|flaws| flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        let known = Arc::new(Known { standard: Arc::clone(standard), compiled });
        lock(&self.standards).put(*digest, Arc::clone(&known));
        known
    }

    /// How each of the standards stands to a version. `None` in its place for one that this build cannot compile.
    pub fn standings(&self, case: &Case<'_>) -> Vec<Option<Standing>> {
        let descriptor = descriptor_digest(case.descriptor);
        let previous = case.previous.map(|previous| previous.version);
        let document = std::cell::LazyCell::new(|| Document::of(case.descriptor).with_previous(previous));
        let known: Vec<_> = case.standards.iter().map(|one| self.known(&one.digest, &one.standard)).collect();
        (case.standards.iter().zip(&known))
            .map(|(one, known)| {
                let compiled = known.compiled.as_ref().ok()?;
                let asked = Asked { descriptor, previous, standard: one.digest };
                let kept = lock(&self.evaluations).get(&asked).cloned();
                let evaluation = kept.unwrap_or_else(|| {
                    let evaluation = Arc::new(compiled.evaluate(&document));
                    lock(&self.evaluations).put(asked, Arc::clone(&evaluation));
                    evaluation
                });
                let references = mesh_policy::check_references([compiled], &document);
                let binding = binding(one, case.first_sealed, case.waivers, case.now);
                let effect = binding.effect(one.standard.enforcement);
                Some(Standing { evaluation, binding, effect, references })
            })
            .collect()
    }
}

/// A standard that is not enacted, asked what it would say: the preview of its impact.
#[derive(Debug)]
pub struct Candidate {
    compiled: CompiledStandard,
    now: UnixMs,
}

impl Candidate {
    /// As if it were enacted now.
    ///
    /// # Errors
    /// Every flaw that keeps it from being compiled.
    pub fn new(standard: &Standard, now: UnixMs) -> Result<Self, Vec<String>> {
        let compiled = CompiledStandard::compile(standard)
            .map_err(|flaws| flaws.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(Self { compiled, now })
    }

    /// What it would say of a version, and from when on it would bind.
    pub fn ask(
        &self,
        descriptor: &Descriptor,
        previous: Option<Version>,
        first_sealed: UnixMs,
    ) -> (Binding, Vec<Finding>) {
        let document = Document::of(descriptor).with_previous(previous);
        let mut findings = self.compiled.evaluate(&document).violations;
        findings.extend(mesh_policy::check_references([&self.compiled], &document));
        (Binding::at(self.now, self.compiled.standard(), self.now, Some(first_sealed), None), findings)
    }
}

/// How a standard stands to a product, whatever the product says.
fn binding(one: &InForce, first_sealed: Option<FirstSealed>, waivers: &[GrantedWaiver], now: UnixMs) -> Binding {
    let waiver = waiver_of(one, waivers)
        .map(|waiver| Waiver { until: waiver.expires_unix_ms.saturating_add(1), why: waiver.reason.clone() });
    let first_sealed = first_sealed.map(|first| first.stamp_unix_ms);
    Binding::at(now, &one.standard, one.enacted_unix_ms, first_sealed, waiver.as_ref())
}

/// The waiver of a standard that counts among those that cover a product: the one that holds longest.
pub(crate) fn waiver_of<'w>(one: &InForce, waivers: &'w [GrantedWaiver]) -> Option<&'w GrantedWaiver> {
    let of_it = waivers.iter().filter(|waiver| waiver.standard == one.standard.id);
    of_it.max_by_key(|waiver| (waiver.expires_unix_ms, waiver.index))
}

fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Advise => "advise",
        Effect::Warn => "warn",
        Effect::Block => "block",
    }
}

impl Judge for PolicyJudge {
    fn judge(&self, case: &Case<'_>) -> Verdict {
        let mut hash = Sha256::new();
        let mut violations = Vec::new();
        for (one, standing) in case.standards.iter().zip(self.standings(case)) {
            let violation = |rule, message, blocks| Violation {
                standard: one.standard.id.clone(),
                version: one.standard.version,
                rule,
                message,
                blocks,
            };
            let Some(standing) = standing else {
                hash.update(format!("{}@{} not compiled\n", one.standard.id, one.standard.version));
                violations.push(violation(None, "this evaluator cannot compile it".to_owned(), true));
                continue;
            };
            hash.update(standing.evaluation.verdict());
            hash.update(format!("references {}\n", if standing.references.is_empty() { "hold" } else { "violated" }));
            hash.update(format!("effect {}\n", effect_word(standing.effect)));
            for finding in standing.findings() {
                let blocks = standing.effect == Effect::Block;
                violations.push(violation(Some(finding.rule.clone()), told(finding), blocks));
            }
        }
        let digest = Digest(hash.finalize().into());
        Verdict { refused: violations.iter().any(|violation| violation.blocks), digest, violations }
    }

    fn check_standard(&self, standard: &Standard, in_force: &[InForce]) -> Result<(), Vec<String>> {
        let compiled = CompiledStandard::compile(standard)
            .map_err(|flaws| flaws.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let mut flaws: Vec<String> = compiled.run_tests().iter().map(|failure| format!("test {failure}")).collect();
        let others: Vec<_> = in_force.iter().map(|one| self.known(&one.digest, &one.standard)).collect();
        for conflict in compiled.conflicts(others.iter().filter_map(|known| known.compiled.as_ref().ok())) {
            let (other, version) = (&conflict.evaluation.standard, conflict.evaluation.version);
            let why: Vec<String> = conflict.evaluation.violations.iter().map(ToString::to_string).collect();
            let (test, why) = (&conflict.test, why.join("; "));
            flaws.push(format!(
                "test '{test}' has to pass, and {other}@{version}, which is in force, refuses it: {why}"
            ));
        }
        if flaws.is_empty() { Ok(()) } else { Err(flaws) }
    }

    fn recall(&self, digest: &Digest) -> Option<Arc<Standard>> {
        lock(&self.standards).get(digest).map(|known| Arc::clone(&known.standard))
    }

    fn keep(&self, digest: &Digest, standard: &Arc<Standard>) {
        self.known(digest, standard);
    }
}

/// A finding in one sentence, without the rule's id: what is wrong, where, and how to put it right.
fn told(finding: &Finding) -> String {
    let place = match finding.path.as_str() {
        "" => finding.found.clone(),
        path => format!("{path}: {}", finding.found),
    };
    match finding.remediation.as_str() {
        "" => format!("{} ({place})", finding.message),
        remediation => format!("{} ({place}); {remediation}", finding.message),
    }
}
