//! Makes a descriptor small enough to sign: what does not fit moves, whole parts at a time, into attachments.

use mesh_model::{AttachmentPurpose, Descriptor, Overflow, OverflowPart, limits};
use serde::Serialize;

use crate::overflow::{take_fields, take_ports, take_texts};
use crate::parsed::{AttachmentBody, Context, Product};
use crate::problem::{Problem, Problems};

/// Descriptions longer than this, in bytes, are long texts.
pub const LONG_TEXT_BYTES: usize = 256;

/// What moves out, one more part with each step. The last step, before giving up, takes short texts too: a product whose
/// marked fields have many short descriptions would else be refused for what nobody needs to rule by.
const STEPS: [Step; 4] = [
    Step { texts_over: LONG_TEXT_BYTES, fields: false, ports: false },
    Step { texts_over: LONG_TEXT_BYTES, fields: true, ports: false },
    Step { texts_over: LONG_TEXT_BYTES, fields: true, ports: true },
    Step { texts_over: 0, fields: true, ports: true },
];

struct Step {
    texts_over: usize,
    fields: bool,
    ports: bool,
}

/// Brings a product under the limits: the descriptor under 48 KiB, its attachments under 64 of 4 MiB each.
///
/// A descriptor that fits stays as it is. Otherwise whole parts move into public JSON attachments, named in `overflow`:
/// long texts, then fields without a mark, then ports. Fields that are marked (pii, classified or tagged) stay, since
/// rules read them. The same descriptor always overflows into the same bytes.
///
/// # Errors
/// A [`Problem`] for each limit that cannot be met, naming it; the product is unchanged then.
pub fn fit(product: &mut Product, ctx: &mut Context<'_>) -> Result<(), Problems> {
    let mut size = (ctx.encoded_len)(&product.descriptor);
    let mut fitted = (size <= limits::DESCRIPTOR_BYTES).then(|| product.clone());
    for step in &STEPS {
        if fitted.is_some() {
            break;
        }
        let moved = step.apply(product)?;
        size = (ctx.encoded_len)(&moved.descriptor);
        if size <= limits::DESCRIPTOR_BYTES {
            fitted = Some(moved);
        }
    }
    let Some(fitted) = fitted else {
        return Err(too_large(&product.descriptor, size).into());
    };
    check_attachments(&fitted)?;
    *product = fitted;
    Ok(())
}

fn too_large(descriptor: &Descriptor, size: usize) -> Problem {
    let marked = descriptor.fields().filter(|(_, field)| field.is_marked()).count();
    let expected = format!("a descriptor of at most {} bytes encoded", limits::DESCRIPTOR_BYTES);
    let found = format!(
        "{size} bytes with texts, unmarked fields and ports moved to attachments; {marked} fields marked pii, \
         classified or tagged have to stay"
    );
    Problem::error((0, 0), "", expected, found)
}

fn check_attachments(product: &Product) -> Result<(), Problems> {
    let mut problems = Vec::new();
    let attachments = &product.descriptor.attachments;
    if attachments.len() > limits::ATTACHMENTS {
        let expected = format!("at most {} attachments of one version", limits::ATTACHMENTS);
        problems.push(Problem::error((0, 0), "attachments", expected, attachments.len().to_string()));
    }
    for attachment in attachments {
        if attachment.size > limits::ATTACHMENT_BYTES as u64 {
            let expected = format!("attachments of at most {} bytes", limits::ATTACHMENT_BYTES);
            let found = format!("'{}' of {} bytes", attachment.name, attachment.size);
            problems.push(Problem::error((0, 0), "attachments", expected, found));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

impl Step {
    fn apply(&self, product: &Product) -> Result<Product, Problems> {
        let mut product = product.clone();
        // Texts first: their paths count fields and ports that are about to move.
        let texts = take_texts(&mut product.descriptor, self.texts_over);
        move_out(&mut product, OverflowPart::Texts, &texts)?;
        if self.fields {
            let fields = take_fields(&mut product.descriptor);
            move_out(&mut product, OverflowPart::Fields, &fields)?;
        }
        if self.ports {
            let ports = take_ports(&mut product.descriptor);
            move_out(&mut product, OverflowPart::Ports, &ports)?;
        }
        Ok(product)
    }
}

/// Attaches the items as JSON lists, in as many attachments as their size needs.
fn move_out<T: Serialize>(product: &mut Product, part: OverflowPart, items: &[T]) -> Result<(), Problems> {
    let name = match part {
        OverflowPart::Texts => "texts",
        OverflowPart::Fields => "fields",
        OverflowPart::Ports => "ports",
    };
    for (at, (body, count)) in lists(name, items)?.into_iter().enumerate() {
        let file = if at == 0 { format!("overflow-{name}.json") } else { format!("overflow-{name}-{}.json", at + 1) };
        let body = AttachmentBody::public(file, "application/json", AttachmentPurpose::Overflow, body);
        let digest = product.attach(body);
        product.descriptor.overflow.push(Overflow { part, digest, count });
    }
    Ok(())
}

/// JSON lists of at most an attachment's size each, and how many items each holds.
fn lists<T: Serialize>(name: &str, items: &[T]) -> Result<Vec<(Vec<u8>, u64)>, Problems> {
    let mut lists: Vec<(Vec<u8>, u64)> = Vec::new();
    for item in items {
        let json = serde_json::to_vec(item).expect("descriptor parts are plain data");
        if json.len() + 2 > limits::ATTACHMENT_BYTES {
            let expected = format!("parts of at most {} bytes as JSON", limits::ATTACHMENT_BYTES);
            return Err(Problem::error((0, 0), name, expected, json.len().to_string()).into());
        }
        match lists.last_mut() {
            // The comma before the item and the bracket at the end.
            Some((list, count)) if list.len() + json.len() + 2 <= limits::ATTACHMENT_BYTES => {
                list.push(b',');
                list.extend(json);
                *count += 1;
            }
            _ => lists.push(([b"[".as_slice(), &json].concat(), 1)),
        }
    }
    for (list, _) in &mut lists {
        list.push(b']');
    }
    Ok(lists)
}
