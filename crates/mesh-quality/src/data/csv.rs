//! CSV: a header line that names the columns, and values that are text until their declared types are known.

use std::io::BufRead;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;

use super::peek::{BOM, HEAD};
use super::{COLUMNS, ROW_BYTES, rows_of_batch};

/// What is tried as the separator; the one that stands most often in the header line is it.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How one file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) columns: Arc<[String]>,
    separator: u8,
    /// Rows of a batch.
    rows: usize,
}

impl Layout {
    /// Reads a file's header line.
    pub(super) fn of(head: &[u8]) -> Result<Self, String> {
        let head = head.strip_prefix(BOM).unwrap_or(head);
        let separator = separator(head);
        let format = Format::default().with_header(true).with_delimiter(separator);
        let (schema, _) =
            format.infer_schema(head, Some(0)).map_err(|e| format!("has no header line: {}", words(&e)))?;
        let columns: Arc<[String]> = schema.fields().iter().map(|field| field.name().trim().to_owned()).collect();
        let bytes: usize = columns.iter().map(String::len).sum();
        if u64::try_from(bytes).is_ok_and(|bytes| bytes + 1_024 > HEAD) {
            return Err("has a header line of more than a megabyte: expected names of columns".to_owned());
        }
        if columns.len() > COLUMNS {
            return Err(format!("has {} columns: expected at most {COLUMNS}", columns.len()));
        }
        for (at, column) in columns.iter().enumerate() {
            if column.is_empty() {
                return Err(format!("has no name for column {} in its header line", at + 1));
            }
            if columns.iter().take(at).any(|other| other == column) {
                return Err(format!("has the column '{column}' twice in its header line"));
            }
        }
        let lines = head.split(|byte| *byte == b'\n').count();
        Ok(Self { rows: rows_of_batch(columns.len(), head.len() / lines), columns, separator })
    }

    /// Reads some of the columns, by their numbers, in batches, until told to stop.
    pub(super) fn read(
        &self,
        mut source: impl BufRead,
        columns: &[usize],
        mut take: impl FnMut(&RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let mut decoder = ReaderBuilder::new(texts(&self.columns))
            .with_header(true)
            .with_delimiter(self.separator)
            .with_batch_size(self.rows)
            .with_projection(columns.to_vec())
            .build_decoder();
        let (mut room, mut since) = (decoder.capacity(), 0);
        loop {
            let bytes = source.fill_buf().map_err(|e| format!("cannot be read: {e}"))?;
            let read = decoder.decode(bytes).map_err(|e| words(&e))?;
            source.consume(read);
            // A quotation mark that is never closed makes one row of the rest of the file.
            since = if decoder.capacity() == room { since + read } else { 0 };
            room = decoder.capacity();
            if since > ROW_BYTES {
                return Err(format!("has a row of more than {ROW_BYTES} bytes: is a quotation mark not closed?"));
            }
            if read > 0 && room > 0 {
                continue;
            }
            match decoder.flush().map_err(|e| words(&e))? {
                Some(batch) if take(&batch).is_continue() => room = decoder.capacity(),
                _ => return Ok(()),
            }
        }
    }
}

/// Columns of text.
pub(super) fn texts(columns: &[String]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>()))
}

fn separator(head: &[u8]) -> u8 {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in head {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            byte if !is_quoted => {
                if let Some(at) = SEPARATORS.iter().position(|separator| separator == byte) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    // The first of those that stand there equally often.
    let most = counts.iter().max().copied().unwrap_or_default();
    let at = counts.iter().position(|count| *count == most).unwrap_or_default();
    SEPARATORS[at]
}

/// Arrow says lines and numbers of fields, never values.
fn words(error: &ArrowError) -> String {
    match error {
        ArrowError::CsvError(why) => format!("is no proper CSV: {why}"),
        other => format!("is no proper CSV: {other}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn header_lines_say_columns_and_separator() {
        for (head, separator, columns) in [
            ("id,name\n1,x", b',', ["id", "name"]),
            ("id;name\n1,5;x", b';', ["id", "name"]),
            ("id\tname", b'\t', ["id", "name"]),
            ("\"a,b\";c\n", b';', ["a,b", "c"]),
            ("\u{feff}id, name\r\n", b',', ["id", "name"]),
        ] {
            let layout = Layout::of(head.as_bytes()).unwrap();
            assert_eq!((layout.separator, layout.columns.to_vec()), (separator, columns.map(str::to_owned).to_vec()));
        }
        for (head, why) in [("id,id\n", "twice"), ("id,,x\n", "no name for column 2")] {
            let error = Layout::of(head.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let wide = (0..=COLUMNS).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
        assert!(Layout::of(wide.as_bytes()).unwrap_err().contains("at most 5000"), "{wide}");
    }

    fn rows(text: &str) -> Result<usize, String> {
        let layout = Layout::of(text.as_bytes()).unwrap();
        let mut rows = 0;
        layout.read(text.as_bytes(), &[0], |batch| {
            rows += batch.num_rows();
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    #[test]
    fn rows_are_read_whole_or_the_line_is_named() {
        assert_eq!(rows("id,name\n1,x\n2,\"a\nb\"\n3,"), Ok(3));
        assert_eq!(rows("id,name\n"), Ok(0));
        assert_eq!(rows("id,name"), Ok(0));
        assert!(rows("id,name\n1,x\n2\n").unwrap_err().contains("line 3"));
        assert!(rows("id,name\n1,x,y\n").unwrap_err().contains("line 2"));
        let open = format!("id,name\n1,\"{}", "x\n".repeat(ROW_BYTES));
        assert!(rows(&open).unwrap_err().contains("quotation mark"));
    }
}
