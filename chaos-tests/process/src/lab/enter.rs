//! The way into namespaces of the run's own.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::run::run;

/// Tells the program that it is inside already.
const INSIDE: &str = "CHAOS_LAB_INSIDE";
/// Everything that a laboratory is made with.
const PROGRAMS: [&str; 7] = ["unshare", "ip", "nft", "mount", "umount", "env", "gcc"];
/// Programs of administrators, which not every shell has on its path.
const SBIN: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Tables, drops by chance, counters, address translation and resets: all that faults are made of.
const TRIAL: &str = "ip netns add trial && ip netns exec trial nft 'add table inet t
add chain inet t i { type filter hook prerouting priority -300; }
add rule inet t i numgen random mod 100 < 5 counter drop
add chain inet t n { type nat hook output priority -100; }
add rule inet t n ip daddr 10.0.0.1 tcp dport 1 counter dnat ip to 10.0.0.2:2
add chain inet t o { type filter hook output priority 0; }
add rule inet t o ip daddr 10.0.0.1 tcp dport 1 counter reject with tcp reset'";

/// Why no laboratory can be built here; `None` when one can.
pub fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("namespaces, disks and packet filters need root".into());
    }
    let path = path();
    for program in PROGRAMS {
        if !path.split(':').any(|folder| Path::new(folder).join(program).is_file()) {
            return Some(format!(
                "there is no {program} (Debian: apt-get install iproute2 nftables util-linux gcc libc6-dev)"
            ));
        }
    }
    let script = format!("export PATH='{path}' && mount -t tmpfs tmpfs /run && mkdir /run/netns && {TRIAL}");
    let arguments = [&ISOLATE[..], &["--", "sh", "-c", &script]].concat();
    run("unshare", &arguments).err().map(|error| format!("this kernel or container does not let it: {error:#}"))
}

/// Namespaces for mounts, network and processes; the program is the first process in there, and when it or `unshare` ends, everything in
/// there does.
const ISOLATE: [&str; 8] =
    ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private"];

/// Whether this process is inside.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some() && std::process::id() == 1
}

/// Becomes the same program with the same arguments, inside. Returns only when that fails.
///
/// # Errors
/// Why it failed.
pub fn enter() -> Result<()> {
    let own = env::current_exe().context("this program does not know where it is")?;
    let error = Command::new("unshare")
        .args(ISOLATE)
        .arg("--")
        .arg(own)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .env("PATH", path())
        .exec();
    Err(error).context("cannot become unshare")
}

fn path() -> String {
    let own = env::var("PATH").unwrap_or_default();
    if own.is_empty() { format!("/usr/bin:/bin:{SBIN}") } else { format!("{own}:{SBIN}") }
}
