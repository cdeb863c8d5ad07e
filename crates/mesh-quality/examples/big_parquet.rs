//! Writes a large Parquet file of customers, to measure with: `big_parquet PATH GIB`.
//!
//! Ids are unique, and one address in 100,000 has no @. What makes the size are numbers that do not pack, made by a generator with a fixed seed, so
//! every run writes the same rows. One row group is in memory at a time.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringBuilder, TimestampMillisecondArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;

/// Rows of a batch, and of a row group.
const BATCH: i64 = 32_768;
const GROUP: usize = 524_288;
/// One address in so many is none.
const BAD: i64 = 100_000;
/// 2020-01-01T00:00Z.
const FIRST_MS: i64 = 1_577_836_800_000;
const COUNTRIES: [&str; 8] = ["AT", "BE", "CH", "DE", "ES", "FR", "IT", "NL"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(gib)) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        return Err("expected a path and a number of GiB, such as big.parquet 5".into());
    };
    let bytes = gib.parse::<usize>()?.checked_mul(1 << 30).ok_or("so much is not written")?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let first = batch(0, &mut random)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(&path)?, first.schema(), Some(properties))?;
    writer.write(&first)?;
    let mut rows = BATCH;
    while writer.bytes_written() + writer.in_progress_size() < bytes {
        writer.write(&batch(rows, &mut random)?)?;
        rows += BATCH;
    }
    writer.close()?;
    let size = std::fs::metadata(&path)?.len();
    println!("{}: {rows} rows, {size} bytes, {} addresses without @", path.display(), rows.div_euclid(BAD));
    Ok(())
}

/// The rows from an id on.
fn batch(first: i64, random: &mut Random) -> Result<RecordBatch, Box<dyn Error>> {
    let ids = || first..first + BATCH;
    let (mut emails, mut names, mut notes) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let mut countries = StringBuilder::new();
    for id in ids() {
        let (word, other) = (random.number(), random.number());
        // The last of each hundred thousand.
        let at = if id % BAD == BAD - 1 { "" } else { "@" };
        emails.append_value(format!("c{word:016x}{at}mail{}.example.com", other % 1_000));
        names.append_value(format!("Name{:x}", other >> 32));
        notes.append_value(format!("{word:016x}{other:016x}{:016x}", random.number()));
        countries.append_value(COUNTRIES[usize::try_from(id.rem_euclid(8))?]);
    }
    let mut amounts = Vec::new();
    for _ in ids() {
        amounts.push(f64::from(u32::try_from(random.number() >> 40)?) / 100.0);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("email", Arc::new(emails.finish())),
        ("last_name", Arc::new(names.finish())),
        ("country", Arc::new(countries.finish())),
        ("amount", Arc::new(Float64Array::from(amounts))),
        ("created_at", Arc::new(TimestampMillisecondArray::from_iter_values(ids().map(|id| FIRST_MS + id)))),
        ("note", Arc::new(notes.finish())),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// SplitMix64: as quick as memory, and random enough not to pack.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
