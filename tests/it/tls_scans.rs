//! What scanners of TLS find: exactly these protocols and suites, and nothing that has a name as a weakness.
//!
//! The lists are whole, so that a change of the policy, of the TLS library or of what a scanner thinks of it is seen here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::support::appliance::TestAppliance;

/// TLS 1.3, in the order in which the scanner asks.
const SUITES_13: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
/// TLS 1.2: for the ECDSA certificate, and for the RSA one.
const SUITES_12: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// An appliance with both doors: the one for everything, and the one for SQL clients, where TLS without a protocol's name is
/// TDS 8.0.
async fn house() -> (TestAppliance, [(&'static str, u16); 2]) {
    let house = TestAppliance::with_sql_door().await;
    // The second certificate is made after the start.
    while !house.appliance().certificates().certificates().current().has_second() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let everything = house.appliance().https_addresses()[0].port();
    let strict = house.appliance().sql_addresses()[0].port();
    (house, [("https", everything), ("strict", strict)])
}

async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("TERM", "dumb");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
        .output()
        .await
        .unwrap_or_else(|error| panic!("this test needs {program} (bash tests/run.sh installs it): {error}"))
}

/// The attributes of each element of that name: `name="value"`, as sslscan writes them.
fn elements(xml: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    let start = format!("<{name} ");
    let attributes = |element: &str| {
        let inside = element.split('>').next().unwrap_or_default();
        let mut parts = inside.split('"');
        let mut found = BTreeMap::new();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            found.insert(key.trim().trim_end_matches('=').to_owned(), value.to_owned());
        }
        found
    };
    xml.split(&start).skip(1).map(attributes).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sslscan_finds_two_protocols_and_the_suites_of_the_policy_and_nothing_else() {
    let (_house, doors) = house().await;
    for (door, port) in doors {
        let output = run("sslscan", &["--no-colour", "--timeout=60", "--xml=-", &format!("localhost:{port}")]).await;
        let xml = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && xml.contains("</document>"), "{door}: {xml}");

        let protocols: Vec<String> = elements(&xml, "protocol")
            .iter()
            .filter(|protocol| protocol["enabled"] == "1")
            .map(|protocol| format!("{} {}", protocol["type"], protocol["version"]))
            .collect();
        assert_eq!(protocols, ["tls 1.2", "tls 1.3"], "{door}");

        let suites = |version: &str| {
            let of = |suite: &&BTreeMap<String, String>| suite["sslversion"] == version;
            let mut names: Vec<String> =
                elements(&xml, "cipher").iter().filter(of).map(|suite| suite["cipher"].clone()).collect();
            names.sort();
            names
        };
        assert_eq!(suites("TLSv1.3"), SUITES_13, "{door}");
        assert_eq!(suites("TLSv1.2"), SUITES_12, "{door}");
        assert_eq!(elements(&xml, "cipher").len(), SUITES_13.len() + SUITES_12.len(), "{door}");
        for suite in elements(&xml, "cipher") {
            assert!(["strong", "acceptable"].contains(&suite["strength"].as_str()), "{door}: {suite:?}");
        }

        let groups: Vec<String> = elements(&xml, "group").iter().map(|group| group["name"].clone()).collect();
        assert_eq!(groups, ["secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)", "x25519"], "{door}");
        assert_eq!(elements(&xml, "renegotiation")[0]["supported"], "0", "{door}");
        let bled = elements(&xml, "heartbleed");
        assert!(bled.iter().all(|version| version["vulnerable"] == "0"), "{door}: {bled:?}");
        assert_eq!(elements(&xml, "signature-algorithm").len(), 0);
        assert!(xml.contains("<self-signed>false</self-signed>") && xml.contains("<expired>false</expired>"), "{door}");
    }
}

/// What testssl.sh finds: by its id, the severity and the finding.
async fn testssl(file: &Path, port: u16, sections: &[&str]) -> Vec<(String, (String, String))> {
    let target = format!("localhost:{port}");
    let quietly = ["--warnings", "off", "--quiet", "--color", "0", "--openssl", "/usr/bin/openssl", "--ip", "one"];
    let arguments = [&quietly[..], sections, &["--jsonfile", file.to_str().unwrap(), &target]].concat();
    let output = run("testssl", &arguments).await;
    let found = std::fs::read(file).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)));
    let found: Vec<serde_json::Value> = serde_json::from_slice(&found).unwrap();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    found.iter().map(|one| (text(one, "id"), (text(one, "severity"), text(one, "finding")))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn testssl_finds_no_old_protocol_no_weak_suite_and_no_known_vulnerability() {
    let ((_house, doors), folder) = (house().await, tempfile::tempdir().unwrap());
    let [(_, everything), (_, strict)] = doors;
    // At the same time, as the scanner waits more than it works. The vulnerabilities are those of the TLS library, which is the
    // same at each door.
    let scans: [(u16, &[&str]); 3] =
        [(everything, &["-p", "-s", "-f"]), (everything, &["-U"]), (strict, &["-p", "-s"])];
    let scans = scans.iter().enumerate().map(|(number, (port, sections))| {
        let file = folder.path().join(format!("{number}.json"));
        async move {
            let found = testssl(&file, *port, sections).await;
            found.into_iter().map(|(id, finding)| ((*port, id), finding)).collect::<Vec<_>>()
        }
    });
    let found: BTreeMap<_, _> = futures_util::future::join_all(scans).await.into_iter().flatten().collect();

    for (door, port) in doors {
        let finding =
            |id: &str| found.get(&(port, id.to_owned())).unwrap_or_else(|| panic!("{door}: no {id}")).1.as_str();
        for old in ["SSLv2", "SSLv3", "TLS1", "TLS1_1"] {
            assert_eq!(finding(old), "not offered", "{door}: {old}");
        }
        assert_eq!((finding("TLS1_2"), finding("TLS1_3")), ("offered", "offered with final"), "{door}");
        for weak in ["NULL", "aNULL", "EXPORT", "LOW", "3DES_IDEA", "AVERAGE"] {
            assert_eq!(finding(&format!("cipherlist_{weak}")), "not offered", "{door}: {weak}");
        }
        assert_eq!(finding("cipherlist_STRONG"), "offered", "{door}");
    }
    let finding = |id: &str| found[&(everything, id.to_owned())].1.as_str();
    let mut secret: Vec<&str> = finding("PFS_ciphers").split_whitespace().collect();
    secret.sort_unstable();
    let mut expected: Vec<&str> = SUITES_12.iter().chain(&SUITES_13).copied().collect();
    expected.sort_unstable();
    assert_eq!(secret, expected);
    assert_eq!(finding("PFS_ECDHE_curves"), "prime256v1 secp384r1 X25519");

    let asked = [
        "heartbleed",
        "CCS",
        "ticketbleed",
        "ROBOT",
        "secure_renego",
        "secure_client_renego",
        "CRIME_TLS",
        "BREACH",
        "POODLE_SSL",
        "SWEET32",
        "FREAK",
        "DROWN",
        "LOGJAM",
        "BEAST",
        "LUCKY13",
        "RC4",
    ];
    for vulnerability in asked {
        let (severity, text) = &found[&(everything, vulnerability.to_owned())];
        assert_eq!(severity, "OK", "{vulnerability}: {text}");
    }
    // About the scanner itself, and that no HTTP is spoken at the strict door; everything else that it thinks worth a warning
    // fails the test.
    let about_itself = ["engine_problem", "scanTime", "service"];
    for ((port, id), (severity, text)) in &found {
        let fine = ["OK", "INFO"].contains(&severity.as_str()) || about_itself.contains(&id.as_str());
        assert!(fine, "{port} {id}: {severity}: {text}");
    }
}
