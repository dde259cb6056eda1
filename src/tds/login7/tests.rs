//! LOGIN7 there and back, its traps, and bytes from nowhere.

use super::*;
use crate::tds::DecodeError;
use proptest::prelude::*;

fn typical() -> Login7 {
    Login7 {
        host_name: "DESK-7".into(),
        user_name: "anna".into(),
        password: "pä$$ 😀".to_owned().into(),
        app_name: "ODBC".into(),
        server_name: "tcp:localhost,1433".into(),
        library: "ODBC Driver 18".into(),
        database: "sales".into(),
        client_id: [1, 2, 3, 4, 5, 6],
        features: vec![
            Feature { id: FeatureId::SESSION_RECOVERY, data: vec![] },
            Feature { id: FeatureId::UTF8_SUPPORT, data: vec![1] },
        ],
        options3: OptionFlags3::UNKNOWN_COLLATION | OptionFlags3::EXTENSION,
        ..Login7::default()
    }
}

#[test]
fn lengths_are_counted_in_utf16_units() {
    let bytes = typical().encode().unwrap();
    // "pä$$ 😀": six characters, seven units.
    assert_eq!(u16::from_le_bytes([bytes[46], bytes[47]]), 7);
    assert_eq!(Login7::decode(&bytes), Ok(typical()));
}

#[test]
fn the_password_is_disguised_as_the_drivers_do() {
    assert_eq!([obscure(b'a'), obscure(0)], [0xB3, 0xA5]);
    assert!((0..=255).all(|byte| reveal(obscure(byte)) == byte));
    let bytes = typical().encode().unwrap();
    assert!(!bytes.windows(4).any(|window| window == [b'$', 0, b'$', 0]));
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let login = Login7 {
        password: "canary-one".to_owned().into(),
        change_password: "canary-two".to_owned().into(),
        sspi: b"canary-four".to_vec(),
        features: vec![Feature { id: FeatureId::FED_AUTH, data: b"canary-three".to_vec() }],
        ..Login7::default()
    };
    let printed = format!("{login:?}");
    assert!(!printed.contains("canary") && !printed.contains("99, 97"), "{printed}");
}

#[test]
fn the_feature_pointer_is_a_place_in_the_data_that_holds_the_offset() {
    let bytes = typical().encode().unwrap();
    let pointer = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    assert_eq!(bytes[58..60], [4, 0]);
    let block = u32::from_le_bytes(bytes[pointer..pointer + 4].try_into().unwrap()) as usize;
    assert_eq!(bytes[block..], [1, 0, 0, 0, 0, 0x0A, 1, 0, 0, 0, 1, 0xFF]);
}

#[test]
fn the_extension_bit_follows_the_features() {
    let mut login = typical();
    assert!(login.remove_feature(FeatureId::SESSION_RECOVERY));
    assert!(login.remove_feature(FeatureId::UTF8_SUPPORT));
    assert!(!login.remove_feature(FeatureId::UTF8_SUPPORT));
    let again = Login7::decode(&login.encode().unwrap()).unwrap();
    assert!(!again.options3.contains(OptionFlags3::EXTENSION));
    assert_eq!(again.features, []);
}

#[test]
fn a_login_of_sql_server_2000_has_the_shorter_fixed_part() {
    let login = Login7 { tds_version: TdsVersion::V7_1, features: vec![], options3: OptionFlags3(0), ..typical() };
    let bytes = login.encode().unwrap();
    assert_eq!(u16::from_le_bytes([bytes[36], bytes[37]]), 86);
    assert_eq!(Login7::decode(&bytes), Ok(login));
}

#[test]
fn a_newer_client_with_the_shorter_fixed_part_is_read_by_its_smallest_offset() {
    let login = Login7 { tds_version: TdsVersion::V7_1, features: vec![], options3: OptionFlags3(0), ..typical() };
    let mut bytes = login.encode().unwrap();
    bytes[4..8].copy_from_slice(&TdsVersion::V7_2.0.to_le_bytes());
    assert_eq!(Login7::decode(&bytes), Ok(Login7 { tds_version: TdsVersion::V7_2, ..login }));
}

#[test]
fn long_sspi_data_has_its_length_at_the_end_of_the_fixed_part() {
    let login = Login7 { sspi: vec![7; 70_000], features: vec![], options3: OptionFlags3(0), ..Login7::default() };
    let bytes = login.encode().unwrap();
    assert_eq!(bytes[80..82], [0xFF, 0xFF]);
    assert_eq!(Login7::decode(&bytes), Ok(login));
}

#[test]
fn an_offset_outside_the_message_or_inside_the_fixed_part_is_refused() {
    let mut beyond = typical().encode().unwrap();
    beyond[36..38].copy_from_slice(&60_000u16.to_le_bytes());
    assert_eq!(Login7::decode(&beyond), Err(DecodeError::Incomplete));
    let mut inside = typical().encode().unwrap();
    inside[36..38].copy_from_slice(&10u16.to_le_bytes());
    assert_eq!(Login7::decode(&inside), Err(DecodeError::Malformed("LOGIN7 offset")));
}

#[test]
fn a_surrogate_on_its_own_is_refused_rather_than_changed() {
    let login = Login7 { host_name: "x".into(), ..Login7::default() };
    let mut bytes = login.encode().unwrap();
    bytes[94..96].copy_from_slice(&[0x00, 0xD8]);
    assert_eq!(Login7::decode(&bytes), Err(DecodeError::Malformed("host name")));
}

#[test]
fn a_login_cut_anywhere_is_incomplete() {
    let bytes = typical().encode().unwrap();
    for end in 0..bytes.len() {
        assert_eq!(Login7::decode(&bytes[..end]), Err(DecodeError::Incomplete), "{end}");
    }
}

#[test]
fn a_text_too_long_for_the_wire_is_not_cut_in_silence() {
    let login = Login7 { app_name: "a".repeat(70_000), ..Login7::default() };
    assert!(login.encode().is_err());
}

prop_compose! {
    fn logins()(
        numbers in any::<(u32, u32, u32, u32, i32, u32)>(),
        flags in any::<(u8, u8, u8, u8)>(),
        texts in proptest::collection::vec(".{0,40}", 10..11),
        client_id in any::<[u8; 6]>(),
        sspi in proptest::collection::vec(any::<u8>(), 0..40),
        features in proptest::collection::vec((0u8..0xFF, proptest::collection::vec(any::<u8>(), 0..30)), 0..4),
        version in prop::sample::select(vec![TdsVersion::V7_2, TdsVersion::V7_3B, TdsVersion::V7_4, TdsVersion::V8_0]),
    ) -> Login7 {
        let mut options3 = OptionFlags3(flags.3);
        options3.set(OptionFlags3::EXTENSION, !features.is_empty());
        let text = |index: usize| texts[index].clone();
        Login7 {
            tds_version: version,
            packet_size: numbers.0,
            client_program_version: numbers.1,
            client_pid: numbers.2,
            connection_id: numbers.3,
            options1: OptionFlags1(flags.0),
            options2: OptionFlags2(flags.1),
            type_flags: TypeFlags(flags.2),
            options3,
            client_time_zone: numbers.4,
            client_lcid: numbers.5,
            host_name: text(0),
            user_name: text(1),
            password: text(2).into(),
            app_name: text(3),
            server_name: text(4),
            library: text(5),
            language: text(6),
            database: text(7),
            client_id,
            sspi,
            attach_db_file: text(8),
            change_password: text(9).into(),
            features: features.into_iter().map(|(id, data)| Feature { id: FeatureId(id), data }).collect(),
        }
    }
}

proptest! {
    #[test]
    fn a_login_comes_back_as_it_was(login in logins()) {
        prop_assert_eq!(Login7::decode(&login.encode().unwrap()), Ok(login));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Login7::decode(&bytes);
    }

    #[test]
    fn a_damaged_login_never_panics(login in logins(), damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = login.encode().unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Login7::decode(&bytes);
    }
}
