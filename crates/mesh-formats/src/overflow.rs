//! Parts of a descriptor that lie in attachments: their JSON, how they are taken out and put back.
//!
//! | part | the attachment is a JSON list of |
//! |---|---|
//! | texts | `{ path, text }`: a description, by its path in the descriptor |
//! | fields | `{ dataset, at, field }`: a field, by the numbers of its dataset and of its own place |
//! | ports | `{ direction, at, port }`: an input or output port, by the number of its place |
//!
//! Places count from 0 in the whole descriptor, so that putting parts back in rising order restores the lists.

use std::collections::BTreeMap;

use mesh_model::{Descriptor, Digest, Field, InputPort, OutputPort, Overflow, OverflowPart};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A description.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MovedText {
    path: String,
    text: String,
}

/// A field without a mark.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MovedField {
    dataset: usize,
    at: usize,
    field: Field,
}

/// A port.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "direction", rename_all = "lowercase")]
pub(crate) enum MovedPort {
    Input { at: usize, port: InputPort },
    Output { at: usize, port: Box<OutputPort> },
}

/// Why parts cannot be put back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The attachment is not at hand.
    #[error("expected the attachment {0}, which holds a part of the descriptor, found none")]
    Missing(Digest),
    /// The bytes are others.
    #[error("expected bytes with the digest {expected}, found {found}")]
    Digest {
        /// What the descriptor says.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// The bytes are no such part.
    #[error("expected a JSON list of {part:?}, found {why}")]
    Malformed {
        /// Which part.
        part: OverflowPart,
        /// What is wrong with it.
        why: String,
    },
    /// It holds more or fewer than the descriptor says.
    #[error("expected {expected} in the attachment, found {found}")]
    Count {
        /// What the descriptor says.
        expected: u64,
        /// How many there are.
        found: usize,
    },
    /// A part belongs to a place that the descriptor has not.
    #[error("expected a place within the descriptor, found {0}")]
    Place(String),
}

/// Takes out descriptions longer than a number of bytes.
pub(crate) fn take_texts(descriptor: &mut Descriptor, longer_than: usize) -> Vec<MovedText> {
    let mut moved = Vec::new();
    each_text(descriptor, |path, text| {
        if text.len() > longer_than {
            moved.push(MovedText { path, text: std::mem::take(text) });
        }
    });
    moved
}

/// Takes out all fields that carry no mark.
pub(crate) fn take_fields(descriptor: &mut Descriptor) -> Vec<MovedField> {
    let mut moved = Vec::new();
    for (dataset, of) in descriptor.datasets.iter_mut().enumerate() {
        for (at, field) in std::mem::take(&mut of.fields).into_iter().enumerate() {
            if field.is_marked() {
                of.fields.push(field);
            } else {
                moved.push(MovedField { dataset, at, field });
            }
        }
    }
    moved
}

/// Takes out all ports.
pub(crate) fn take_ports(descriptor: &mut Descriptor) -> Vec<MovedPort> {
    let inputs = std::mem::take(&mut descriptor.inputs).into_iter().enumerate();
    let outputs = std::mem::take(&mut descriptor.outputs).into_iter().enumerate();
    inputs
        .map(|(at, port)| MovedPort::Input { at, port })
        .chain(outputs.map(|(at, port)| MovedPort::Output { at, port: Box::new(port) }))
        .collect()
}

/// Visits every description with its path.
fn each_text(d: &mut Descriptor, mut visit: impl FnMut(String, &mut String)) {
    visit("description".into(), &mut d.description);
    for (at, support) in d.owner.support.iter_mut().enumerate() {
        visit(format!("owner.support[{at}].description"), &mut support.description);
    }
    for (at, dataset) in d.datasets.iter_mut().enumerate() {
        visit(format!("datasets[{at}].description"), &mut dataset.description);
        for (field_at, field) in dataset.fields.iter_mut().enumerate() {
            visit(format!("datasets[{at}].fields[{field_at}].description"), &mut field.description);
        }
    }
    for (at, port) in d.inputs.iter_mut().enumerate() {
        visit(format!("inputs[{at}].description"), &mut port.description);
    }
    for (at, port) in d.outputs.iter_mut().enumerate() {
        visit(format!("outputs[{at}].description"), &mut port.description);
    }
    for (at, rule) in d.quality_rules.iter_mut().enumerate() {
        visit(format!("quality_rules[{at}].description"), &mut rule.description);
    }
    for (at, metric) in d.quality.iter_mut().enumerate() {
        visit(format!("quality[{at}].description"), &mut metric.description);
    }
    for (at, level) in d.sla.iter_mut().enumerate() {
        visit(format!("sla[{at}].description"), &mut level.description);
    }
}

/// The texts of an overflow attachment, for searching.
///
/// # Errors
/// [`RestoreError::Malformed`] when the body is no such part.
pub fn overflow_text(part: OverflowPart, body: &[u8]) -> Result<Vec<String>, RestoreError> {
    let mut texts: Vec<String> = match part {
        OverflowPart::Texts => items::<MovedText>(part, body)?.into_iter().map(|moved| moved.text).collect(),
        OverflowPart::Fields => items::<MovedField>(part, body)?
            .into_iter()
            .flat_map(|MovedField { field, .. }| {
                [vec![field.name, field.description], Vec::from_iter(field.term)].concat()
            })
            .collect(),
        OverflowPart::Ports => items::<MovedPort>(part, body)?.into_iter().flat_map(port_texts).collect(),
    };
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}

fn port_texts(moved: MovedPort) -> Vec<String> {
    match moved {
        MovedPort::Input { port, .. } => vec![port.name.to_string(), port.source.to_string(), port.description],
        MovedPort::Output { port, .. } => {
            let mut texts = vec![port.name.to_string(), port.description];
            texts.extend([port.format, port.location, port.topic, port.protocol].into_iter().flatten());
            texts
        }
    }
}

fn items<T: DeserializeOwned>(part: OverflowPart, body: &[u8]) -> Result<Vec<T>, RestoreError> {
    serde_json::from_slice(body).map_err(|error| RestoreError::Malformed { part, why: error.to_string() })
}

/// Puts the parts back that lie in attachments, given by digest; the result names no overflow and no attachment of it.
///
/// # Errors
/// [`RestoreError`] when an attachment is missing, not the one that the descriptor names, or does not fit into it.
pub fn restore(descriptor: &Descriptor, bodies: &BTreeMap<Digest, Vec<u8>>) -> Result<Descriptor, RestoreError> {
    let (mut texts, mut fields, mut ports) = (Vec::new(), Vec::new(), Vec::new());
    for overflow in &descriptor.overflow {
        let body = body(overflow, bodies)?;
        match overflow.part {
            OverflowPart::Texts => texts.extend(counted::<MovedText>(overflow, body)?),
            OverflowPart::Fields => fields.extend(counted::<MovedField>(overflow, body)?),
            OverflowPart::Ports => ports.extend(counted::<MovedPort>(overflow, body)?),
        }
    }

    let mut whole = descriptor.clone();
    whole.overflow.clear();
    whole.attachments.retain(|attachment| !descriptor.overflow.iter().any(|o| o.digest == attachment.digest));
    put_ports(&mut whole, ports)?;
    put_fields(&mut whole, fields)?;
    put_texts(&mut whole, texts)?;
    Ok(whole)
}

fn body<'a>(overflow: &Overflow, bodies: &'a BTreeMap<Digest, Vec<u8>>) -> Result<&'a [u8], RestoreError> {
    let body = bodies.get(&overflow.digest).ok_or(RestoreError::Missing(overflow.digest))?;
    let found = Digest::of(body);
    if found != overflow.digest {
        return Err(RestoreError::Digest { expected: overflow.digest, found });
    }
    Ok(body)
}

fn counted<T: DeserializeOwned>(overflow: &Overflow, body: &[u8]) -> Result<Vec<T>, RestoreError> {
    let items = items(overflow.part, body)?;
    if items.len() as u64 != overflow.count {
        return Err(RestoreError::Count { expected: overflow.count, found: items.len() });
    }
    Ok(items)
}

fn put_ports(whole: &mut Descriptor, ports: Vec<MovedPort>) -> Result<(), RestoreError> {
    let (mut inputs, mut outputs) = (BTreeMap::new(), BTreeMap::new());
    for moved in ports {
        match moved {
            MovedPort::Input { at, port } => _ = inputs.insert(at, port),
            MovedPort::Output { at, port } => _ = outputs.insert(at, *port),
        }
    }
    whole.inputs = merged("inputs", std::mem::take(&mut whole.inputs), inputs)?;
    whole.outputs = merged("outputs", std::mem::take(&mut whole.outputs), outputs)?;
    Ok(())
}

fn put_fields(whole: &mut Descriptor, fields: Vec<MovedField>) -> Result<(), RestoreError> {
    let mut by_dataset: BTreeMap<usize, BTreeMap<usize, Field>> = BTreeMap::new();
    for moved in fields {
        by_dataset.entry(moved.dataset).or_default().insert(moved.at, moved.field);
    }
    for (at, fields) in by_dataset {
        let path = format!("datasets[{at}].fields");
        let dataset = whole.datasets.get_mut(at).ok_or_else(|| RestoreError::Place(path.clone()))?;
        dataset.fields = merged(&path, std::mem::take(&mut dataset.fields), fields)?;
    }
    Ok(())
}

/// One list of what stayed, in its order, and of what was moved, at its places.
fn merged<T>(path: &str, stayed: Vec<T>, mut moved: BTreeMap<usize, T>) -> Result<Vec<T>, RestoreError> {
    let length = stayed.len() + moved.len();
    let mut stayed = stayed.into_iter();
    let list: Vec<T> = (0..length).map_while(|at| moved.remove(&at).or_else(|| stayed.next())).collect();
    match moved.keys().next() {
        Some(at) => Err(RestoreError::Place(format!("{path}[{at}]"))),
        None => Ok(list),
    }
}

fn put_texts(whole: &mut Descriptor, texts: Vec<MovedText>) -> Result<(), RestoreError> {
    let mut by_path: BTreeMap<String, String> = texts.into_iter().map(|moved| (moved.path, moved.text)).collect();
    each_text(whole, |path, text| {
        if let Some(moved) = by_path.remove(&path) {
            *text = moved;
        }
    });
    by_path.into_keys().next().map_or(Ok(()), |path| Err(RestoreError::Place(path)))
}
