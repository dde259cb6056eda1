//! Precedence, provenance, and every mistake with its place.

use std::fs;
use std::path::Path;

use super::*;

fn with_file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatehouse.toml");
    fs::write(&file, text).unwrap();
    let flags = Flags { config: Some(file), data_dir: Some(folder.path().join("data")), set: Vec::new() };
    (folder, flags)
}

fn set(flags: &Flags, settings: &[&str]) -> Flags {
    Flags { set: settings.iter().map(|text| (*text).to_owned()).collect(), ..flags.clone() }
}

fn complaints(flags: &Flags, environment: &Environment) -> Vec<String> {
    let complaints = load(flags, environment).unwrap_err().complaints;
    let name = |path: &str| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
    complaints.into_iter().map(|complaint| format!("{}: {}", name(&complaint.place), complaint.text)).collect()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let (_folder, flags) = with_file("[gateway]\nlogin_timeout = \"1s\"\n");
    let environment = Environment::of([("GATEHOUSE_GATEWAY_LOGIN_TIMEOUT", "2s")]);
    let timeout = |loaded: &Loaded| loaded.config.gateway.login_timeout.as_secs();

    let default = load(&Flags::default(), &Environment::of([])).unwrap();
    assert_eq!((timeout(&default), default.origin("gateway.login_timeout")), (15, Origin::Default));
    let file = load(&flags, &Environment::of([])).unwrap();
    assert_eq!(timeout(&file), 1);
    assert!(matches!(file.origin("gateway.login_timeout"), Origin::File { line: 2, .. }));
    let variable = load(&flags, &environment).unwrap();
    let name = "GATEHOUSE_GATEWAY_LOGIN_TIMEOUT".to_owned();
    assert_eq!((timeout(&variable), variable.origin("gateway.login_timeout")), (2, Origin::Environment(name)));
    let flag = load(&set(&flags, &["gateway.login_timeout=3s"]), &environment).unwrap();
    assert_eq!((timeout(&flag), flag.origin("gateway.login_timeout")), (3, Origin::Flag("--set")));
}

#[test]
fn a_value_can_be_kept_in_a_file_that_the_environment_names() {
    let (folder, flags) = with_file("");
    let path = folder.path().join("value");
    fs::write(&path, "42s\n").unwrap();
    let name = path.to_str().unwrap();
    let loaded = load(&flags, &Environment::of([("GATEHOUSE_GATEWAY_IDLE_LIMIT_FILE", name)])).unwrap();
    assert_eq!(loaded.config.gateway.idle_limit.as_secs(), 42);
    assert!(loaded.origin("gateway.idle_limit").to_string().contains(name));

    let both = Environment::of([("GATEHOUSE_GATEWAY_IDLE_LIMIT", "1s"), ("GATEHOUSE_GATEWAY_IDLE_LIMIT_FILE", name)]);
    assert!(complaints(&flags, &both)[0].contains("already set by GATEHOUSE_GATEWAY_IDLE_LIMIT"));
}

#[test]
fn every_mistake_is_reported_at_once_with_file_and_line_and_the_closest_name() {
    let (_folder, flags) = with_file(
        "[gatewy]\nidle_limit = \"1s\"\n\n[gateway]\nlogin_timout = \"1s\"\nidle_limit = 5\nsign_in = 1\nhalf_open_total = 1\n\n[listen]\nsql = [\"localhost:1433\"]\n",
    );
    let environment = Environment::of([("GATEHOUSE_LOG_FILTR", "info"), ("GATEHOUSE_TEST_SERVER", "no setting")]);
    let found = complaints(&set(&flags, &["log.format=xml", "nonsense"]), &environment);
    let expected = [
        "--set: `nonsense` has to be `section.key=value`",
        "environment: there is no setting with the name `GATEHOUSE_LOG_FILTR`; did you mean `GATEHOUSE_LOG_FILTER`?",
        "gatehouse.toml:1: there is no section `gatewy`; did you mean `gateway`?",
        "gatehouse.toml:5: there is no setting `gateway.login_timout`; did you mean `gateway.login_timeout`?",
        "gatehouse.toml:6: `gateway.idle_limit` has to be a duration such as \"500ms\", \"15s\", \"5m\", \"2h\" or \"30d\"",
        "gatehouse.toml:7: there is no setting `gateway.sign_in`",
        "gatehouse.toml:8: there is no setting `gateway.half_open_total`; did you mean `listen.half_open_total`?",
        "gatehouse.toml:11: `listen.sql` has to be a list, each item an address and port such as \"0.0.0.0:1433\" or \"[::]:1433\"",
        "--set: `log.format` has to be one of \"auto\", \"text\", \"json\"",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn values_that_do_not_go_together_are_refused_where_they_stand() {
    let (_folder, flags) =
        with_file("[tls]\n\ncertificate_file = \"/c.pem\"\n\n[sign_in]\nthrottle_first_delay = \"10m\"\n");
    let found = complaints(&set(&flags, &["gateway.routing_hops=11"]), &Environment::of([]));
    let expected = [
        "gatehouse.toml:3: `tls.certificate_file` needs `tls.key_file` beside it",
        "--set: `gateway.routing_hops` has to be from 0 to 10",
        "gatehouse.toml:6: `sign_in.throttle_first_delay` has to be no longer than `sign_in.throttle_longest_delay`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let (_folder, flags) = with_file("[log]\nfilter = \"info\"\nformat = text\n");
    let found = complaints(&flags, &Environment::of([]));
    assert!(found[0].starts_with("gatehouse.toml:3: not TOML"), "{found:?}");
    let (_folder, flags) = with_file("log = 5\ngateway.login_timeout = \"7s\"\n");
    assert_eq!(complaints(&flags, &Environment::of([])), ["gatehouse.toml:1: `log` has to be a section: `[log]`"]);
}

#[test]
fn a_settings_file_that_was_named_has_to_be_there() {
    let flags = Flags { config: Some("/nowhere/gatehouse.toml".into()), ..Flags::default() };
    assert!(load(&flags, &Environment::of([])).is_err());
    assert!(load(&Flags::default(), &Environment::of([("GATEHOUSE_CONFIG", "/nowhere/x.toml")])).is_err());
}

#[test]
fn the_settings_file_is_found_in_the_data_folder_and_the_master_key_stays_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gatehouse.toml"), "[log]\nfilter = \"debug\"\n").unwrap();
    let named = [("GATEHOUSE_APPLIANCE_DATA_DIR", folder.path().to_str().unwrap())];
    let loaded = load(&Flags::default(), &Environment::of(named)).unwrap();
    assert_eq!(loaded.config.log.filter, "debug");
    assert_eq!(loaded.config.appliance.data_dir, folder.path());
    assert!(!loaded.config.keys.master_key_file.starts_with(folder.path()));
    assert_eq!(loaded.config.keys.master_key_file.parent(), folder.path().parent());
}

#[test]
fn a_master_key_in_the_data_folder_is_refused() {
    let (folder, flags) = with_file("");
    let inside = folder.path().join("data/master.key");
    let found =
        complaints(&set(&flags, &[&format!("keys.master_key_file={}", inside.display())]), &Environment::of([]));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("outside of `appliance.data_dir`"), "{found:?}");
}

#[test]
fn a_certificate_is_in_two_pem_files_or_in_one_of_pkcs12() {
    let pem = ["tls.certificate_file=/c", "tls.key_file=/k"];
    let both = [pem[0], pem[1], "tls.pkcs12_file=/p"];
    for (wrong, said) in [
        (&both[..], "there can be one of them"),
        (&pem[..1], "needs `tls.key_file`"),
        (&["tls.pkcs12_password=x"], "others could read"),
    ] {
        let (_folder, flags) = with_file("");
        let found = complaints(&set(&flags, wrong), &Environment::of([]));
        assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
    }
    for (item, fine) in
        [("corp.example", true), ("10.0.0.0/8", true), ("10.0.0.0", false), ("10.0.0.0/40", false), ("a b", false)]
    {
        let (_folder, flags) = with_file("");
        let loaded = load(&set(&flags, &[&format!("tls.authority_scope={item}")]), &Environment::of([]));
        assert_eq!(loaded.is_ok(), fine, "{item}");
    }
}

#[test]
fn the_example_file_is_read_without_a_complaint_as_it_stands_and_with_every_line_in_force() {
    for text in [example_file(), in_force(&example_file())] {
        let (_folder, flags) = with_file(&text);
        if let Err(error) = load(&Flags { data_dir: None, ..flags }, &Environment::of([])) {
            panic!("{error}");
        }
    }
}

/// The example file without the signs that comment its settings out; of the two forms of a certificate in files, which exclude
/// each other, the first.
fn in_force(example: &str) -> String {
    let line = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let lines = example.lines().map(line).filter(|line| !line.starts_with("pkcs12_"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_default_is_what_the_setting_itself_would_read() {
    let mut config = Config::default();
    for ((name, text), field) in Config::default().texts().into_iter().zip(Config::fields()) {
        assert_eq!(name, field.name());
        if text.is_empty() {
            continue;
        }
        let document: toml_edit::DocumentMut = format!("x = {text}").parse().unwrap();
        let raw = file::raw_item(&document["x"]);
        assert_eq!(config.put(field.section, field.key, &raw), Ok(()), "{name} = {text}");
    }
    assert_eq!(config, Config::default());
}

#[test]
fn no_setting_can_be_mistaken_for_the_file_form_of_another() {
    let names: Vec<String> = Config::fields().iter().map(Field::environment).collect();
    for name in &names {
        assert!(!names.contains(&format!("{name}_FILE")), "{name}");
    }
}

#[test]
fn every_setting_is_documented() {
    for field in Config::fields() {
        assert!(field.doc.iter().any(|line| line.len() > 10), "{}", field.name());
    }
}

#[test]
fn the_defaults_raise_no_objection() {
    assert_eq!(Config::default().objections(), []);
}
