//! From a product to the index's document, and back to what a hit shows.

use mesh_model::{Descriptor, LedgerIndex, UnixMs, Version};
use serde::{Deserialize, Serialize};
use tantivy::TantivyDocument;
use tantivy::schema::Value;

use crate::level::Level;
use crate::parts::parts;
use crate::schema::{Fields, Replay, name_term, shelf_number};
use crate::stem::Stems;
use crate::words::{self, Split};
use crate::{Entry, Lifecycle, SearchError};

/// How much of a description a hit shows, in characters.
pub(crate) const EXCERPT_CHARS: usize = 200;
/// Longest facet value, in bytes; more is cut.
const FACET_BYTES: usize = 256;

/// What a hit shows beside its id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) version: Version,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) status: Lifecycle,
    pub(crate) owner: String,
    pub(crate) tags: Vec<String>,
    pub(crate) ledger_index: LedgerIndex,
    pub(crate) stamp_unix_ms: UnixMs,
}

/// How a level's texts are split.
pub(crate) fn split_of(level: Level) -> Split {
    match level {
        Level::Name | Level::Close | Level::Prefix => Split::Name,
        Level::Label | Level::Structure => Split::Identifier,
        Level::Prose => Split::Prose,
    }
}

/// The document of a product.
pub(crate) fn document(fields: &Fields, entry: &Entry<'_>, stems: &mut Stems) -> TantivyDocument {
    let descriptor = entry.descriptor;
    let id = descriptor.id();

    let mut document = TantivyDocument::default();
    document.add_text(fields.id, id.to_string());
    document.add_text(fields.by_name, name_term(&id));

    let mut shelves: [Replay; 4] = Default::default();
    let mut shelve = |level: Level, text: &str| {
        let shelf = &mut shelves[shelf_number(level)];
        words::split(text, split_of(level), |word| {
            if level.is_stemmed() {
                shelf.word(stems.of(word.text), word.joined);
            } else {
                shelf.word(word.text, word.joined);
            }
        });
        shelf.gap();
    };
    for part in parts(descriptor) {
        shelve(part.level, &part.text);
    }
    let mut room = Entry::OVERFLOW_BYTES;
    for text in entry.overflow_text {
        let text = cut(text, room);
        room -= text.len();
        shelve(Level::Prose, text);
    }
    for (field, shelf) in fields.shelves.into_iter().zip(shelves) {
        if let Some(text) = shelf.finish() {
            document.add_text(field, text);
        }
    }

    let [domain_field, tag_field, status_field, owner_field] = fields.facets;
    document.add_text(domain_field, descriptor.domain.as_str());
    for (at, tag) in descriptor.tags.iter().enumerate() {
        if !tag.is_empty() && !descriptor.tags[..at].contains(tag) {
            document.add_text(tag_field, cut(tag, FACET_BYTES));
        }
    }
    document.add_text(status_field, entry.status.as_str());
    if !descriptor.owner.team.is_empty() {
        document.add_text(owner_field, cut(&descriptor.owner.team, FACET_BYTES));
    }

    let shown = Shown {
        version: descriptor.version,
        title: descriptor.title.clone(),
        description: descriptor.description.chars().take(EXCERPT_CHARS).collect(),
        status: entry.status,
        owner: descriptor.owner.team.clone(),
        tags: descriptor.tags.clone(),
        ledger_index: entry.ledger_index,
        stamp_unix_ms: entry.stamp_unix_ms,
    };
    document.add_text(fields.hit, json(&shown));
    document.add_text(fields.descriptor, json(descriptor));
    document
}

/// What a hit shows.
pub(crate) fn shown(fields: &Fields, document: &TantivyDocument) -> Result<Shown, SearchError> {
    stored(document, fields.hit)
}

/// The descriptor that was indexed.
pub(crate) fn descriptor(fields: &Fields, document: &TantivyDocument) -> Result<Descriptor, SearchError> {
    stored(document, fields.descriptor)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("these types have string keys and no failing serialisers")
}

fn stored<T: serde::de::DeserializeOwned>(
    document: &TantivyDocument,
    field: tantivy::schema::Field,
) -> Result<T, SearchError> {
    let value = document.get_first(field);
    let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| SearchError::Damaged(format!("a stored product: {error}")))
}

/// The longest beginning of the text that has at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
