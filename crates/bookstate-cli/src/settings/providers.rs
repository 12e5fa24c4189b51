//! Providers of models as the configuration has them: `[providers.NAME]` in a file. Keys are named there, never given.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bookstate_domain::Provider;
use bookstate_llm::{JsonWay, Key, KeyError, Price, ProviderConfig, Usd};
use serde_json::json;

use super::{
    layer::{Origin, Row},
    meant::{unknown, written_in},
};
use crate::failure::Failure;

/// Where a provider's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The server wants none.
    None,
    /// In this environment variable.
    Variable(String),
    /// In this file.
    File(PathBuf),
}

impl KeySource {
    /// The key. Blocks.
    ///
    /// # Errors
    /// It is not there, or others can read its file.
    pub(crate) fn key(&self) -> Result<Option<Key>, KeyError> {
        match self {
            Self::None => Ok(None),
            Self::Variable(name) => Key::from_env(name).map(Some),
            Self::File(path) => Key::from_file(path).map(Some),
        }
    }
}

/// A provider as it is configured, without its key.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSettings {
    /// How it is used.
    pub(crate) config: ProviderConfig,
    /// Where its key is.
    pub(crate) key: KeySource,
    rows: Vec<Row>,
}

impl ProviderSettings {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// The `[providers]` of a file. Relative paths are relative to the file.
pub(super) fn of_file(providers: &toml::Value, path: &Path) -> Result<Vec<ProviderSettings>, Failure> {
    let shape =
        || Failure::usage(format_args!("providers in {}: [providers.NAME] is expected", path.display()));
    let table = providers.as_table().ok_or_else(shape)?;
    table.iter().map(|(name, provider)| one(name, provider.as_table().ok_or_else(shape)?, path)).collect()
}

/// The providers of a file over those of another one.
pub(super) fn merged(
    mut below: Vec<ProviderSettings>,
    above: Vec<ProviderSettings>,
) -> Vec<ProviderSettings> {
    below.retain(|old| above.iter().all(|new| new.name() != old.name()));
    below.extend(above);
    below.sort_by(|a, b| a.name().cmp(b.name()));
    below
}

fn one(name: &str, table: &toml::Table, file: &Path) -> Result<ProviderSettings, Failure> {
    if Provider::new(name).is_err() {
        return Err(Failure::usage(format_args!(
            "providers.{name} in {}: a name has letters, digits, _ and - only",
            file.display()
        )));
    }
    let full = |key: &str| format!("providers.{name}.{key}");
    let expected = |key: &str, what: &str| {
        Failure::usage(format_args!("{} in {}: expected {what}", full(key), file.display()))
    };
    let mut config = ProviderConfig::new(name, "");
    config.urls.clear();
    let mut key = KeySource::None;
    let mut rows = Vec::new();
    for (field, value) in table {
        let wrong = |what: &str| expected(field, what);
        let text = || value.as_str().filter(|text| !text.is_empty());
        let count = |most: u32| {
            let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| (1..=most).contains(number)).ok_or_else(|| wrong(&format!("1 to {most}")))
        };
        let mut shown = json!(null);
        match field.as_str() {
            "url" => {
                let url = |url: &toml::Value| url.as_str().map(str::to_owned);
                let urls = match value.as_array() {
                    Some(urls) => urls.iter().map(url).collect(),
                    None => url(value).map(|url| vec![url]),
                };
                config.urls = urls.ok_or_else(|| wrong("a URL, or a list of them"))?;
                shown = json!(config.urls);
            }
            "key_env" => {
                // A key that was written here by mistake is not repeated.
                let is_name = |text: &&str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let name = text().filter(is_name).ok_or_else(|| wrong("the name of a variable"))?;
                shown = json!(name);
                key = KeySource::Variable(name.to_owned());
            }
            "key_file" => {
                let path = text().ok_or_else(|| wrong("a path"))?;
                let path = file.parent().unwrap_or(Path::new("")).join(path);
                shown = json!(path.display().to_string());
                key = KeySource::File(path);
            }
            "requests_per_minute" => config.limits.requests = Some(count(1_000_000)?),
            "tokens_per_minute" => config.limits.tokens = Some(count(1_000_000_000)?),
            "concurrency" => config.concurrency = count(1_024)? as usize,
            "timeout_s" => config.timeout = Duration::from_secs(count(86_400)?.into()),
            "stream" => config.stream = value.as_bool().ok_or_else(|| wrong("true or false"))?,
            "json" => {
                config.json = Some(match text() {
                    Some("schema") => JsonWay::Schema,
                    Some("object") => JsonWay::Object,
                    Some("prompt") => JsonWay::Prompt,
                    _ => return Err(wrong("schema, object or prompt")),
                });
            }
            "price" => {
                let prices = value.as_table().and_then(prices);
                config.prices = prices.ok_or_else(|| wrong(PRICES))?;
                shown = json!(config.prices.keys().collect::<Vec<_>>());
            }
            _ => return Err(unknown(&full(field), &written_in(file))),
        }
        if shown.is_null() {
            shown = match value {
                toml::Value::Integer(number) => json!(number),
                toml::Value::Boolean(is) => json!(is),
                value => json!(value.as_str()),
            };
        }
        rows.push(Row { key: full(field), value: shown, origin: Origin::File(file.to_owned()).to_string() });
    }
    if table.contains_key("key_env") && table.contains_key("key_file") {
        let (a, b) = (full("key_env"), full("key_file"));
        return Err(Failure::usage(format_args!("{a} and {b} in {}: keep one", file.display())));
    }
    config.check().map_err(|error| Failure::usage(format_args!("{error} ({})", file.display())))?;
    Ok(ProviderSettings { config, key, rows })
}

const PRICES: &str = "\"MODEL\" = { prompt = DOLLARS, completion = DOLLARS }, each for a million tokens";

fn prices(table: &toml::Table) -> Option<BTreeMap<String, Price>> {
    let amount = |price: &toml::Table, name: &str| {
        let value = price.get(name)?;
        #[allow(clippy::cast_precision_loss, reason = "prices are small")]
        let dollars = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
        Usd::from_dollars(dollars)
    };
    let price = |value: &toml::Value| {
        let table = value.as_table().filter(|table| table.len() == 2)?;
        Some(Price { prompt: amount(table, "prompt")?, completion: amount(table, "completion")? })
    };
    table.iter().map(|(model, value)| Some((model.clone(), price(value)?))).collect()
}
