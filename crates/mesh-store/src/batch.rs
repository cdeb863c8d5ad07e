//! What one commit changes.

use std::collections::BTreeMap;

use crate::marks::Marks;
use crate::range::KeyRange;

/// Keys and what becomes of them.
pub(crate) type WriteMap = BTreeMap<Vec<u8>, Write>;

/// What becomes of a key.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// A value for a key that has none: what was there before need not be looked up.
    New(Vec<u8>),
    /// A value, in place of what was there.
    Set(Vec<u8>),
    /// No value any more.
    Delete,
}

impl Write {
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self {
            Self::New(value) | Self::Set(value) => Some(value),
            Self::Delete => None,
        }
    }
}

/// Changes that happen together or not at all. The last write to a key wins; a cleared range takes away what the store held *and*
/// what was put earlier in this batch, not what is put later.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    writes: WriteMap,
    cleared: Vec<KeyRange>,
    marks: Marks,
    bytes: usize,
}

impl Batch {
    /// A batch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len();
        self.writes.insert(key, Write::Set(value));
    }

    /// [`Batch::put`] for a key that has no value, which spares a read. If it has one after all, the new value is in its place, and of
    /// a long old one some chunks may stay behind that nobody reads.
    pub fn put_new(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len();
        // A key that this batch deleted first may have a value in the store.
        let write = if self.writes.contains_key(&key) { Write::Set(value) } else { Write::New(value) };
        self.writes.insert(key, write);
    }

    /// Removes `key`.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        let key = key.into();
        self.bytes += key.len();
        self.writes.insert(key, Write::Delete);
    }

    /// Removes every key in `range`. The keys are looked up when the batch is applied: bound the range where it may hold many.
    pub fn delete_range(&mut self, range: KeyRange) {
        self.writes.retain(|key, _| !range.contains(key));
        self.bytes += range.start().len();
        self.cleared.push(range);
    }

    /// Adds what `later` does after what this one does.
    pub fn append(&mut self, later: Batch) {
        for range in later.cleared {
            self.writes.retain(|key, _| !range.contains(key));
            self.cleared.push(range);
        }
        for (key, write) in later.writes {
            let write = match write {
                Write::New(value) if self.writes.contains_key(&key) => Write::Set(value),
                write => write,
            };
            self.writes.insert(key, write);
        }
        self.marks.append(later.marks);
        self.bytes += later.bytes;
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.cleared.is_empty()
    }

    /// About how many bytes the batch holds; overwritten values count too.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The keys and their new values (`None`: removed), by key.
    pub fn writes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(key, write)| (key.as_slice(), write.value()))
    }

    /// The ranges to clear before [`Batch::writes`].
    pub fn cleared(&self) -> &[KeyRange] {
        &self.cleared
    }

    /// The new value of `key`, `Some(None)` where it is removed, `None` where the batch says nothing about it.
    pub fn written(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes.get(key).map(Write::value)
    }

    /// What the HEAD file is to learn once this batch is durable.
    pub(crate) fn marks_mut(&mut self) -> &mut Marks {
        &mut self.marks
    }

    /// Takes the marks out, so that they can wait for the sync.
    pub(crate) fn take_marks(&mut self) -> Marks {
        std::mem::take(&mut self.marks)
    }

    /// The writes and cleared ranges, by value.
    pub(crate) fn into_parts(self) -> (WriteMap, Vec<KeyRange>) {
        (self.writes, self.cleared)
    }
}
