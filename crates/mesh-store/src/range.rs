//! Ranges of keys and pages of them.

/// Keys from `start` on, up to but without `end` (no `end`: to the last key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// The keys `start <= key < end`; none when `end <= start`.
    pub fn new(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// All keys.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        let mut end = start.clone();
        // The first key after all with this prefix: drop the 0xFF at its end, add one to what is last then.
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { start, end: Some(end) };
            }
        }
        Self { start, end: None }
    }

    /// The first key that may be in the range.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The first key after the range; `None` where it goes to the last key.
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start() && self.end().is_none_or(|end| key < end)
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.end().is_some_and(|end| end <= self.start())
    }

    /// The part of the range after `key`: where the next page starts.
    #[must_use]
    pub fn after(&self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        Self { start: start.max(self.start.clone()), end: self.end.clone() }
    }

    /// The part of the range from `key` on.
    #[must_use]
    pub fn from(&self, key: &[u8]) -> Self {
        Self { start: key.to_vec().max(self.start.clone()), end: self.end.clone() }
    }

    /// The part of the range below `key`.
    #[must_use]
    pub fn below(&self, key: &[u8]) -> Self {
        let end = match self.end() {
            Some(end) => end.min(key),
            None => key,
        };
        Self { start: self.start.clone(), end: Some(end.to_vec()) }
    }
}

/// How much of a range to read, and from which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The most entries to return.
    pub limit: usize,
    /// From the last key down instead of from the first up.
    pub reverse: bool,
}

impl Page {
    /// The first `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { limit, reverse: false }
    }

    /// The last `limit` entries, last first.
    pub fn last(limit: usize) -> Self {
        Self { limit, reverse: true }
    }
}
