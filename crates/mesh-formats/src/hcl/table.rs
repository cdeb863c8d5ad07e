//! The one table of what a product file may say. Reading asks it what a name is, warnings name its closest entry, and
//! `docs/product-file.md` is printed from it.

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `name = "text"`
    Text,
    /// `name = ["text", "text"]`
    Texts,
    /// `name = true`
    Bool,
    /// `name = 12.50`
    Number,
    /// `name = "word"`, one of these.
    Word(&'static [&'static str]),
    /// `name = "99.5%"`, or a block with its three parts.
    Quantity,
    /// `name = { "key" = anything }`
    Any,
    /// `name { … }`, once.
    One,
    /// `name { … }`, any number of times; only groups what is in it.
    Group,
    /// `name { … }`, any number of times.
    Many,
    /// `name "label" { … }`, any number of times; the label may also be written `name = "label"` inside.
    Named,
}

impl Kind {
    /// Whether it is written with braces.
    pub(super) fn is_block(self) -> bool {
        matches!(self, Self::One | Self::Group | Self::Many | Self::Named)
    }

    /// Whether `name = value` may stand there.
    pub(super) fn is_attribute(self) -> bool {
        !self.is_block()
    }
}

/// One name that a product file may use.
pub(super) struct Row {
    /// Its place: the blocks around it, dotted. `output.*` stands for each kind of port.
    pub path: &'static str,
    /// What stands there.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
    /// How it may look; for blocks, its label.
    pub example: &'static str,
    /// Where it goes in the descriptor.
    pub goes_to: &'static str,
}

const fn row(
    path: &'static str,
    kind: Kind,
    meaning: &'static str,
    example: &'static str,
    goes_to: &'static str,
) -> Row {
    Row { path, kind, meaning, example, goes_to }
}

use Kind::{Any, Bool, Group, Many, Named, Number, One, Quantity, Text, Texts, Word};

/// All names, each block followed by what is in it.
#[rustfmt::skip] // one name a line: it is a table
pub(super) const TABLE: &[Row] = &[
    row("name", Text, "the product's name within its domain, `[a-z][a-z0-9_-]{0,62}`; the resource's label when absent", "\"customer_profile\"", "name"),
    row("domain", Text, "the owning domain; whoever publishes gives it when it is absent", "\"customer_experience\"", "domain"),
    row("version", Text, "the version, three numbers; the planner proposes one when it is absent", "\"1.4.0\"", "version"),
    row("title", Text, "what people call it", "\"Customer profile\"", "title"),
    row("description", Text, "what it is, in prose", "\"Core customer data\"", "description"),
    row("status", Word(&["draft", "active"]), "a draft stays on its own node; active when absent", "\"active\"", "status"),
    row("type", Word(&["source-aligned", "aggregate", "consumer-aligned"]), "where it stands between sources and consumers", "\"aggregate\"", "type"),
    row("license", Text, "the licence of its data", "\"CC-BY-4.0\"", "license"),
    row("tags", Texts, "free words to find it by", "[\"customer\", \"core\"]", "tags"),
    row("owner", Text, "the team that answers for it; never a person", "\"customer_team\"", "owner.team"),
    row("owner_team", Text, "the same as `owner`", "\"customer_team\"", "owner.team"),
    row("owner_person", One, "the person who answers for it; goes to a private attachment, and the file with it", "", "owner.people"),
    row("owner_person.name", Text, "their name", "\"Jane Smith\"", "owner.people"),
    row("owner_person.email", Text, "their address", "\"jane.smith@company.com\"", "owner.people"),
    row("people", Group, "people; go to a private attachment, and the file with them", "", "owner.people"),
    row("people.person", Many, "one of them", "", "owner.people"),
    row("people.person.name", Text, "their name", "\"Ada Byron\"", "owner.people"),
    row("people.person.email", Text, "their address", "\"ada@company.com\"", "owner.people"),
    row("people.person.role", Text, "what they are to the product", "\"data steward\"", "owner.people"),
    row("role", Many, "who holds a role, where that is a team or function and no person", "", "owner.role_holders"),
    row("role.role", Word(&["data-product-owner", "domain-data-engineer", "data-mesh-architect", "data-governance-steward", "data-platform-engineer"]), "which role", "\"data-governance-steward\"", "owner.role_holders.role"),
    row("role.holder", Text, "the team or function", "\"Data office\"", "owner.role_holders.holder"),
    row("support", Many, "a place to ask, in the order to try; declared as the product's contact and so public", "", "owner.support"),
    row("support.channel", Text, "what it is: `email`, `chat`, `ticket`, `url`", "\"chat\"", "owner.support.channel"),
    row("support.address", Text, "its address", "\"#customer-data\"", "owner.support.address"),
    row("support.description", Text, "what it is for", "\"Questions\"", "owner.support.description"),
    row("support.response_time", Text, "how soon an answer comes", "\"same business day\"", "owner.support.response_time"),
    row("dataset", Named, "a table, a collection, a topic's payload", "\"profiles\"", "datasets"),
    row("dataset.name", Text, "its name, when it is no label", "", "datasets.name"),
    row("dataset.description", Text, "what is in it", "\"One row per customer\"", "datasets.description"),
    row("dataset.field", Named, "a column", "\"email\"", "datasets.fields"),
    row("dataset.field.name", Text, "its name, when it is no label", "", "datasets.fields.name"),
    row("dataset.field.type", Text, "the logical type", "\"string\"", "datasets.fields.type"),
    row("dataset.field.nullable", Bool, "whether it may be absent; true when not said", "false", "datasets.fields.nullable"),
    row("dataset.field.unique", Bool, "whether no two rows share it; false when not said", "true", "datasets.fields.unique"),
    row("dataset.field.classification", Text, "how confidential it is, in the company's words", "\"restricted\"", "datasets.fields.classification"),
    row("dataset.field.pii", Bool, "whether it identifies a person; false when not said", "true", "datasets.fields.pii"),
    row("dataset.field.tags", Texts, "free words; rules ask for `pii` here", "[\"pii\"]", "datasets.fields.tags"),
    row("dataset.field.term", Text, "the glossary term it stands for", "\"email-address\"", "datasets.fields.term"),
    row("dataset.field.description", Text, "what it means", "\"Where we may write to\"", "datasets.fields.description"),
    row("input", Named, "where data comes from; without a label, the name is made of the source", "\"crm\"", "inputs"),
    row("input.name", Text, "its name, when it is no label", "", "inputs.name"),
    row("input.source", Text, "a product of this mesh with a version range, or a system outside", "\"sales/orders@^1\"", "inputs.source"),
    row("input.frequency", Text, "how often", "\"streaming\"", "inputs.frequency"),
    row("input.required", Bool, "whether the product cannot be made without it; false when not said", "true", "inputs.required"),
    row("input.description", Text, "what is taken and why", "\"Orders of the last day\"", "inputs.description"),
    row("output", Group, "how consumers reach the data", "", "outputs"),
    row("output.api", Named, "request and response; without a label, the name is the kind", "\"lookup\"", "outputs"),
    row("output.batch", Named, "files at intervals", "", "outputs"),
    row("output.stream", Named, "messages as they happen", "", "outputs"),
    row("output.sql", Named, "tables to query", "", "outputs"),
    row("output.file", Named, "one file or a folder of them", "", "outputs"),
    row("output.*.name", Text, "its name, when it is no label", "", "outputs.name"),
    row("output.*.enabled", Bool, "whether it is open; true when not said", "true", "outputs.enabled"),
    row("output.*.description", Text, "what consumers find there", "\"Profiles by id\"", "outputs.description"),
    row("output.*.format", Text, "the format", "\"parquet\"", "outputs.format"),
    row("output.*.location", Text, "a URL, a path, a database", "\"s3://data-products/customer/\"", "outputs.location"),
    row("output.*.protocol", Text, "the protocol", "\"https\"", "outputs.protocol"),
    row("output.*.partition_by", Texts, "columns by which files are split", "[\"country\", \"date\"]", "outputs.partition_by"),
    row("output.*.rate_limit", Number, "requests that are allowed, per second", "1000", "outputs.rate_limit"),
    row("output.*.topic", Text, "the topic of a stream", "\"customer-profile-changes\"", "outputs.topic"),
    row("output.*.schema_registry", Bool, "whether a stream's schemas are registered", "true", "outputs.schema_registry"),
    row("output.*.frequency", Text, "how often it changes", "\"daily\"", "outputs.frequency"),
    row("output.*.classification", Text, "how confidential it is", "\"internal\"", "outputs.classification"),
    row("output.*.datasets", Texts, "the datasets that it serves; all when not said", "[\"profiles\"]", "outputs.datasets"),
    row("output.*.contract", One, "the ODCS contract that it keeps", "", "outputs.contract"),
    row("output.*.contract.id", Text, "the contract's own id; read from the file when absent", "\"customer-profile-api\"", "outputs.contract.id"),
    row("output.*.contract.version", Text, "the contract's own version; read from the file when absent", "\"1.1.0\"", "outputs.contract.version"),
    row("output.*.contract.file", Text, "the contract's file beside this one; it is attached", "", "outputs.contract.digest"),
    row("output.*.contract.digest", Text, "the digest of a contract that is attached already; then `file` is not read", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"", "outputs.contract.digest"),
    row("quality_rules", Group, "checks on rows", "", "quality_rules"),
    row("quality_rules.rule", Named, "one check", "\"email_valid\"", "quality_rules"),
    row("quality_rules.rule.name", Text, "its name, when it is no label", "", "quality_rules.name"),
    row("quality_rules.rule.check", Text, "a SQL expression; a row passes when it is true", "\"email LIKE '%@%'\"", "quality_rules.check"),
    row("quality_rules.rule.severity", Word(&["error", "warning"]), "how bad a breach is; error when not said", "\"warning\"", "quality_rules.severity"),
    row("quality_rules.rule.dimension", Text, "completeness, accuracy, validity, …", "\"validity\"", "quality_rules.dimension"),
    row("quality_rules.rule.description", Text, "what it guards", "\"Bounces cost us\"", "quality_rules.description"),
    row("metric", Named, "a quality figure with its target", "\"completeness\"", "quality"),
    row("metric.name", Text, "its name, when it is no label", "", "quality.name"),
    row("metric.target", Quantity, "what is promised", "\"99.5%\"", "quality.target"),
    row("metric.target.comparison", Text, "`>=`, `<`, `=`, …; without it, a percentage is a lower bound, a time an upper one", "", "quality.target.comparison"),
    row("metric.target.value", Number, "the number", "", "quality.target.value"),
    row("metric.target.unit", Text, "its unit", "", "quality.target.unit"),
    row("metric.scope", Text, "of what", "\"required fields\"", "quality.scope"),
    row("metric.measured", Text, "how it is measured", "\"nightly, over all rows\"", "quality.measured"),
    row("metric.description", Text, "anything else to say of it", "\"Since 2024\"", "quality.description"),
    row("sla", Named, "a promise about the service: `availability`, `latency`, `freshness`, `retention`, `support_response`, …", "\"latency\"", "sla"),
    row("sla.name", Text, "its name, when it is no label", "", "sla.name"),
    row("sla.target", Quantity, "what is promised", "\"< 500 ms\"", "sla.target"),
    row("sla.target.comparison", Text, "as in `metric.target`", "", "sla.target.comparison"),
    row("sla.target.value", Number, "the number", "", "sla.target.value"),
    row("sla.target.unit", Text, "its unit", "", "sla.target.unit"),
    row("sla.percentile", Number, "the percentile of a latency", "95", "sla.percentile"),
    row("sla.measured", Text, "how it is measured", "\"at the gateway\"", "sla.measured"),
    row("sla.description", Text, "the promise in words", "\"Query performance\"", "sla.description"),
    row("storage", One, "how it is stored", "", "storage"),
    row("storage.encryption", One, "encryption at rest", "", "storage.encryption"),
    row("storage.encryption.enabled", Bool, "whether it is on; must be said", "true", "storage.encryption.enabled"),
    row("storage.encryption.method", Text, "how", "\"AES-256\"", "storage.encryption.method"),
    row("storage.residency", Texts, "where the bytes lie", "[\"EU\"]", "storage.residency"),
    row("access", One, "how it may be reached", "", "access"),
    row("access.mode", Text, "how access is controlled: `iam`, `open`, `request`", "\"iam\"", "access.mode"),
    row("access.audit_logging", One, "the record of who read what", "", "access.audit_logging"),
    row("access.audit_logging.enabled", Bool, "whether access is recorded; must be said", "true", "access.audit_logging.enabled"),
    row("access.audit_logging.description", Text, "what is recorded", "\"Every query\"", "access.audit_logging.description"),
    row("retention_period", Text, "how long data is kept", "\"3 years\"", "retention_period"),
    row("compliance", One, "what it complies with", "", "compliance"),
    row("compliance.regulations", Texts, "laws and norms", "[\"GDPR\"]", "compliance.regulations"),
    row("compliance.statements", Texts, "how the product meets them", "[\"Deleted on request\"]", "compliance.statements"),
    row("documentation", One, "where to read more", "", "documentation"),
    row("documentation.fields_url", Text, "what the fields mean", "\"https://docs.internal/schema\"", "documentation.fields_url"),
    row("documentation.examples_url", Text, "worked examples", "\"https://docs.internal/examples\"", "documentation.examples_url"),
    row("documentation.support_contact", Text, "whom to write to; declared as the product's contact and so public", "\"customer-data@company.com\"", "documentation.support_contact"),
    row("documentation.link", Many, "anything else to read", "", "documentation.links"),
    row("documentation.link.title", Text, "what is there", "\"Runbook\"", "documentation.links.title"),
    row("documentation.link.url", Text, "where", "\"https://docs.internal/runbook\"", "documentation.links.url"),
    row("extensions", Any, "anything else, by namespaced key; values of any shape, carried as given", "{ \"acme.cost_centre\" = 4711 }", "extensions"),
    row("sealed", One, "written by export: what the sealed version has beside this text. A file that nobody edited is that version; an edited one is a new original", "", ""),
    row("sealed.content", Text, "the digest of this file without this line: shows whether it was edited", "", ""),
    row("sealed.people", Text, "the digest of the private attachment with people", "", "owner.people"),
    row("sealed.source", One, "the file that the version was made of", "", "source"),
    row("sealed.source.format", Text, "its format", "\"odps/1.0.0\"", "source.format"),
    row("sealed.source.id", Text, "the id that the source gives it", "\"fbe8d147\"", "source.id"),
    row("sealed.attachment", Named, "an attachment, by digest", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"", "attachments"),
    row("sealed.attachment.name", Text, "its file name", "\"contract.odcs.yaml\"", "attachments.name"),
    row("sealed.attachment.media_type", Text, "its media type", "\"application/yaml\"", "attachments.media_type"),
    row("sealed.attachment.size", Number, "its length in bytes", "0", "attachments.size"),
    row("sealed.attachment.purpose", Word(&["original", "overflow", "contract", "people"]), "why it is there", "\"contract\"", "attachments.purpose"),
    row("sealed.attachment.private", Bool, "whether only named readers may see it", "false", "attachments.private"),
    row("sealed.overflow", Many, "a part that lies in an attachment", "", "overflow"),
    row("sealed.overflow.part", Word(&["texts", "fields", "ports"]), "which part", "\"texts\"", "overflow.part"),
    row("sealed.overflow.digest", Text, "the attachment", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"", "overflow.digest"),
    row("sealed.overflow.count", Number, "how many texts, fields or ports", "0", "overflow.count"),
];

/// The name under a path; the path of the resource itself is empty.
pub(super) fn find(path: &str, name: &str) -> Option<&'static Row> {
    children(path).find(|row| last(row.path) == name)
}

/// The names directly under a path.
pub(super) fn children(path: &str) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| match row.path.rsplit_once('.') {
        Some((parent, _)) => parent == path,
        None => path.is_empty(),
    })
}

/// The last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The known name under a path that a misspelt one is closest to; `None` when none is close.
pub(super) fn closest(path: &str, name: &str) -> Option<&'static str> {
    if name.len() > 40 {
        return None;
    }
    let names = children(path).map(|row| last(row.path));
    let scored = names.map(|known| (distance(name, known), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + known.len() / 4).then_some(known)
}

/// How many single-character edits lie between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_once_and_under_a_block() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..at].iter().any(|other| other.path == row.path), "{} twice", row.path);
            if let Some((parent, _)) = row.path.rsplit_once('.') {
                let inside =
                    |other: &&Row| other.path == parent && (other.kind.is_block() || other.kind == Kind::Quantity);
                assert!(parent == "output.*" || TABLE.iter().any(|other| inside(&other)), "{}", row.path);
            }
        }
    }

    #[test]
    fn names_the_closest_known_name() {
        assert_eq!(closest("", "descripton"), Some("description"));
        assert_eq!(closest("output.*", "ratelimit"), Some("rate_limit"));
        assert_eq!(closest("", "zzzzzz"), None);
    }
}
