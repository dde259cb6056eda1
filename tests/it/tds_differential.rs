//! The wire layer against an independent implementation of MS-TDS, the `tds-protocol` crate: what the one writes, the
//! other must read as it was meant.
//!
//! Where the two differ, the specification and the drivers measured decide, and the difference is written down here:
//! it swaps bits 0x02 and 0x04 of OptionFlags3, reads the version of LOGINACK with its bytes the wrong way round, and
//! writes thread ids with the high byte first, which no one reads.

use gatehouse::tds::{
    AllHeaders, Encryption, Login7, PacketHeader, PacketType, PreLogin, Status, TdsVersion, Token,
    data::{Collation, Column, Columns, ReturnValue, TypeInfo, Value},
    login7::{Feature, FeatureId, OptionFlags1, OptionFlags2, OptionFlags3, TypeFlags},
    request::{Parameter, Procedure, Rpc, SqlBatch},
    token::{Done, DoneKind, DoneStatus, EnvChange, EnvKind, FedAuthInfo, LoginAck, Route, ServerMessage},
};
use proptest::prelude::*;
use tds_protocol::{
    login7 as oracle_login, packet as oracle_packet, prelogin as oracle_prelogin, rpc, token as oracle,
};

const NEW: TdsVersion = TdsVersion::V7_4;

fn encode(token: &Token) -> Vec<u8> {
    let mut bytes = Vec::new();
    token.encode(NEW, &mut bytes);
    bytes
}

/// The one token in these bytes, as the oracle reads it.
fn read_by_oracle(bytes: Vec<u8>) -> oracle::Token {
    let mut parser = oracle::TokenParser::new(bytes.into());
    let token = parser.next_token().unwrap().unwrap();
    assert!(!parser.has_remaining());
    token
}

proptest! {
    #[test]
    fn packet_headers_agree(status in 0u8..4, length in 8u16.., spid: u16, packet_id: u8) {
        let header = PacketHeader { kind: PacketType::Rpc, status: Status(status), length, spid, packet_id, window: 0 };
        let theirs = oracle_packet::PacketHeader::decode(&mut &header.encode()[..]).unwrap();
        prop_assert_eq!((theirs.length, theirs.spid, theirs.packet_id), (length, spid, packet_id));
        prop_assert_eq!(PacketHeader::decode(&theirs.encode_to_bytes()), Ok(header));
    }

    #[test]
    fn a_prelogin_that_it_writes_is_read(
        encryption in 0u8..4, instance in proptest::option::of("[a-zA-Z]{1,16}"), mars: bool, fed_auth: bool,
        nonce: Option<[u8; 32]>, trace: Option<([u8; 16], u32)>,
    ) {
        let mut theirs = oracle_prelogin::PreLogin::new()
            .with_encryption(oracle_prelogin::EncryptionLevel::from_u8(encryption).unwrap())
            .with_mars(mars)
            .with_fed_auth_required(fed_auth);
        theirs.instance = instance.clone();
        theirs.nonce = nonce;
        theirs.trace_id = trace.map(|(activity_id, activity_sequence)| oracle_prelogin::TraceId { activity_id, activity_sequence });
        let ours = PreLogin::decode(&theirs.encode()).unwrap();
        prop_assert_eq!(ours.encryption, Some(Encryption::from(encryption)));
        prop_assert_eq!(ours.instance, instance.map(|name| [name.as_bytes(), &[0]].concat()));
        prop_assert_eq!(ours.mars, Some(mars));
        prop_assert_eq!(ours.fed_auth_required, fed_auth.then_some(true));
        prop_assert_eq!(ours.nonce, nonce);
        prop_assert_eq!(ours.trace_id.is_some(), trace.is_some());
        prop_assert_eq!(ours.version, [0x74, 0, 0, 4, 0, 0]);
    }

    #[test]
    fn a_prelogin_that_we_write_is_read_by_it(
        encryption in 0u8..4, mars: Option<bool>, fed_auth: Option<bool>, nonce: Option<[u8; 32]>, version: [u8; 6],
    ) {
        let ours = PreLogin {
            version, encryption: Some(encryption.into()), instance: Some(b"MSSQLSERVER\0".to_vec()),
            mars, fed_auth_required: fed_auth, nonce, ..PreLogin::default()
        };
        let theirs = oracle_prelogin::PreLogin::decode(&ours.encode().unwrap()[..]).unwrap();
        prop_assert_eq!(theirs.encryption as u8, encryption);
        prop_assert_eq!(theirs.mars, mars.unwrap_or(false));
        prop_assert_eq!(theirs.fed_auth_required, fed_auth.unwrap_or(false));
        prop_assert_eq!(theirs.nonce, nonce);
        prop_assert_eq!(theirs.instance.as_deref(), Some("MSSQLSERVER"));
        let product = theirs.server_version.unwrap();
        prop_assert_eq!([product.major, product.minor], [version[0], version[1]]);
        prop_assert_eq!(product.build, u16::from_be_bytes([version[2], version[3]]));
    }

    #[test]
    fn a_login_that_it_writes_is_read(
        texts in proptest::collection::vec(".{0,30}", 10), sspi in proptest::collection::vec(any::<u8>(), 0..50),
        numbers: (u32, u32, u32, u32, i32, u32), flags: [bool; 8], utf8: Option<u8>, client_id: [u8; 6],
    ) {
        let text = |index: usize| texts[index].clone();
        let mut theirs = oracle_login::Login7 {
            packet_size: numbers.0,
            client_prog_version: numbers.1,
            client_pid: numbers.2,
            connection_id: numbers.3,
            client_timezone: numbers.4,
            client_lcid: numbers.5,
            hostname: text(0),
            username: text(1),
            password: text(2),
            app_name: text(3),
            server_name: text(4),
            library_name: text(5),
            language: text(6),
            database: text(7),
            attach_db_file: text(8),
            new_password: text(9),
            sspi_data: sspi.clone(),
            client_id,
            ..oracle_login::Login7::default()
        };
        theirs.option_flags1.use_db_notify = flags[0];
        theirs.option_flags1.set_lang_warn = flags[1];
        theirs.option_flags2.odbc = flags[2];
        theirs.option_flags2.integrated_security = flags[3];
        theirs.type_flags.read_only_intent = flags[4];
        theirs.option_flags3.change_password = flags[5];
        theirs.option_flags3.user_instance = flags[6];
        theirs.option_flags3.send_yukon_binary_xml = flags[7];
        if let Some(byte) = utf8 {
            let feature_id = oracle_login::FeatureId::Utf8Support;
            theirs = theirs.with_feature(oracle_login::FeatureExtension { feature_id, data: vec![byte].into() });
        }
        let ours = Login7::decode(&theirs.encode()).unwrap();
        let read = [
            &ours.host_name, &ours.user_name, ours.password.expose(), &ours.app_name, &ours.server_name, &ours.library,
            &ours.language, &ours.database, &ours.attach_db_file, ours.change_password.expose(),
        ];
        prop_assert_eq!(read.map(str::to_owned).to_vec(), texts);
        prop_assert_eq!(
            (ours.packet_size, ours.client_program_version, ours.client_pid, ours.connection_id, ours.client_time_zone, ours.client_lcid),
            numbers
        );
        prop_assert_eq!((ours.client_id, ours.sspi, ours.tds_version), (client_id, sspi, NEW));
        prop_assert_eq!(ours.options1.contains(OptionFlags1::USE_DB), flags[0]);
        prop_assert_eq!(ours.options1.contains(OptionFlags1::SET_LANG), flags[1]);
        prop_assert_eq!(ours.options2.contains(OptionFlags2::ODBC), flags[2]);
        prop_assert_eq!(ours.options2.contains(OptionFlags2::INTEGRATED), flags[3]);
        prop_assert_eq!(ours.type_flags.contains(TypeFlags::READ_ONLY_INTENT), flags[4]);
        prop_assert_eq!(ours.options3.contains(OptionFlags3::CHANGE_PASSWORD), flags[5]);
        // Swapped by the oracle.
        prop_assert_eq!(ours.options3.contains(OptionFlags3::BINARY_XML), flags[6]);
        prop_assert_eq!(ours.options3.contains(OptionFlags3::USER_INSTANCE), flags[7]);
        let features = utf8.map(|byte| Feature { id: FeatureId::UTF8_SUPPORT, data: vec![byte] });
        prop_assert_eq!(ours.features, features.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn messages_and_acknowledgements_that_we_write_are_read_by_it(
        number: i32, state: u8, class: u8, message in ".{0,60}", server in ".{0,20}", line in 0u32..1 << 31, version: [u8; 4],
    ) {
        let ours = ServerMessage { line, ..ServerMessage::new(number, state, class, message.clone(), server.clone()) };
        let oracle::Token::Error(theirs) = read_by_oracle(encode(&Token::Error(ours.clone()))) else { panic!() };
        prop_assert_eq!((theirs.number, theirs.state, theirs.class, theirs.line), (number, state, class, line as i32));
        prop_assert_eq!((theirs.message, theirs.server, theirs.procedure), (message.clone(), server.clone(), String::new()));
        let oracle::Token::Info(theirs) = read_by_oracle(encode(&Token::Info(ours))) else { panic!() };
        prop_assert_eq!((theirs.number, theirs.message), (number, message));

        let ack = LoginAck { interface: 1, tds_version: NEW, program: server.clone(), program_version: version };
        let oracle::Token::LoginAck(theirs) = read_by_oracle(encode(&Token::LoginAck(ack))) else { panic!() };
        prop_assert_eq!((theirs.interface, theirs.prog_name), (1, server));
        // Read the wrong way round by the oracle.
        prop_assert_eq!(theirs.tds_version.swap_bytes(), NEW.0);
        prop_assert_eq!(theirs.prog_version.to_le_bytes(), version);
    }

    #[test]
    fn ends_that_we_write_are_read_by_it_and_the_other_way_round(command: u16, rows: u64, bits in 0u16..0x140) {
        let status = bits & 0x0137;
        let ours = |kind| Done { kind, status: DoneStatus(status), command, rows };
        let oracle::Token::Done(theirs) = read_by_oracle(encode(&Token::Done(ours(DoneKind::Done)))) else { panic!() };
        prop_assert_eq!((theirs.status.to_bits(), theirs.cur_cmd, theirs.row_count), (status, command, rows));
        let mut back = Vec::new();
        theirs.encode(&mut back);
        prop_assert_eq!(back, encode(&Token::Done(ours(DoneKind::Done))));
        let oracle::Token::DoneProc(theirs) = read_by_oracle(encode(&Token::Done(ours(DoneKind::Proc)))) else { panic!() };
        prop_assert_eq!(theirs.row_count, rows);
        let oracle::Token::DoneInProc(theirs) = read_by_oracle(encode(&Token::Done(ours(DoneKind::InProc)))) else { panic!() };
        prop_assert_eq!(theirs.row_count, rows);
    }

    #[test]
    fn changes_that_we_write_are_read_by_it(
        kind in 1u8..7, new in ".{0,30}", old in ".{0,30}", collation: [u8; 5], descriptor: u64, port: u16, server in ".{1,30}",
    ) {
        let read = |change| match read_by_oracle(encode(&Token::EnvChange(change))) {
            oracle::Token::EnvChange(theirs) => theirs,
            other => panic!("{other:?}"),
        };
        let theirs = read(EnvChange::text(EnvKind(kind), new.clone(), old.clone()));
        prop_assert_eq!(theirs.env_type as u8, kind);
        prop_assert!(matches!(theirs.new_value, oracle::EnvChangeValue::String(text) if text == new));
        prop_assert!(matches!(theirs.old_value, oracle::EnvChangeValue::String(text) if text == old));
        let theirs = read(EnvChange::bytes(EnvKind::COLLATION, collation, []));
        prop_assert!(matches!(theirs.new_value, oracle::EnvChangeValue::Binary(bytes) if bytes[..] == collation));
        let theirs = read(EnvChange::begin_transaction(descriptor));
        prop_assert!(matches!(theirs.new_value, oracle::EnvChangeValue::Binary(bytes) if bytes[..] == descriptor.to_le_bytes()));
        let theirs = read(EnvChange::routing(Route { protocol: 0, port, server: server.clone(), database: None }));
        prop_assert_eq!(theirs.routing_info(), Some((server.as_str(), port)));
    }

    #[test]
    fn features_and_token_places_that_we_write_are_read_by_it(
        id in 1u8..0xFF, data in proptest::collection::vec(any::<u8>(), 0..20), sts_url in ".{0,40}", spn in ".{0,40}",
    ) {
        let ack = Token::FeatureExtAck(vec![Feature { id: FeatureId(id), data: data.clone() }]);
        let oracle::Token::FeatureExtAck(theirs) = read_by_oracle(encode(&ack)) else { panic!() };
        prop_assert_eq!(theirs.features.len(), 1);
        prop_assert_eq!((theirs.features[0].feature_id, &theirs.features[0].data[..]), (id, &data[..]));
        let info = Token::FedAuthInfo(FedAuthInfo { sts_url: Some(sts_url.clone()), spn: Some(spn.clone()) });
        let oracle::Token::FedAuthInfo(theirs) = read_by_oracle(encode(&info)) else { panic!() };
        prop_assert_eq!((theirs.sts_url, theirs.spn), (sts_url, spn));
    }

    #[test]
    fn batches_and_calls_that_it_writes_are_read(
        sql in ".{0,80}", transaction: u64, number: i32, big: i64, text in ".{0,40}", name in "@[a-z]{1,8}",
    ) {
        let bytes = tds_protocol::SqlBatch::new(sql.clone()).encode();
        let headers = AllHeaders::of_transaction(0);
        prop_assert_eq!(SqlBatch::decode(&bytes, NEW), Ok(SqlBatch { headers, text: sql.clone() }));

        let parameters = vec![
            rpc::RpcParam::int(name.clone(), number),
            rpc::RpcParam::bigint("@big", big).as_output(),
            rpc::RpcParam::nvarchar("@text", &text),
            rpc::RpcParam::nvarchar("@long", &"ab".repeat(3000)),
            rpc::RpcParam::null("@none", rpc::TypeInfo::uuid()),
        ];
        let read = Rpc::decode(&rpc::RpcRequest::execute_sql(&sql, parameters).encode_with_transaction(transaction), NEW).unwrap();
        prop_assert_eq!(read.headers, AllHeaders::of_transaction(transaction));
        let [call] = &read.calls[..] else { panic!("{:?}", read.calls) };
        prop_assert_eq!(call.procedure.name(), "sp_executesql");
        let [statement, _declarations, rest @ ..] = &call.parameters[..] else { panic!("{call:?}") };
        prop_assert_eq!(&statement.value, &Value::Text(sql));
        let read: Vec<(&str, &Value)> = rest.iter().map(|parameter| (parameter.name.as_str(), &parameter.value)).collect();
        let long = Value::Text("ab".repeat(3000));
        prop_assert_eq!(read, [
            (name.as_str(), &Value::Int(number)), ("@big", &Value::BigInt(big)), ("@text", &Value::Text(text)), ("@long", &long),
            ("@none", &Value::Null),
        ]);

        let named = rpc::RpcRequest::named("dbo.p").param(rpc::RpcParam::int("", number)).encode();
        let read = Rpc::decode(&named, NEW).unwrap();
        prop_assert_eq!(&read.calls[0].procedure, &Procedure::Name("dbo.p".into()));
        prop_assert_eq!(&read.calls[0].parameters, &[Parameter::new("", TypeInfo::IntN(4), Value::Int(number))]);
    }

    #[test]
    fn results_that_we_write_are_read_by_it(number: i32, text in proptest::option::of(".{0,40}"), days in 0u32..3_652_059, time in 0u64..864_000_000_000) {
        let columns = Columns(vec![
            Column::new("number", TypeInfo::Int),
            Column::new("text", TypeInfo::nvarchar(100)),
            Column::new("long", TypeInfo::nvarchar(5000)),
            Column::new("when", TypeInfo::DateTime2(7)),
            Column::new("sum", TypeInfo::Decimal { precision: 18, scale: 2 }),
            Column::new("code", TypeInfo::VarChar(20, Collation::LATIN1)),
        ]);
        let text = text.map_or(Value::Null, Value::Text);
        let sum = Value::Decimal { positive: false, digits: 1234 };
        let row = [Value::Int(number), text.clone(), text, Value::DateTime2 { days, time }, sum, Value::Bytes(b"abc".to_vec())];
        let mut bytes = Vec::new();
        columns.encode(NEW, &mut bytes).unwrap();
        columns.encode_row(&row, &mut bytes).unwrap();
        columns.encode_nbc_row(&row, &mut bytes).unwrap();
        ReturnValue::output(2, "@out", TypeInfo::IntN(4), Value::Int(number)).encode(NEW, &mut bytes).unwrap();
        bytes.extend(encode(&Token::Done(Done::new(DoneStatus::COUNT, 0xC1, 2))));

        let mut parser = oracle::TokenParser::new(bytes.into());
        let Some(oracle::Token::ColMetaData(theirs)) = parser.next_token().unwrap() else { panic!() };
        let names: Vec<&str> = theirs.columns.iter().map(|column| column.name.as_str()).collect();
        prop_assert_eq!(names, ["number", "text", "long", "when", "sum", "code"]);
        let codes: Vec<u8> = theirs.columns.iter().map(|column| column.col_type).collect();
        prop_assert_eq!(codes, columns.0.iter().map(|column| column.kind.code()).collect::<Vec<_>>());
        prop_assert_eq!(theirs.columns[4].type_info.precision, Some(18));
        prop_assert!(matches!(parser.next_token_with_metadata(Some(&theirs)).unwrap(), Some(oracle::Token::Row(_))));
        prop_assert!(matches!(parser.next_token_with_metadata(Some(&theirs)).unwrap(), Some(oracle::Token::NbcRow(_))));
        let Some(oracle::Token::ReturnValue(returned)) = parser.next_token_with_metadata(Some(&theirs)).unwrap() else { panic!() };
        prop_assert_eq!((returned.param_ordinal, returned.param_name.as_str()), (2, "@out"));
        let Some(oracle::Token::Done(done)) = parser.next_token_with_metadata(Some(&theirs)).unwrap() else { panic!() };
        prop_assert_eq!(done.row_count, 2);
        prop_assert!(!parser.has_remaining());
    }
}
