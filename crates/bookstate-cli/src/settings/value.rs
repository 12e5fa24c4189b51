//! The kinds of value that a key may have: how each is written in a file, in the environment and on the
//! command line, and how it is shown.

use std::{net::SocketAddr, path::PathBuf};

use bookstate_domain::{Provider, Text, Variant};
use serde_json::json;

/// A type that a key may have.
pub(super) trait SettingValue: Sized {
    /// What is expected, for messages and the manual.
    fn expected() -> String;
    /// Reads a value of the file.
    fn from_toml(value: &toml::Value) -> Option<Self>;
    /// Reads the text of an environment variable or a flag.
    fn from_text(text: &str) -> Option<Self>;
    /// The value as JSON.
    fn show(&self) -> serde_json::Value;
}

/// Reads a TOML string as its text.
fn text_of<T: SettingValue>(value: &toml::Value) -> Option<T> {
    value.as_str().and_then(T::from_text)
}

impl SettingValue for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        text_of(value)
    }
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn show(&self) -> serde_json::Value {
        self.display().to_string().into()
    }
}

/// Nothing, unless it is given.
impl SettingValue for Option<PathBuf> {
    fn expected() -> String {
        PathBuf::expected()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        PathBuf::from_toml(value).map(Some)
    }
    fn from_text(text: &str) -> Option<Self> {
        PathBuf::from_text(text).map(Some)
    }
    fn show(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, SettingValue::show)
    }
}

/// A text; none, unless it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words(pub(super) Option<String>);

impl SettingValue for Words {
    fn expected() -> String {
        "a text".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(Some(text.to_owned())))
    }
    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// Any number of paths; separated by colons in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths(pub(super) Vec<PathBuf>);

impl SettingValue for Paths {
    fn expected() -> String {
        "a list of paths".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(PathBuf::from_toml).collect::<Option<_>>().map(Self)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.split(':').map(PathBuf::from_text).collect::<Option<_>>().map(Self)
    }
    fn show(&self) -> serde_json::Value {
        self.0.iter().map(SettingValue::show).collect()
    }
}

/// Any number of languages; separated by commas or plus signs in the environment and on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Languages(pub(super) Vec<String>);

impl Languages {
    fn one(text: &str) -> Option<String> {
        let text = text.trim();
        let sound = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_/-".contains(c));
        sound.then(|| text.to_owned())
    }
}

impl SettingValue for Languages {
    fn expected() -> String {
        "a list of languages, such as eng or deu".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let languages = value.as_array()?.iter().map(|value| value.as_str().and_then(Self::one));
        languages.collect::<Option<_>>().map(Self)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.split([',', '+']).map(Self::one).collect::<Option<_>>().map(Self)
    }
    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// Any number of origins of other sites; separated by commas in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origins(pub(super) Vec<String>);

impl Origins {
    fn one(text: &str) -> Option<String> {
        let (scheme, host) = text.trim().split_once("://")?;
        let sound = ["http", "https"].contains(&scheme) && !host.is_empty() && !host.contains(['/', '*']);
        sound.then(|| text.trim().to_owned())
    }
}

impl SettingValue for Origins {
    fn expected() -> String {
        "a list of origins, https://HOST".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let origins = value.as_array()?.iter().map(|value| value.as_str().and_then(Self::one));
        origins.collect::<Option<_>>().map(Self)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.split(',').map(Self::one).collect::<Option<_>>().map(Self)
    }
    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// An address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub(super) SocketAddr);

impl Address {
    /// This machine alone.
    pub(super) const DEFAULT: Self =
        Self(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070));
}

impl SettingValue for Address {
    fn expected() -> String {
        "IP:PORT or localhost:PORT".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        text_of(value)
    }
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        // The one name that means the same on every machine.
        let local =
            || Some((std::net::Ipv4Addr::LOCALHOST, text.strip_prefix("localhost:")?.parse().ok()?).into());
        text.parse().ok().or_else(local).map(Self)
    }
    fn show(&self) -> serde_json::Value {
        self.0.to_string().into()
    }
}

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<const LOW: u64, const HIGH: u64>(pub(super) u64);

impl<const LOW: u64, const HIGH: u64> SettingValue for Whole<LOW, HIGH> {
    fn expected() -> String {
        format!("{LOW} to {HIGH}")
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| (LOW..=HIGH).contains(number)).map(Self)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (LOW..=HIGH).contains(number)).map(Self)
    }
    fn show(&self) -> serde_json::Value {
        self.0.into()
    }
}

impl SettingValue for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> serde_json::Value {
        (*self).into()
    }
}

/// An amount of money; none, unless it is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dollars(pub(super) Option<f64>);

impl Dollars {
    fn sound(dollars: f64) -> Option<Self> {
        (0.0..1e9).contains(&dollars).then_some(Self(Some(dollars)))
    }
}

impl SettingValue for Dollars {
    fn expected() -> String {
        "an amount of US dollars".to_owned()
    }
    #[allow(clippy::cast_precision_loss, reason = "budgets are small")]
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::sound(value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?)
    }
    fn from_text(text: &str) -> Option<Self> {
        Self::sound(text.trim().parse().ok()?)
    }
    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// A value that is one of a few words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$doc])* $variant,)* }
        impl SettingValue for $name {
            fn expected() -> String {
                [$($word),*].join(", ")
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                text_of(value)
            }
            fn from_text(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
            fn show(&self) -> serde_json::Value {
                match self { $(Self::$variant => $word.into(),)* }
            }
        }
    };
}

words! {
    /// When a commit is synced to disk.
    JournalPolicy {
        /// Before the persist call returns.
        Always = "always",
        /// Every few milliseconds, in the background.
        Interval = "interval",
        /// When a target is to be written.
        Os = "os",
    }
}

words! {
    /// How log lines are written.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

words! {
    /// What is done with answers of models that were paid for.
    KeptAnswers {
        /// They are kept, and used again.
        Kept = "kept",
        /// They are kept, and each is asked for once more.
        Renewed = "renewed",
        /// They are neither kept nor used.
        Forgotten = "forgotten",
    }
}

impl SettingValue for Variant {
    fn expected() -> String {
        Self::ALL.iter().map(|variant| variant.as_str()).collect::<Vec<_>>().join(", ")
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        text_of(value)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

/// The name of an engine. Whether there is such an engine is asked when a job starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineName(pub(super) Text);

impl EngineName {
    /// The name of an engine that comes with the program.
    pub(super) fn known(name: &str) -> Self {
        Self(name.into())
    }
}

impl SettingValue for EngineName {
    fn expected() -> String {
        "the name of an engine, or PROVIDER:MODEL".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        text_of(value)
    }
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        // An engine of this program, or `PROVIDER:MODEL`.
        let (name, model) = text.split_once(':').unwrap_or((text, "-"));
        let is_model =
            !model.is_empty() && model.bytes().all(|b| b.is_ascii_graphic() && !b"=,".contains(&b));
        (Provider::new(name).is_ok() && is_model).then(|| Self::known(text))
    }
    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// At least one; separated by commas in the environment.
impl SettingValue for Vec<EngineName> {
    fn expected() -> String {
        "a list of names of engines, or PROVIDER:MODEL".to_owned()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let list = value.as_array()?.iter().map(text_of).collect::<Option<Self>>()?;
        (!list.is_empty()).then_some(list)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.split(',').map(EngineName::from_text).collect()
    }
    fn show(&self) -> serde_json::Value {
        self.iter().map(EngineName::show).collect()
    }
}
