//! The list of the keys that a target has, once, beside that of all others in `keys`.

/// A key of a target.
pub(super) struct TargetKey {
    /// Its name in the manual.
    pub(super) name: &'static str,
    /// What it means.
    #[cfg(test)]
    pub(super) about: &'static str,
    /// What is expected.
    #[cfg(test)]
    pub(super) expected: &'static str,
    /// Its default, in the manual's words.
    #[cfg(test)]
    pub(super) default: &'static str,
}

macro_rules! target_keys {
    ($($name:literal, $about:literal, $expected:literal, $default:literal;)*) => {
        /// The keys that a target has.
        pub(super) const KEYS: [TargetKey; 7] = [$(TargetKey {
            name: concat!("targets.NAME.", $name),
            #[cfg(test)]
            about: $about,
            #[cfg(test)]
            expected: $expected,
            #[cfg(test)]
            default: $default,
        }),*];
    };
}

target_keys! {
    "kind", "What the target is; `path` or `url` say it too.", "sqlite, defradb, nats", "";
    "path", "The SQLite file; made when it is not there, its directory is not.", "a path", "";
    "url", "The DefraDB node, or the NATS servers, by commas.", "http://HOST:PORT, nats://HOST:PORT", "";
    "token_file", "The file with the token of the node or the servers, if they ask for one.", "a path", "";
    "token_env", "The variable with the token of the node or the servers, if they ask for one.", "a name", "";
    "linger_ms", "Milliseconds that an idle target waits after a first change.", "0 to 3600000", "1000; NATS 20";
    "timeout_ms", "Milliseconds that one write may take.", "1 to 3600000", "30000; NATS 20000";
}
