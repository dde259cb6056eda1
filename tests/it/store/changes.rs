//! What a change promises.

use gatehouse::domain::Secret;
use gatehouse::store::{StoreError, VALUE_LIMIT, prefix};

use super::{Notes, Place, Steps, note, put, read};

#[tokio::test]
async fn what_was_changed_is_there_after_opening_again() {
    let place = Place::new();
    let (store, report) = place.open().unwrap();
    assert!(report.fresh);
    put(&store, "a", "first").await.unwrap();
    put(&store, "b", "second").await.unwrap();
    store.change(|change| change.remove::<Notes>(&"a".to_owned())).await.unwrap();
    drop(store);

    let (store, report) = place.open().unwrap();
    assert_eq!(report, Default::default());
    assert_eq!(store.scan::<Notes>().unwrap(), vec![("b".to_owned(), note("second"))]);
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    put(&store, "kept", "as it was").await.unwrap();
    let outcome: Result<(), StoreError> = store
        .change(|change| {
            change.put::<Notes>(&"kept".to_owned(), &note("changed"))?;
            change.put::<Steps>(&("w".to_owned(), 1), &1)?;
            change.put::<Notes>(&"large".to_owned(), &note(&"x".repeat(VALUE_LIMIT)))
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::TooLarge { .. })), "{outcome:?}");
    assert_eq!(read(&store, "kept"), Some(note("as it was")));
    assert_eq!(store.scan::<Steps>().unwrap(), vec![]);
}

#[tokio::test]
async fn a_change_that_panics_leaves_nothing_and_the_next_one_works() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let outcome: Result<(), StoreError> = store
        .change(|change| {
            change.put::<Notes>(&"half".to_owned(), &note("done"))?;
            panic!("a defect");
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Unfinished(_))), "{outcome:?}");
    put(&store, "next", "works").await.unwrap();
    assert_eq!(store.scan::<Notes>().unwrap(), vec![("next".to_owned(), note("works"))]);
}

#[tokio::test]
async fn a_change_sees_what_it_wrote_itself_and_nobody_else_does() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    put(&store, "b", "old").await.unwrap();
    put(&store, "c", "gone soon").await.unwrap();
    let outside = store.clone();
    let seen = store
        .change(move |change| {
            change.put::<Notes>(&"a".to_owned(), &note("new"))?;
            change.put::<Notes>(&"b".to_owned(), &note("newer"))?;
            change.remove::<Notes>(&"c".to_owned())?;
            assert_eq!(change.read::<Notes>(&"a".to_owned())?, Some(note("new")));
            assert_eq!(change.read::<Notes>(&"c".to_owned())?, None);
            assert_eq!(outside.scan::<Notes>()?.len(), 2);
            change.scan::<Notes>()
        })
        .await;
    let seen: Result<_, StoreError> = seen;
    assert_eq!(seen.unwrap(), vec![("a".to_owned(), note("new")), ("b".to_owned(), note("newer"))]);
}

#[tokio::test]
async fn a_scan_of_a_prefix_finds_the_pairs_of_one_first_half() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let written: Result<(), StoreError> = store
        .change(|change| {
            for (writer, step) in [("a", 2), ("a", 1), ("ab", 1), ("b", 1)] {
                change.put::<Steps>(&(writer.to_owned(), step), &0)?;
            }
            let found = change.scan_prefix::<Steps>(&prefix(&"a".to_owned()))?;
            assert_eq!(found.len(), 2);
            Ok(())
        })
        .await;
    written.unwrap();
    let found = store.scan_prefix::<Steps>(&prefix(&"a".to_owned())).unwrap();
    let keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, vec![("a".to_owned(), 1), ("a".to_owned(), 2)]);
}

#[tokio::test]
async fn a_value_one_byte_under_the_limit_is_kept_and_one_at_it_is_refused() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let frame = r#"{"text":""}"#.len();
    put(&store, "large", &"x".repeat(VALUE_LIMIT - frame - 1)).await.unwrap();
    let refused = put(&store, "larger", &"x".repeat(VALUE_LIMIT - frame)).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { bytes: VALUE_LIMIT, .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_of_one_value_lose_no_update() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let adders = (0..8).map(|_| {
        let store = store.clone();
        async move {
            for _ in 0..25 {
                let added: Result<(), StoreError> = store
                    .change(|change| {
                        let key = ("sum".to_owned(), 0);
                        let sum = change.read::<Steps>(&key)?.unwrap_or(0);
                        change.put::<Steps>(&key, &(sum + 1))
                    })
                    .await;
                added.unwrap();
            }
        }
    });
    futures_util::future::join_all(adders).await;
    assert_eq!(store.read::<Steps>(&("sum".to_owned(), 0)).unwrap(), Some(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_never_sees_half_of_a_change() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let writer = async {
        for round in 0..100_i64 {
            let written: Result<(), StoreError> = store
                .change(move |change| {
                    for step in 0..20 {
                        change.put::<Steps>(&("w".to_owned(), step), &round)?;
                    }
                    Ok(())
                })
                .await;
            written.unwrap();
        }
    };
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut scans = 0;
            let mut over = false;
            while !over {
                over = done.load(std::sync::atomic::Ordering::SeqCst);
                let found = store.scan::<Steps>().unwrap();
                let rounds: std::collections::BTreeSet<_> = found.iter().map(|(_, round)| *round).collect();
                assert!(rounds.len() <= 1, "a scan saw {rounds:?}");
                scans += 1;
            }
            scans
        });
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(writer));
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
    });
}

#[tokio::test]
async fn a_sealed_secret_and_a_keyed_hash_outlive_the_process_and_no_file_shows_the_secret() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    let sealed = store.seal("sql-login", &Secret::new("Tr0ub4dor&3-canary")).unwrap();
    let hash = store.keyed_hash("pass", b"ghp_x");
    assert_ne!(hash, store.keyed_hash("token", b"ghp_x"));
    put(&store, "login", &serde_json::to_string(&sealed).unwrap()).await.unwrap();
    store.export().await.unwrap();
    drop(store);

    let (store, _) = place.open().unwrap();
    let sealed = serde_json::from_str(&read(&store, "login").unwrap().text).unwrap();
    assert_eq!(store.unseal("sql-login", &sealed).unwrap(), Secret::new("Tr0ub4dor&3-canary"));
    assert_eq!(store.keyed_hash("pass", b"ghp_x"), hash);
    for file in walkdir::WalkDir::new(place.store()).into_iter().map(Result::unwrap) {
        if file.file_type().is_file() {
            let content = std::fs::read(file.path()).unwrap();
            assert!(!content.windows(10).any(|part| part == b"Tr0ub4dor&"), "{}", file.path().display());
        }
    }
}
