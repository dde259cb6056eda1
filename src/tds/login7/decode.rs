//! Reading a LOGIN7 payload. Every offset and length is checked against the message before anything is taken from it.

use super::{Login7, OptionFlags1, OptionFlags2, OptionFlags3, TypeFlags, feature, reveal};
use crate::{
    domain::Secret,
    tds::{
        DecodeError, TdsVersion,
        cursor::{Reader, utf16_strict},
    },
};

/// A length of 0xFFFF for SSPI data means that the real one is in the last field of the fixed part.
const SSPI_LONG: usize = 0xFFFF;

/// The fixed part before TDS 7.2, and since.
const SHORT_FIXED: usize = 86;
const LONG_FIXED: usize = 94;

impl Login7 {
    /// Reads a whole LOGIN7 payload. What follows the length that it gives itself is left alone.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let length = Reader::new(payload).u32()?;
        let length = usize::try_from(length).map_err(|_| DecodeError::Malformed("LOGIN7 length"))?;
        let message = Reader::new(payload).bytes(length)?;

        let mut fixed = Reader::new(message);
        fixed.u32()?;
        let numbers = Self {
            tds_version: TdsVersion(fixed.u32()?),
            packet_size: fixed.u32()?,
            client_program_version: fixed.u32()?,
            client_pid: fixed.u32()?,
            connection_id: fixed.u32()?,
            options1: OptionFlags1(fixed.u8()?),
            options2: OptionFlags2(fixed.u8()?),
            type_flags: TypeFlags(fixed.u8()?),
            options3: OptionFlags3(fixed.u8()?),
            client_time_zone: fixed.u32()?.cast_signed(),
            client_lcid: fixed.u32()?,
            ..Self::default()
        };
        let [host_name, user_name, password, app_name, server_name] = fields(&mut fixed)?;
        let [extension, library, language, database] = fields(&mut fixed)?;
        let client_id = fixed.array()?;
        let [sspi, attach_db_file] = fields(&mut fixed)?;

        let texts = [host_name, user_name, password, app_name, server_name, library, language, database];
        let begins_early = |field: &Field| field.length > 0 && field.offset < LONG_FIXED;
        let is_short = !numbers.tds_version.is_at_least(TdsVersion::V7_2)
            || texts.iter().chain([&sspi, &attach_db_file]).any(begins_early);
        let ([change_password], sspi_long) =
            if is_short { ([Field::default()], 0) } else { (fields(&mut fixed)?, fixed.u32()?) };

        let data = Data { message, start: if is_short { SHORT_FIXED } else { LONG_FIXED } };
        let sspi_length = match usize::try_from(sspi_long) {
            Ok(long) if sspi.length == SSPI_LONG && long > 0 => long,
            _ => sspi.length,
        };
        Ok(Self {
            host_name: data.text("host name", host_name)?,
            user_name: data.text("user name", user_name)?,
            password: data.secret("password", password)?,
            app_name: data.text("application name", app_name)?,
            server_name: data.text("server name", server_name)?,
            library: data.text("library name", library)?,
            language: data.text("language", language)?,
            database: data.text("database name", database)?,
            client_id,
            sspi: data.bytes(sspi.offset, sspi_length)?.to_vec(),
            attach_db_file: data.text("database file", attach_db_file)?,
            change_password: data.secret("new password", change_password)?,
            features: if numbers.options3.contains(OptionFlags3::EXTENSION) {
                feature::decode_features(&mut data.extension(extension)?)?
            } else {
                Vec::new()
            },
            ..numbers
        })
    }
}

/// Where something is: its offset in the message, and its length in its own unit.
#[derive(Debug, Clone, Copy, Default)]
struct Field {
    offset: usize,
    length: usize,
}

fn fields<const N: usize>(fixed: &mut Reader<'_>) -> Result<[Field; N], DecodeError> {
    let mut all = [Field::default(); N];
    for field in &mut all {
        *field = Field { offset: fixed.u16()?.into(), length: fixed.u16()?.into() };
    }
    Ok(all)
}

/// The message, and where its fixed part ends.
struct Data<'a> {
    message: &'a [u8],
    start: usize,
}

impl<'a> Data<'a> {
    fn bytes(&self, offset: usize, length: usize) -> Result<&'a [u8], DecodeError> {
        if length == 0 {
            return Ok(&[]);
        }
        if offset < self.start {
            return Err(DecodeError::Malformed("LOGIN7 offset"));
        }
        let mut reader = Reader::new(self.message);
        reader.bytes(offset)?;
        reader.bytes(length)
    }

    fn text(&self, name: &'static str, field: Field) -> Result<String, DecodeError> {
        utf16_strict(self.bytes(field.offset, field.length * 2)?).ok_or(DecodeError::Malformed(name))
    }

    fn secret(&self, name: &'static str, field: Field) -> Result<Secret, DecodeError> {
        let mut bytes = zeroize::Zeroizing::new(self.bytes(field.offset, field.length * 2)?.to_vec());
        bytes.iter_mut().for_each(|byte| *byte = reveal(*byte));
        utf16_strict(&bytes).map(Secret::from).ok_or(DecodeError::Malformed(name))
    }

    /// What the extension pointer's pointer points to, up to the message's end.
    fn extension(&self, pointer: Field) -> Result<Reader<'a>, DecodeError> {
        let offset = Reader::new(self.bytes(pointer.offset, 4)?).u32()?;
        let offset = usize::try_from(offset).map_err(|_| DecodeError::Malformed("feature offset"))?;
        if offset < self.start {
            return Err(DecodeError::Malformed("feature offset"));
        }
        let mut reader = Reader::new(self.message);
        reader.bytes(offset)?;
        Ok(reader)
    }
}
