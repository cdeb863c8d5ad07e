//! Stands in for what a program asks of its system that is different each time: the clocks and random bytes.
//!
//! A simulation runs on one thread. On that thread `clock_gettime` and `getrandom` are answered here, by symbols that come before
//! libc's: so every `Instant`, `SystemTime`, `HashMap`, every draw of a dependency follows the seed and virtual time, and the production
//! modules need no clock to be handed in. Threads that libraries make for themselves (those of the search index) see the system's.
//!
//! Between two turns of machines the clock stands at the world's time. While a machine has its turn it is its runtime's, which is
//! paused and goes on from timer to timer; its wall clock may be wrong by a skew.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// Wall time at the world's beginning: 2026-01-01T00:00:00Z, in seconds since 1970.
const EPOCH_S: u64 = 1_767_225_600;
/// What the monotonic clock says then: far enough from zero for durations to be subtracted.
const MONOTONIC_S: u64 = 1_000_000;

#[derive(Clone, Copy)]
enum Whose {
    /// The system's own.
    System,
    /// Nobody has a turn.
    World,
    /// A machine's, with the skew of its wall clock in milliseconds.
    Machine { skew_ms: i64 },
}

thread_local! {
    static WHOSE: Cell<Whose> = const { Cell::new(Whose::System) };
    /// The world's time while nobody has a turn.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// What `Instant::now` gives at the world's beginning.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether the runtime's clock is being asked, which may ask the system's.
    static ASKING: Cell<bool> = const { Cell::new(false) };
    static DRAWS: RefCell<Option<Xoshiro256PlusPlus>> = const { RefCell::new(None) };
}

/// From here on this thread is a world of its own. Call it before anything on the thread asked for randomness: what was drawn before
/// is not the seed's.
pub fn begin(seed: u64) {
    DRAWS.with_borrow_mut(|draws| *draws = Some(Xoshiro256PlusPlus::seed_from_u64(seed)));
    NOW.set(Duration::ZERO);
    WHOSE.set(Whose::World);
    BEGAN.set(Some(Instant::now()));
    // The linker takes these from here only if somebody needs them.
    std::hint::black_box((clock_gettime as *const (), getrandom as *const ()));
}

/// Sets the world's time.
pub fn set_now(now: Duration) {
    NOW.set(now);
}

/// Time since the world began: the machine's while it has its turn, else the world's.
pub fn now() -> Duration {
    let Some(began) = BEGAN.get() else { return Duration::ZERO };
    if !matches!(WHOSE.get(), Whose::Machine { .. }) || ASKING.replace(true) {
        return NOW.get();
    }
    let now = tokio::time::Instant::now().into_std().saturating_duration_since(began);
    ASKING.set(false);
    now
}

/// Right wall time now, in milliseconds since 1970.
pub fn unix_ms() -> u64 {
    EPOCH_S * 1_000 + u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
}

/// Gives a machine its turn: inside of `turn`, clocks are its runtime's.
pub fn on_machine<T>(skew_ms: i64, turn: impl FnOnce() -> T) -> T {
    struct Back(Whose);
    impl Drop for Back {
        fn drop(&mut self) {
            WHOSE.set(self.0);
        }
    }
    let _back = Back(WHOSE.replace(Whose::Machine { skew_ms }));
    turn()
}

/// What a simulated clock says; `None` for another clock, and off the simulation's thread.
fn simulated(clock: libc::clockid_t) -> Option<Duration> {
    let whose = WHOSE.try_with(Cell::get).ok()?;
    let skew_ms = match whose {
        Whose::System => return None,
        Whose::World => 0,
        Whose::Machine { skew_ms } => skew_ms,
    };
    match clock {
        libc::CLOCK_MONOTONIC | libc::CLOCK_MONOTONIC_RAW | libc::CLOCK_MONOTONIC_COARSE | libc::CLOCK_BOOTTIME => {
            Some(Duration::from_secs(MONOTONIC_S) + now())
        }
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => {
            let right = Duration::from_secs(EPOCH_S) + now();
            let skew = Duration::from_millis(skew_ms.unsigned_abs());
            Some(if skew_ms < 0 { right.saturating_sub(skew) } else { right + skew })
        }
        _ => None,
    }
}

/// libc's, but for the simulation's thread.
///
/// # Safety
/// As libc's: `out` is valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, out: *mut libc::timespec) -> libc::c_int {
    if let Some(now) = simulated(clock) {
        let seconds = libc::time_t::try_from(now.as_secs()).unwrap_or(libc::time_t::MAX);
        let time = libc::timespec { tv_sec: seconds, tv_nsec: libc::c_long::from(now.subsec_nanos()) };
        // SAFETY: the caller's promise.
        unsafe { out.write(time) };
        return 0;
    }
    // SAFETY: the caller's promise; this is what libc's own does without its fast path.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, out) };
    libc::c_int::try_from(answer).unwrap_or(-1)
}

/// libc's, but for the simulation's thread.
///
/// # Safety
/// As libc's: `out` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(out: *mut libc::c_void, length: usize, flags: libc::c_uint) -> libc::ssize_t {
    let drawn = DRAWS.try_with(|draws| {
        let Ok(mut draws) = draws.try_borrow_mut() else { return false };
        let Some(draws) = draws.as_mut() else { return false };
        // SAFETY: the caller's promise. The bytes are written before they are read.
        let bytes = unsafe {
            std::ptr::write_bytes(out.cast::<u8>(), 0, length);
            std::slice::from_raw_parts_mut(out.cast::<u8>(), length)
        };
        draws.fill_bytes(bytes);
        true
    });
    if drawn == Ok(true) {
        return libc::ssize_t::try_from(length).unwrap_or(libc::ssize_t::MAX);
    }
    // SAFETY: the caller's promise.
    let answer = unsafe { libc::syscall(libc::SYS_getrandom, out, length, flags) };
    libc::ssize_t::try_from(answer).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher as _;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn world<T: Send + 'static>(seed: u64, look: impl FnOnce() -> T + Send + 'static) -> T {
        let alone = std::thread::spawn(move || {
            begin(seed);
            look()
        });
        alone.join().expect("it ends")
    }

    #[test]
    fn a_seed_decides_how_hash_maps_are_ordered_and_what_is_drawn() {
        let look = || (std::collections::hash_map::RandomState::new().hash_one(7), mesh_client::command::random_salt());
        assert_eq!(world(1, look), world(1, look));
        assert_ne!(world(1, look), world(2, look));
    }

    #[test]
    fn clocks_stand_still_and_a_machine_s_go_on_with_its_runtime() {
        world(1, || {
            let (instant, wall) = (Instant::now(), SystemTime::now());
            set_now(Duration::from_secs(5));
            assert_eq!(instant.elapsed(), Duration::from_secs(5));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let runtime = runtime.expect("a runtime");
            on_machine(-60_000, || {
                runtime.block_on(async {
                    tokio::time::sleep(Duration::from_hours(1)).await;
                    let hour = Duration::from_hours(1);
                    assert_eq!(now(), Duration::from_secs(5) + hour);
                    assert_eq!(instant.elapsed(), Duration::from_secs(5) + hour);
                    let passed = SystemTime::now().duration_since(wall);
                    assert_eq!(passed.ok(), (Duration::from_secs(5) + hour).checked_sub(Duration::from_mins(1)));
                });
            });
            assert_eq!(instant.elapsed(), Duration::from_secs(5));
            assert_eq!(wall.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).ok(), Some(EPOCH_S));
        });
        assert!(SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() > EPOCH_S));
    }
}
