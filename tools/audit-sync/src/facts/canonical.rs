//! Which item a pattern of the configuration or of a rule means.

use super::{names::Want, program::Program, signatures::path_segments};

/// The path that a pattern means: re-exports are followed up to its first `*`.
pub(crate) fn canonical(pattern: &str, program: &Program) -> String {
    let Ok(path) = syn::parse_str::<syn::Path>(&pattern.replace('*', "zz_star_zz")) else {
        return pattern.to_owned();
    };
    let segments: Vec<_> = path_segments(&path).into_iter().map(|s| s.replace("zz_star_zz", "*")).collect();
    let Some((krate, _)) = segments.split_first() else { return pattern.to_owned() };
    let fixed = segments.iter().position(|segment| segment.contains('*'));
    let within = |count: usize, want: Want| {
        let mut path = vec!["crate".to_owned()];
        path.extend(segments.iter().take(count).skip(1).cloned());
        program.resolve(krate, &path, want)
    };
    if fixed.is_none() {
        let whole = within(segments.len(), Want::Value);
        if program.free.contains_key(&whole) {
            return whole;
        }
    }
    let count = fixed.unwrap_or(segments.len() - 1).min(segments.len() - 1);
    let start = within(count.max(1), Want::Type);
    if start.starts_with("?::") {
        return pattern.to_owned();
    }
    let rest = segments.iter().skip(count.max(1)).cloned();
    [start].into_iter().chain(rest).collect::<Vec<_>>().join("::")
}
