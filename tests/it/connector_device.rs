//! `gatehouse connect` as a device of its own: enrolled with a one-time code, its secret changed when it is old, given back. Whatever is
//! lost on the way, the machine is not locked out.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::connector::Access;
use gatehouse::connector::client::Client;
use gatehouse::connector::device::{DeviceSecret, ROTATE_AFTER};
use gatehouse::connector::kept::Known;
use gatehouse::connector::local::guard::Guard;
use gatehouse::connector::vault::{Kept, Vault};
use gatehouse::domain::{Name, Secret, Timestamp};
use gatehouse::workstation::documents::{CONFIG_PATH, ROTATE_PATH};
use hyper::StatusCode;
use tiberius::EncryptionLevel;

use crate::support::connector::{Bench, driver};

const ANYBODY: [&str; 3] = ["sa", "whatever", "trade"];
const DAY: Duration = Duration::from_secs(86_400);

/// Ada's machine, enrolled `age` ago, before it is let in.
struct Machine {
    known: Known,
    client: Client,
    vault: Vault,
    own: DeviceSecret,
}

impl Machine {
    async fn enrolled(bench: &Bench, age: Duration) -> Self {
        let identity = &bench.house.state().identity;
        let ada = identity.account("ada").unwrap().id;
        let (device, secret) = identity.add_device(&Actor::Console, Name::parse("till-7").unwrap(), ada).await.unwrap();
        let known = bench.known().await;
        let (client, (_, vault)) = (bench.client(&known), bench.state(&known).await);
        let since = Timestamp::from_millis(bench.clock.now().as_millis() - i64::try_from(age.as_millis()).unwrap());
        let own = DeviceSecret { name: device.name.to_string(), secret, other: None, since };
        vault.store(&Kept::Device(own.clone())).await.unwrap();
        Self { known, client, vault, own }
    }

    /// As a start finds it.
    async fn access(&self, bench: &Bench) -> Access {
        let kept = self.kept().await;
        Access::device(self.client.clone(), &self.known.config, self.vault.clone(), kept, bench.clock.clone())
    }

    async fn kept(&self) -> DeviceSecret {
        self.vault.load().await.unwrap().and_then(Kept::device).unwrap()
    }

    async fn keep(&self, secret: &Secret, other: Option<&Secret>) {
        let (secret, other) = (secret.clone(), other.cloned());
        let own = DeviceSecret { secret, other, since: self.own.since, ..self.own.clone() };
        self.vault.store(&Kept::Device(own)).await.unwrap();
    }

    /// The appliance's answer to a request for the next secret.
    async fn next(&self, present: &Secret) -> Secret {
        let reply = self.client.post_json(Some(present), ROTATE_PATH, &serde_json::json!({})).await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(reply.body.expose()).unwrap();
        Secret::new(answer["secret"].as_str().unwrap())
    }

    async fn counts(&self, secret: &Secret) -> bool {
        let reply = self.client.get_as(secret, CONFIG_PATH, None, Duration::ZERO).await.unwrap();
        assert!(matches!(reply.status, StatusCode::OK | StatusCode::UNAUTHORIZED));
        reply.status == StatusCode::OK
    }

    /// Runs a connector until a program was carried to its database; nothing is in doubt then.
    async fn works(&self, bench: &Bench) -> DeviceSecret {
        let connector = bench.run(self.known.clone(), self.access(bench).await, Guard::Everybody).await;
        connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
        driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
        connector.stop().await;
        let kept = self.kept().await;
        assert_eq!(kept.other, None);
        kept
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_changed_when_it_is_old_and_not_before() {
    let bench = Bench::start().await;
    let machine = Machine::enrolled(&bench, ROTATE_AFTER - DAY).await;
    assert!(!machine.access(&bench).await.rotate_if_due().await.unwrap(), "a day is left");
    assert_eq!(machine.kept().await, machine.own);

    let old = DeviceSecret { since: Timestamp::from_millis(0), ..machine.own.clone() };
    machine.vault.store(&Kept::Device(old)).await.unwrap();
    // The connector itself looks, once it is connected.
    let connector = bench.run(machine.known.clone(), machine.access(&bench).await, Guard::Everybody).await;
    let changed = loop {
        let kept = machine.kept().await;
        if kept.secret != machine.own.secret && kept.other.is_none() {
            break kept;
        }
        bench.clock.sleep(Duration::from_millis(20)).await;
    };
    driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await.unwrap();
    connector.stop().await;
    assert!(changed.name == "till-7" && bench.clock.now().since(changed.since) < DAY);
    assert!(!machine.counts(&machine.own.secret).await && machine.counts(&changed.secret).await);
    assert_eq!(machine.works(&bench).await, changed, "and is left alone from then on");

    // A clock that was wrong when the secret was made.
    let ahead = DeviceSecret { since: bench.clock.now().after(400 * DAY), ..changed.clone() };
    machine.vault.store(&Kept::Device(ahead)).await.unwrap();
    assert!(machine.access(&bench).await.rotate_if_due().await.unwrap());
    let last = machine.kept().await;
    assert!(last.secret != changed.secret && machine.counts(&last.secret).await);

    let given = Access::given(last.secret, bench.clock.clone());
    assert!(!given.rotate_if_due().await.unwrap(), "what an administrator put there is theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_process_dies_while_a_secret_is_changed_the_machine_comes_in_again() {
    let bench = Bench::start().await;
    let machine = Machine::enrolled(&bench, DAY).await;
    let first = machine.own.secret.clone();

    // The answer was lost, or died with the process before it was kept.
    machine.next(&first).await;
    assert_eq!(machine.works(&bench).await.secret, first);

    // Both were kept, and the new one never used.
    let second = machine.next(&first).await;
    machine.keep(&second, Some(&first)).await;
    assert_eq!(machine.works(&bench).await.secret, second);
    assert!(!machine.counts(&first).await);

    // The new one was used, and that was not written down.
    let third = machine.next(&second).await;
    machine.keep(&third, Some(&second)).await;
    assert!(machine.counts(&third).await && !machine.counts(&second).await);
    assert_eq!(machine.works(&bench).await.secret, third);

    // An earlier request came late, and made void what was kept.
    let void = machine.next(&third).await;
    machine.keep(&void, Some(&third)).await;
    machine.next(&third).await;
    assert!(!machine.counts(&void).await);
    assert_eq!(machine.works(&bench).await.secret, third);

    // Disabled in the middle of it, both are refused, and neither is given up.
    let fourth = machine.next(&third).await;
    machine.keep(&fourth, Some(&third)).await;
    assert!(machine.counts(&fourth).await);
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    identity.alter_account(&Actor::Console, ada, gatehouse::identity::Alteration::Disable).await.unwrap();
    let connector = bench.run(machine.known.clone(), machine.access(&bench).await, Guard::Everybody).await;
    connector.ended().await;
    connector.stop().await;
    identity.alter_account(&Actor::Console, ada, gatehouse::identity::Alteration::Enable).await.unwrap();
    assert_eq!(machine.works(&bench).await.secret, fourth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_machine_that_is_a_device_programs_hear_how_it_is_enrolled_again_and_nothing_of_a_sign_in() {
    let bench = Bench::start().await;
    let identity = &bench.house.state().identity;
    let machine = Machine::enrolled(&bench, DAY).await;
    let own = machine.access(&bench).await;
    let ada = identity.account("ada").unwrap().id;
    let (_, secret) = identity.add_device(&Actor::Console, Name::parse("till-8").unwrap(), ada).await.unwrap();
    let given = Access::given(secret, bench.clock.clone());
    let url = bench.url();
    for (device, access, what_to_do) in [
        ("till-7", own, format!("gatehouse connect {url} --enrol CODE")),
        ("till-8", given, format!("at {url}/workstations/enrol or by an administrator")),
    ] {
        let connector = bench.run(machine.known.clone(), access, Guard::Everybody).await;
        connector.watch().wait_for(|now| now.document.is_some()).await.unwrap();
        identity.revoke_device(&Actor::Console, identity.device(device).unwrap().id).await.unwrap();
        connector.ended().await;
        let refused = driver(connector.addresses()[0], EncryptionLevel::NotSupported, ANYBODY).await;
        let Err(tiberius::error::Error::Server(error)) = refused else { panic!("{device} is revoked") };
        let said = error.message();
        assert!(error.code() == 18456 && said.contains(&what_to_do) && !said.contains("ign in"), "{said}");
        connector.stop().await;
    }
}

/// The program with nothing of this session in its environment, and something on its standard input.
fn connect(bench: &Bench, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.env_clear().arg("connect").arg(bench.url()).args(arguments).arg("--state-dir").arg(bench.folder.path());
    command.args(["--keep", "file", "--fingerprint", bench.fingerprint(), "--listen", "127.0.0.1:0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that asks for nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_machine_is_enrolled_by_a_code_from_anywhere_but_other_peoples_eyes_and_given_back() {
    let bench = Bench::start().await;
    let identity = &bench.house.state().identity;
    let ada = identity.account("ada").unwrap().id;
    let (codes, _) = identity.issue_enrolment_codes(&Actor::Console, ada, 3, DAY, Vec::new()).await.unwrap();
    let code = |at: usize| codes[at].expose();
    let devices = || identity.devices().unwrap().into_iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    let before = devices();

    let (exit, said) = connect(&bench, &["--enrol", "-", "--sign-in", "--device", "till-7"], "BCDF-GHJK-LMNP\n");
    assert!(exit == Some(1) && said.contains("enrolment code is not right"), "{said}");
    let (exit, said) = connect(&bench, &["--enrol", code(0), "--sign-in", "--device", "ADA"], "");
    assert!(exit == Some(1) && said.contains("taken"), "{said}");
    let (exit, said) = connect(&bench, &["--enrol", "-", "--sign-in"], "");
    assert!(exit == Some(1) && said.contains("no code on the standard input"), "{said}");
    let (exit, said) = connect(&bench, &["--device", "till-7"], "");
    assert_eq!(exit, Some(2), "{said}");
    assert_eq!(devices(), before);

    let (exit, said) = connect(&bench, &["--enrol", "-", "--sign-in", "--device", "till-7"], &format!("{}\n", code(0)));
    assert!(exit == Some(0) && said.contains("enrolled at https://localhost"), "{said}");
    assert!(said.contains("\"till-7\", for ada") && !said.contains("ghd_") && !said.contains(code(0)), "{said}");
    assert!(devices().contains(&"till-7".to_owned()));
    let machine = {
        let known = bench.known().await;
        let (client, (_, vault)) = (bench.client(&known), bench.state(&known).await);
        let own = vault.load().await.unwrap().and_then(Kept::device).unwrap();
        Machine { known, client, vault, own }
    };
    let first = machine.works(&bench).await;

    // A service that starts each time with the code that enrolled it.
    let file = bench.folder.path().join("code");
    gatehouse::platform::files::write_private(&file, code(0).as_bytes()).unwrap();
    let by_file = ["--enrol-file", file.to_str().unwrap(), "--sign-in", "--device", "till-7"];
    let (exit, said) = connect(&bench, &by_file, "");
    assert!(exit == Some(0) && said.contains("enrolled already"), "{said}");
    assert_eq!(machine.kept().await, first);

    // Revoked, it ends; another code enrols it anew.
    let device = identity.device("till-7").unwrap();
    identity.revoke_device(&Actor::Console, device.id).await.unwrap();
    let (exit, said) = connect(&bench, &["--allow-other-users"], "");
    assert!(exit == Some(4) && said.contains("with another code") && !said.contains("sign in"), "{said}");
    let (exit, said) = connect(&bench, &["--status"], "");
    assert!(exit == Some(4) && said.contains("with another code") && !said.contains("sign in"), "{said}");
    let (exit, said) = connect(&bench, &by_file, "");
    assert!(exit == Some(1) && said.contains("enrolment code is not right"), "it was used: {said}");
    gatehouse::platform::files::write_private(&file, code(1).as_bytes()).unwrap();
    let (exit, said) = connect(&bench, &by_file, "");
    assert!(exit == Some(0) && said.contains("enrolled at"), "{said}");
    assert!(machine.works(&bench).await.secret != first.secret);

    let (exit, said) = connect(&bench, &["--sign-out"], "");
    assert!(exit == Some(0) && said.contains("signed out"), "{said}");
    assert_eq!(devices(), before, "the appliance has revoked it");
    assert_eq!(machine.vault.load().await.unwrap(), None);

    // Somebody's own sign-in, which the enrolment takes the place of, is revoked.
    bench.connected().await.stop().await;
    assert_eq!(identity.programs(ada).unwrap().len(), 1);
    let (exit, said) = connect(&bench, &["--enrol", code(2), "--sign-in"], "");
    assert!(exit == Some(0) && said.contains("enrolled at"), "by its own name: {said}");
    assert_eq!(identity.programs(ada).unwrap().len(), 0);
    machine.works(&bench).await;
}
