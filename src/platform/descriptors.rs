//! How many files and sockets this process may have open at once.

/// Raises the limit as far as this process may: systems start programs with a thousand, and each session takes two. Tells
/// the limit; nothing where the system has none.
#[cfg(unix)]
pub fn raise_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}

/// There is no such limit.
#[cfg(not(unix))]
pub fn raise_limit() -> Option<u64> {
    None
}
