//! What the tests of pages share: their code blocks, a shell, waiting, HTTP, a mesh of `mesh up`.

pub(crate) mod http;
pub(crate) mod local_mesh;
pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod shell;
pub(crate) mod walk;

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within a minute and a half: debug builds on a busy machine are slow, not that slow.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) => assert!(Instant::now() < deadline, "{what}: not in time: {reason}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
