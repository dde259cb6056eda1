//! Mail that waits to be sent, across restarts: what was answered is not lost, and what counts no more is not sent.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use gatehouse::audit::Actor;
use gatehouse::identity::Alteration;
use rustix::process::Signal;

use crate::canary::traces::find_in_files;
use crate::mail::{Post, link};
use crate::mail_failures::Program;
use crate::support::post_office::{self, Manner, PostOffice};

/// A mail server that nobody answers at.
fn gone() -> PostOffice {
    let mut office = PostOffice::open(Manner::default());
    office.close();
    office
}

/// Whom the mails are for.
fn recipients(mails: &[String]) -> BTreeSet<&str> {
    mails.iter().map(|mail| header(mail, "To: ")).collect()
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}in {mail}"))
}

#[tokio::test]
async fn a_mail_that_waits_is_sent_after_a_restart_and_lies_nowhere_to_be_read() {
    let gone = gone();
    let post = Post::by(gone.settings()).await;
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    assert_eq!(post.recorded(1).await[0].1, "done");
    let closed = post.close().await;
    let copy = tempfile::tempdir().unwrap();
    let store = closed.config.appliance.data_dir.join("store");
    let copied = std::process::Command::new("cp").arg("-r").arg(&store).arg(copy.path()).status().unwrap();
    assert!(copied.success());

    let office = PostOffice::open(Manner::default());
    let post = Post::again(closed, office.settings()).await;
    let mail = office.after(1).await.remove(0);
    let path = link(&mail);
    assert_eq!(post.pages.browser().get(&path).await.status, StatusCode::OK);
    let secret = path.strip_prefix("/reset/").unwrap();
    let readable = find_in_files(copy.path(), &[secret, "Somebody asked for a new password", "open this link"]);
    assert_eq!(readable, Vec::<String>::new());

    // What was sent is not sent again.
    let post = Post::again(post.close().await, office.settings()).await;
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    let mails = office.after(2).await;
    assert_ne!(header(&mails[0], "Message-ID: "), header(&mails[1], "Message-ID: "));
    post.close().await;
    assert_eq!(office.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_answered_gets_the_mail_although_the_appliance_was_killed_then() {
    let people = ["ada", "bea", "cyd", "dot", "eve"];
    let mut folder = Program::folder(&people);
    let gone = gone();
    for (who, after) in people.into_iter().zip([0, 2, 8, 30, 120]) {
        let program = Program::on(folder, &gone);
        program.forgot(who).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        program.process.signal(Signal::KILL);
        program.process.ended();
        folder = program.folder;
    }
    let office = PostOffice::open(Manner::default());
    let program = Program::on(folder, &office);
    let mails = office.after(people.len()).await;
    let addresses: Vec<String> = people.iter().map(|who| format!("{who}@corp.example")).collect();
    assert_eq!(recipients(&mails), addresses.iter().map(String::as_str).collect());
    let port = program.process.https.port();
    for mail in &mails {
        let text = post_office::text(mail);
        assert!(text.contains(&format!("https://localhost:{port}/reset/ghl_")), "{text}");
    }
    assert!(!program.process.log().contains("@corp.example"));
}

#[tokio::test]
async fn a_mail_that_the_server_took_without_a_word_is_sent_again_under_the_same_id() {
    let silent = PostOffice::open(Manner { silent: true, ..Manner::default() });
    let post = Post::by(silent.settings()).await;
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    let first = silent.after(1).await.remove(0);
    let clock = post.house.clock.clone();
    let time_goes_by = async move {
        loop {
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let closed = tokio::select! {
        closed = post.close() => closed,
        () = time_goes_by => unreachable!("time has no end"),
    };
    let office = PostOffice::open(Manner::default());
    let _post = Post::again(closed, office.settings()).await;
    let second = office.after(1).await.remove(0);
    assert_eq!(link(&first), link(&second));
    assert_eq!(header(&first, "Message-ID: "), header(&second, "Message-ID: "));
}

#[tokio::test]
async fn a_link_that_counts_no_more_is_not_mailed_after_a_restart() {
    let gone = gone();
    let post = Post::by(gone.settings()).await;
    let people = ["ada", "bea", "cyd", "dot"];
    for who in &people[1..] {
        post.house.member(who).await;
        post.house.mail(who, &format!("{who}@corp.example")).await;
    }
    for who in people {
        assert_eq!(post.ask(who).await.status, StatusCode::OK);
    }
    post.recorded(4).await;
    let house = post.close().await.open();
    let id = |who: &str| house.identity().account(who).unwrap().id;
    house.identity().alter_account(&Actor::Console, id("ada"), Alteration::Disable).await.unwrap();
    house.mail("bea", "other@corp.example").await;
    house.identity().issue_reset_link(&Actor::Console, id("cyd")).await.unwrap();
    let office = PostOffice::open(Manner::default());
    let post = Post::again(house.close(), office.settings()).await;
    assert_eq!(header(&office.after(1).await[0], "To: "), "dot@corp.example");
    let failed = post.recorded(7).await.split_off(4);
    assert!(
        failed.iter().all(|(_, outcome, why)| outcome == "failed" && why.contains("counted no more")),
        "{failed:?}"
    );
    assert_eq!(
        failed.iter().map(|(who, ..)| who.as_str()).collect::<BTreeSet<_>>(),
        people[..3].iter().copied().collect()
    );
    post.close().await;
    assert_eq!(office.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_is_not_sent_when_its_hour_is_over() {
    let gone = gone();
    let post = Post::by(gone.settings()).await;
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    post.recorded(1).await;
    let closed = post.close().await;
    closed.clock.advance(Duration::from_secs(3600));
    let office = PostOffice::open(Manner::default());
    let post = Post::again(closed, office.settings()).await;
    assert!(post.recorded(2).await[1].2.contains("counted no more"));
    // A later one is.
    assert_eq!(post.ask("ada").await.status, StatusCode::OK);
    let mail = office.after(1).await.remove(0);
    assert!(post_office::text(&mail).contains("at 2027-03-01T09:00:00"), "{mail}");
    post.close().await;
    assert_eq!(office.mails().len(), 1);
}

#[tokio::test]
async fn no_more_than_so_many_wait_and_whoever_comes_then_gets_the_same_answer() {
    let gone = gone();
    let post = Post::by(gone.settings()).await;
    let people: Vec<String> = (0..22).map(|number| format!("p{number}")).collect();
    for who in &people {
        post.house.member(who).await;
        post.house.mail(who, &format!("{who}@corp.example")).await;
    }
    for (who, peer) in people.iter().flat_map(|who| [who; 3]).take(64).zip(1..) {
        assert_eq!(post.ask_from(who, [192, 0, 2, peer]).await.status, StatusCode::OK);
    }
    let known = post.ask("ada").await;
    assert!(known.status == StatusCode::OK && known.text().contains("role=\"status\""));
    assert_eq!(post.recorded(64).await.iter().filter(|(_, outcome, _)| outcome == "done").count(), 64);
    let office = PostOffice::open(Manner::default());
    let post = Post::again(post.close().await, office.settings()).await;
    let mails = office.after(64).await;
    assert_eq!(recipients(&mails).len(), 22);
    let closed = post.close().await;
    // There is room again.
    let post = Post::again(closed, office.settings()).await;
    post.ask("ada").await;
    assert!(recipients(&office.after(65).await).contains("ada@corp.example"));
}
