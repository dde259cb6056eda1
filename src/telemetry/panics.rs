//! Panics: a defect, reported with its place. A message made up at run time is withheld, for it may quote what was being handled.

use std::panic::PanicHookInfo;

/// From now on a panic is one log line.
pub(super) fn report() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, thread, backtrace = %backtrace, "panicked: {}; this is a defect of the appliance", message(info));
    }));
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(a message made at run time, withheld)")
}
