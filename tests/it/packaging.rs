//! The container's and the service's files name what exists: settings, files, ports, the user.

use std::path::Path;

use gatehouse::config::Config;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_container_runs_as_a_user_without_rights_with_one_volume_and_a_health_check() {
    let file = read("Dockerfile");
    let last = file.rsplit_once("\nFROM ").unwrap().1;
    assert_eq!(instructions(last, "USER"), ["10001:10001"]);
    assert_eq!(instructions(last, "VOLUME"), ["/var/lib/gatehouse"]);
    assert_eq!(instructions(last, "EXPOSE"), ["443 1433"]);
    assert_eq!(instructions(last, "STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(instructions(last, "ENTRYPOINT"), ["[\"gatehouse\"]"]);
    assert!(instructions(last, "HEALTHCHECK")[0].ends_with("CMD [\"gatehouse\", \"healthcheck\"]"));
}

#[test]
fn the_containers_base_images_are_build_arguments() {
    let images: Vec<String> = instructions(&read("Dockerfile"), "FROM");
    assert_eq!(images, ["${BUILD_IMAGE} AS build", "${RUN_IMAGE}"]);
}

#[test]
fn what_the_container_is_built_from_exists_and_is_sent_to_the_build() {
    let ignored = read(".dockerignore");
    for copy in instructions(&read("Dockerfile"), "COPY").iter().filter(|copy| !copy.starts_with("--from")) {
        let mut words: Vec<&str> = copy.split_whitespace().collect();
        words.pop();
        for source in words {
            assert!(Path::new(ROOT).join(source).exists(), "{source}");
            assert!(ignored.lines().all(|line| line != source), "{source} is in .dockerignore");
        }
    }
}

#[test]
fn every_environment_name_in_the_packaging_is_that_of_a_setting() {
    let known: Vec<String> = Config::fields().iter().map(gatehouse::config::Field::environment).collect();
    for file in ["Dockerfile", "packaging/systemd/gatehouse.service"] {
        let text = read(file);
        let names: Vec<&str> = text
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .filter(|word| word.starts_with("GATEHOUSE_"))
            .collect();
        assert!(names.len() >= 2, "{file}");
        for name in names {
            assert!(known.iter().any(|setting| setting == name), "{file} names {name}");
        }
    }
}

#[test]
fn the_service_tells_systemd_when_it_is_ready_and_is_not_restarted_for_mistaken_settings() {
    let unit = read("packaging/systemd/gatehouse.service");
    for line in [
        "Type=notify",
        "RestartPreventExitStatus=64",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "LoadCredential=master.key:/etc/gatehouse/master.key",
        "StateDirectory=gatehouse",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn the_connectors_service_never_signs_anybody_in_and_stays_down_when_nobody_is() {
    let unit = read("packaging/systemd/gatehouse-connect.service");
    for line in [
        "Type=notify",
        "EnvironmentFile=%E/gatehouse/connect",
        "ExecStart=/usr/local/bin/gatehouse connect ${URL} --no-sign-in",
        "Restart=on-failure",
        "RestartPreventExitStatus=4",
        "NoNewPrivileges=yes",
        "UMask=0077",
        "WantedBy=default.target",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    // Sections, settings and comments; nothing that systemd would pass over.
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let setting = line.split_once('=').filter(|(name, value)| {
            name.chars().all(|c| c.is_ascii_alphabetic()) && !name.is_empty() && !value.is_empty()
        });
        assert!(
            section.is_some_and(|name| ["Unit", "Service", "Install"].contains(&name)) || setting.is_some(),
            "{line}"
        );
    }
}

/// The arguments of each such instruction, with its continued lines.
fn instructions(file: &str, name: &str) -> Vec<String> {
    let joined = file.replace("\\\n", " ");
    let found = joined.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim));
    found.map(|rest| rest.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}
