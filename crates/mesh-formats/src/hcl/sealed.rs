//! The `sealed` block: what an exported file carries beside the text that its author wrote.
//!
//! A descriptor names its attachments by digest, and the file it was made of is one of them. An export is another file;
//! were it read like any other, it would become a new original and so another version. The block keeps the references,
//! and [`unedited`] tells whether the rest is still what was exported: then the file *is* that version, to the byte of
//! its encoding. An edited export could well be what writing would make of its new content; therefore the block also holds
//! a digest of the text, which nobody who edits keeps up. An edited file is a new original that goes on using the
//! attachments that its author left in.

use mesh_model::{Attachment, AttachmentPurpose, Descriptor, Digest, Overflow, SourceFile};
use rust_decimal::prelude::ToPrimitive;

use super::section::Section;
use super::write;

/// Reads the block into the descriptor.
pub(super) fn read(section: &Section<'_, '_>, descriptor: &mut Descriptor) {
    // Only checked for its form here: `unedited` compares it, together with all else.
    digest(section, "content");
    descriptor.owner.people = digest(section, "people");
    descriptor.source = section
        .one("source")
        .map(|source| SourceFile { format: source.text("format").unwrap_or_default(), id: source.text("id") });
    for block in section.many("attachment") {
        let digest = block.label.clone().and_then(|(text, offset)| {
            let digest = Digest::parse(&text).ok();
            if digest.is_none() {
                block.source.error(offset, &block.shown, EXPECTED_DIGEST, "another label");
            }
            digest
        });
        let purpose = block.word("purpose");
        if !block.says("purpose") {
            block.missing("purpose", "why it is attached");
        }
        let size = whole(&block, "size");
        let (Some(digest), Some(purpose)) = (digest, purpose) else {
            continue;
        };
        descriptor.attachments.push(Attachment {
            digest,
            name: block.text("name").unwrap_or_default(),
            media_type: block.text("media_type").unwrap_or_default(),
            size,
            purpose,
            private: block.boolean("private").unwrap_or(false),
        });
    }
    for block in section.many("overflow") {
        let count = whole(&block, "count");
        if let (Some(part), Some(digest)) = (block.word("part"), self::digest(&block, "digest")) {
            descriptor.overflow.push(Overflow { part, digest, count });
        }
    }
}

const EXPECTED_DIGEST: &str = "64 lower-case hexadecimal digits";

fn digest(section: &Section<'_, '_>, name: &str) -> Option<Digest> {
    section.parsed(name, |text| Digest::parse(text).map_err(|_| EXPECTED_DIGEST))
}

fn whole(section: &Section<'_, '_>, name: &str) -> u64 {
    let Some((number, offset)) = section.number_at(name) else {
        return 0;
    };
    let whole = number.is_integer().then(|| number.to_u64()).flatten();
    if whole.is_none() {
        section.source.error(offset, &section.at(name), "a whole number", number.to_string());
    }
    whole.unwrap_or_default()
}

/// Whether the file is what [`write()`](super::write::write) makes of the descriptor that it says.
pub(super) fn unedited(text: &str, descriptor: &Descriptor) -> bool {
    write::write(descriptor).is_ok_and(|written| written == text)
}

/// Drops what was said about the file that the version was made of: another file takes its place.
pub(super) fn forget_original(descriptor: &mut Descriptor) {
    descriptor.attachments.retain(|attachment| attachment.purpose != AttachmentPurpose::Original);
}
