//! What one domain may put into its feed, and so for ever into the ledger, in a day.

use mesh_model::{Code, DomainName, UnixMs};
use mesh_proto::status::MeshError;

use crate::clock::DAY_MS;

/// The most of a day, by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayQuota {
    /// Commands.
    pub commands: u64,
    /// Bytes of their events.
    pub bytes: u64,
}

impl DayQuota {
    /// No bound: for a feed that takes nothing new.
    pub const NONE: Self = Self { commands: u64::MAX, bytes: u64::MAX };
}

/// What a domain used up of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayUse {
    day: u64,
    commands: u64,
    bytes: u64,
}

impl DayUse {
    /// With one more command of so many bytes. A clock that goes back over midnight counts on: a day is not had twice.
    ///
    /// # Errors
    /// [`Code::QuotaUsedUp`] says when there is room again: nothing happened.
    pub fn with(self, bytes: u64, now: UnixMs, quota: &DayQuota, domain: &DomainName) -> Result<Self, MeshError> {
        let day = (now / DAY_MS).max(self.day);
        let before = if day == self.day { self } else { Self { day, ..Self::default() } };
        let after = Self { day, commands: before.commands + 1, bytes: before.bytes + bytes };
        let (what, limit) = match after {
            Self { commands, .. } if commands > quota.commands => ("commands", quota.commands),
            Self { bytes, .. } if bytes > quota.bytes => ("bytes of commands", quota.bytes),
            _ => return Ok(after),
        };
        let minutes = ((day + 1) * DAY_MS).saturating_sub(now).div_ceil(60_000);
        let text = format!(
            "{domain} may seal {limit} {what} in a day; there is room again at midnight UTC, in {minutes} minutes; nothing happened"
        );
        Err(MeshError::new(Code::QuotaUsedUp, text))
    }

    /// One more command of so many bytes that was taken at this time, whatever the bound: of a day that is counted, or of a later one.
    /// Returns whether it was counted: not one of a day before.
    pub fn count(&mut self, bytes: u64, at: UnixMs) -> bool {
        let day = at / DAY_MS;
        if day > self.day {
            *self = Self { day, ..Self::default() };
        }
        let counts = day == self.day;
        if counts {
            self.commands += 1;
            self.bytes += bytes;
        }
        counts
    }

    /// `day commands bytes`, big-endian.
    pub fn to_bytes(self) -> Vec<u8> {
        [self.day, self.commands, self.bytes].iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Reads what [`DayUse::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        (bytes.len() == 24).then_some(Self { day: number(0)?, commands: number(8)?, bytes: number(16)? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_holds_so_many_commands_and_bytes_and_the_next_one_again() {
        let quota = DayQuota { commands: 3, bytes: 1_000 };
        let domain = DomainName::parse("sales").unwrap();
        let with = |used: DayUse, bytes, now| used.with(bytes, now, &quota, &domain);
        let noon = 20_000 * DAY_MS + DAY_MS / 2;
        let mut used = DayUse::default();
        for _ in 0..3 {
            used = with(used, 100, noon).unwrap();
        }
        let refused = with(used, 100, noon).unwrap_err();
        assert_eq!(refused.code, Code::QuotaUsedUp);
        assert!(refused.message.contains("3 commands") && refused.message.contains("in 720 minutes"), "{refused}");
        let next = with(used, 900, noon + DAY_MS).unwrap();
        assert_eq!(with(next, 101, noon + DAY_MS).unwrap_err().code, Code::QuotaUsedUp);
        // The clock goes back to the day before.
        assert_eq!(with(next, 101, noon).unwrap_err().code, Code::QuotaUsedUp);
        assert_eq!(DayUse::from_bytes(&next.to_bytes()), Some(next));
        assert_eq!(DayUse::from_bytes(&[0; 23]), None);
    }
}
