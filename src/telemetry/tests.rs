//! What is written, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::domain::SessionId;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written meanwhile, by this thread.
pub(crate) fn written(filter: &str, text: bool, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let out = sink.clone();
    let subscriber = subscriber(filter, text, move || out.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_library_is_not_heard_below_info_whatever_the_filter_says() {
    let log = written("trace", true, || {
        tracing::debug!(target: "rustls::conn", "library-secret");
        tracing::trace!(target: "tiberius", "library-secret");
        tracing::trace!(target: "gatehouse_lookalike", "library-secret");
        tracing::info!(target: "h2", "library-news");
        tracing::trace!(target: "gatehouse::gateway", "own-detail");
    });
    assert!(!log.contains("library-secret"), "{log}");
    assert!(log.contains("library-news") && log.contains("own-detail"), "{log}");
}

#[test]
fn a_generated_secret_does_not_reach_the_log() {
    for text in [true, false] {
        let log = written("info", text, || {
            tracing::info!(field = "ghp_0123456789abcdefghij", "with ghd_0123456789abcdefghij")
        });
        assert!(log.contains("ghp_***") && log.contains("ghd_***"), "{log}");
        assert!(!log.contains("0123456789"), "{log}");
    }
}

#[test]
fn a_line_within_a_session_carries_its_id_and_is_one_json_object() {
    let id = SessionId::random();
    let log = written("info", false, || session_span(&id, [127, 0, 0, 1].into()).in_scope(|| tracing::info!("hello")));
    let line: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(line["span"]["session.id"], id.to_string());
    assert_eq!(line["message"], "hello");
}
