//! What a section of the settings is, and the macro that declares one.

pub(super) use super::setting::{Raw, Setting};

/// One setting, as the reference and the error texts know it.
#[derive(Debug, Clone)]
pub struct Field {
    /// The section it is in.
    pub section: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// What it does: the lines of its doc comment.
    pub doc: &'static [&'static str],
    /// What its value looks like, in words.
    pub expected: String,
    /// Its default, in words or as TOML.
    pub default: String,
    /// A TOML value for the example file.
    pub example: String,
    /// Whether its value is masked wherever it is shown.
    pub secret: bool,
}

impl Field {
    /// `section.key`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The name of its environment variable.
    pub fn environment(&self) -> String {
        format!("GATEHOUSE_{}_{}", self.section.to_uppercase(), self.key.to_uppercase())
    }
}

/// Why a value was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No setting has that name.
    UnknownKey,
    /// The value is not what the setting expects.
    Value {
        /// What it expects.
        expected: String,
    },
}

/// A section: made by [`section!`].
pub(super) trait Section: Objections + Default {
    const NAME: &'static str;
    const DOC: &'static [&'static str];

    fn fields() -> Vec<Field>;
    fn put(&mut self, key: &str, raw: &Raw) -> Result<(), Refused>;
    fn texts(&self) -> Vec<(&'static str, String)>;
}

/// What is wrong with a section's values taken together, or with one that its type alone cannot rule out.
pub(super) trait Objections {
    /// (key, what is wrong).
    fn objections(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Objects where a number lies outside of its limits.
pub(super) fn between(key: &'static str, value: usize, least: usize, most: usize) -> Option<(&'static str, String)> {
    (!(least..=most).contains(&value)).then(|| (key, format!("has to be from {least} to {most}")))
}

/// Objects where a time limit is zero, for settings where zero would mean that nothing ever works.
pub(super) fn positive(key: &'static str, value: std::time::Duration) -> Option<(&'static str, String)> {
    value.is_zero().then(|| (key, "has to be longer than nothing".to_owned()))
}

/// Declares a section: its struct, defaults, parser and documentation, from one list of fields.
///
/// `shown` is the default in words, where it depends on the machine; `example` is a TOML value for the example file, where the default
/// is not one.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $Name:ident = $section:literal;
        $(
            $(#[doc = $doc:literal])+
            $field:ident: $Type:ty = $default:expr $(, shown $shown:literal)? $(, example $example:literal)?;
        )+
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Name {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nThe setting `", $section, ".", stringify!($field), "`.")]
                pub $field: $Type,
            )+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $crate::config::section::Section for $Name {
            const NAME: &'static str = $section;
            const DOC: &'static [&'static str] = &[$($about),+];

            fn fields() -> Vec<$crate::config::section::Field> {
                use $crate::config::section::Setting as _;
                let defaults = Self::default();
                vec![$({
                    let literal = defaults.$field.toml();
                    $crate::config::section::Field {
                        section: $section,
                        key: stringify!($field),
                        doc: &[$($doc),+],
                        expected: <$Type>::expected(),
                        default: None::<&str>$(.or(Some($shown)))?.map_or_else(|| literal.clone(), str::to_owned),
                        example: None::<&str>$(.or(Some($example)))?.map_or(literal, str::to_owned),
                        secret: <$Type>::SECRET,
                    }
                }),+]
            }

            fn put(
                &mut self,
                key: &str,
                raw: &$crate::config::section::Raw,
            ) -> Result<(), $crate::config::section::Refused> {
                use $crate::config::section::{Refused, Setting as _};
                $(
                    if key == stringify!($field) {
                        self.$field = <$Type>::read(raw).ok_or_else(|| Refused::Value { expected: <$Type>::expected() })?;
                        return Ok(());
                    }
                )+
                Err(Refused::UnknownKey)
            }

            fn texts(&self) -> Vec<(&'static str, String)> {
                use $crate::config::section::Setting as _;
                vec![$( (stringify!($field), self.$field.toml()) ),+]
            }
        }
    };
}

pub(super) use section;
