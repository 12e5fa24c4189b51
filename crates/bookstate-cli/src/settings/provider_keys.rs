//! The list of the keys that a provider has, once, beside that of all others in `keys`.

/// The keys that a provider has, as the manual names them.
pub(super) const KEYS: [&str; 10] = [
    "providers.NAME.url",
    "providers.NAME.key_env",
    "providers.NAME.key_file",
    "providers.NAME.requests_per_minute",
    "providers.NAME.tokens_per_minute",
    "providers.NAME.concurrency",
    "providers.NAME.timeout_s",
    "providers.NAME.stream",
    "providers.NAME.json",
    "providers.NAME.price",
];
