//! JSON: one object after the other, or one array of them. All records are looked at before any is read, for the columns of a table are those of all
//! of its records.

use std::cell::Cell;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion_datasource_json::utils::JsonArrayToNdjsonReader;
use serde_json::{Deserializer, Value};
use tokio_util::sync::CancellationToken;

use super::ROW_BYTES;
use super::peek::BOM;
use super::shape::Shapes;

/// Whether a file is one array of objects, by its first bytes.
pub(super) fn is_array(head: &[u8]) -> bool {
    head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start().starts_with(b"[")
}

/// Looks at all records, and says how many there are.
pub(super) fn scan(
    source: impl BufRead,
    is_array: bool,
    shapes: &mut Shapes,
    stop: &CancellationToken,
) -> Result<u64, String> {
    if !is_array {
        return records(source, shapes, stop);
    }
    let mut objects = JsonArrayToNdjsonReader::new(source);
    let count = records(&mut objects, shapes, stop)?;
    objects.validate_complete().map_err(|e| format!("is no proper JSON: {e}"))?;
    Ok(count)
}

fn records(source: impl Read, shapes: &mut Shapes, stop: &CancellationToken) -> Result<u64, String> {
    let left = Rc::new(Cell::new(ROW_BYTES));
    let source = Measured { source, left: Rc::clone(&left) };
    let mut count = 0_u64;
    for record in Deserializer::from_reader(source).into_iter::<Value>() {
        count += 1;
        let record = record.map_err(|e| format!("is no proper JSON at record {count}: {}", words(&e)))?;
        shapes.add(&record).map_err(|why| format!("{why} (record {count})"))?;
        left.set(ROW_BYTES);
        if stop.is_cancelled() {
            return Err("was not read to its end".to_owned());
        }
    }
    Ok(count)
}

/// Ends a record that has no end, before it is all in memory.
struct Measured<R> {
    source: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        match self.left.get().checked_sub(read) {
            Some(left) => self.left.set(left),
            None => return Err(std::io::Error::other(format!("a record of more than {ROW_BYTES} bytes"))),
        }
        Ok(read)
    }
}

/// The library's words, without its lines: those of an array are not those of the file.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if text.contains("recursion limit") { "it is nested more than 128 deep".to_owned() } else { text.to_owned() }
}

/// Reads columns in batches of so many rows, until told to stop.
pub(super) fn read(
    source: impl BufRead,
    is_array: bool,
    columns: SchemaRef,
    rows: usize,
    take: impl FnMut(&RecordBatch) -> ControlFlow<()>,
) -> Result<(), String> {
    if is_array {
        batches(JsonArrayToNdjsonReader::new(source), columns, rows, take)
    } else {
        batches(source, columns, rows, take)
    }
}

fn batches(
    mut source: impl BufRead,
    columns: SchemaRef,
    rows: usize,
    mut take: impl FnMut(&RecordBatch) -> ControlFlow<()>,
) -> Result<(), String> {
    // All records were looked at: what is left to go wrong is a file that changed since. Arrow's words would hold values.
    let error = |_: ArrowError| "changed while it was read, or is no proper JSON".to_owned();
    // Numbers and booleans among text are text.
    let builder = ReaderBuilder::new(columns).with_batch_size(rows).with_coerce_primitive(true);
    let mut decoder = builder.build_decoder().map_err(error)?;
    loop {
        let bytes = source.fill_buf().map_err(|e| format!("cannot be read: {e}"))?;
        let (found, is_end) = (bytes.len(), bytes.is_empty());
        let read = decoder.decode(bytes).map_err(error)?;
        source.consume(read);
        if !is_end && read == found {
            continue;
        }
        if let Some(batch) = decoder.flush().map_err(error)?
            && take(&batch).is_break()
        {
            return Ok(());
        }
        if is_end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;

    use super::*;

    fn rows(text: &str) -> Result<(u64, usize), String> {
        let (array, mut shapes) = (is_array(text.as_bytes()), Shapes::default());
        let counted = scan(text.as_bytes(), array, &mut shapes, &CancellationToken::new())?;
        let mut rows = 0;
        read(text.as_bytes(), array, Arc::new(Schema::new(shapes.fields())), 2, |batch| {
            rows += batch.num_rows();
            ControlFlow::Continue(())
        })?;
        Ok((counted, rows))
    }

    #[test]
    fn records_stand_on_lines_or_in_an_array() {
        for (text, expected) in [
            ("{\"a\": 1}\n{\"a\": \"x\"}\n{\"b\": {\"c\": [1]}}\n", 3),
            ("{\"a\":\n 1}\n", 1),
            ("[{\"a\": 1},\n {\"a\": 2},\n {\"a\": 3}, {\"a\": 4}]\n", 4),
            ("[]", 0),
            ("[{\"a\": \"]},{\"}]", 1),
        ] {
            let (counted, rows) = rows(text).unwrap();
            assert_eq!((counted, rows), (expected, usize::try_from(expected).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_without_its_values() {
        for (text, why) in [
            ("[{\"a\": 1}", "expected closing bracket"),
            ("[{\"a\": 1}] x", "trailing"),
            ("{\"a\": 1}\n{\"a\": \"secret", "record 2"),
            ("{\"a\": 1}\nsecret", "record 2"),
            ("1\n", "expected an object"),
        ] {
            let error = rows(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{text}: {error}");
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(rows(&deep).unwrap_err().contains("nested more than 128 deep"));
        let long = format!("{{\"a\": \"{}", "x".repeat(ROW_BYTES + 1));
        assert!(rows(&long).unwrap_err().contains("a record of more than"));
    }
}
