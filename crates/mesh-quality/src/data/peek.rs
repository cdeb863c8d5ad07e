//! What the first bytes of a file say: a file of another format is told before anything parses it.

use bytes::Bytes;
use object_store::ObjectStoreExt as _;

use super::listing::{DataFile, Listing};
use super::store::words;
use crate::error::ReadError;
use crate::format::Format;

/// How much of a file is looked at. A header line has to fit.
pub(super) const HEAD: u64 = 1 << 20;
/// What Windows puts before text.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";
const PARQUET: &[u8] = b"PAR1";

/// What files of other formats begin with.
const MARKS: [(&[u8], &str); 9] = [
    (PARQUET, "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive (an Excel workbook is one)"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"Obj\x01", "Avro"),
    (b"ARROW1\0", "Arrow"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
];

/// The first bytes of a file, of the format that the listing says.
pub(super) async fn head(listing: &Listing, file: &DataFile) -> Result<Bytes, ReadError> {
    let end = file.meta.size.min(HEAD);
    let read = |from: u64, to: u64| listing.store.objects.get_range(&file.meta.location, from..to);
    let error = |e: object_store::Error| ReadError::new(&file.name, words(&e));
    let head = read(0, end).await.map_err(error)?;
    check(listing.format, &head).map_err(|why| ReadError::new(&file.name, why))?;
    if listing.format == Format::Parquet {
        let size = file.meta.size;
        let tail = read(size.saturating_sub(8), size).await.map_err(error)?;
        let Some((length, PARQUET)) = tail.split_first_chunk().filter(|_| size >= 12) else {
            let why = "was cut off: expected PAR1 at the end of Parquet; found something else";
            return Err(ReadError::new(&file.name, why));
        };
        // Its reader trusts this number.
        let footer = u64::from(u32::from_le_bytes(*length));
        if footer > size - 12 {
            let why = format!("is no Parquet that can be read: its footer would have {footer} bytes, of {size} in all");
            return Err(ReadError::new(&file.name, why));
        }
    }
    Ok(head)
}

fn check(format: Format, head: &[u8]) -> Result<(), String> {
    let mark = MARKS.iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, what)| *what);
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    let is_json = text.starts_with(b"{") || text.starts_with(b"[");
    let is_list_of_objects = text.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    let found = match format {
        Format::Parquet if head.starts_with(PARQUET) => return Ok(()),
        Format::Parquet => mark.unwrap_or(if is_json { "JSON" } else { "something else, perhaps text" }),
        _ if mark.is_some() => mark.unwrap_or_default(),
        _ if head.contains(&0) => "bytes that are no text",
        _ if text.is_empty() => "white space",
        Format::Json if is_json => return Ok(()),
        Format::Json => "something else, perhaps CSV",
        Format::Csv if text.starts_with(b"{") || is_list_of_objects => "JSON",
        Format::Csv => return Ok(()),
    };
    Err(format!("is not {format}: expected {format}; found {found}"))
}

/// How many bytes of a byte order mark to leave out.
pub(super) fn bom(head: &[u8]) -> u64 {
    if head.starts_with(BOM) { 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_another_format_are_told() {
        for (format, head, found) in [
            (Format::Csv, &b"PAR1xxxx"[..], Some("Parquet")),
            (Format::Csv, b" {\"a\": 1}", Some("JSON")),
            (Format::Csv, b"[\n {\"a\": 1}]", Some("JSON")),
            (Format::Csv, b"\x1f\x8b\x08", Some("gzip")),
            (Format::Csv, b"a\0b", Some("no text")),
            (Format::Csv, b"id,name\n", None),
            (Format::Csv, b"\xef\xbb\xbfid,name\n", None),
            (Format::Json, b"id,name\n", Some("perhaps CSV")),
            (Format::Json, b"\xef\xbb\xbf [1]", None),
            (Format::Json, b"{}", None),
            (Format::Parquet, b"{}", Some("JSON")),
            (Format::Parquet, b"id,name\n", Some("perhaps text")),
            (Format::Parquet, b"PAR1", None),
        ] {
            let why = check(format, head).err();
            let is_told = why.as_deref().map(|why| found.is_some_and(|found| why.contains(found)));
            assert_eq!(is_told, found.map(|_| true), "{format} {head:?}: {why:?}");
        }
    }
}
