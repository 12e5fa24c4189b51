//! The text format of Prometheus, as much of it as is needed: counters, gauges, one histogram.
//!
//! The numbers are those of the crates below, read when they are asked for; a registry would hold copies of
//! them.

use std::fmt::Display;

/// A page of metrics.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

/// A label and its value.
pub(crate) type Label<'a> = (&'a str, &'a str);

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            self.0.push_str(&format!("{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' }));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.0.push_str(&format!("{end} {value}\n"));
    }

    /// A metric of one value.
    pub(crate) fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    /// A metric with a value per set of labels.
    pub(crate) fn many<'a, V: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        values: impl IntoIterator<Item = (Vec<Label<'a>>, V)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in values {
            self.line(name, &labels, value);
        }
    }

    /// A histogram of seconds: for each upper bound how many values were at most that, then their sum.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, at_most: &[(Option<f64>, u64)], sum: f64) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in at_most {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.line(&bucket, &[("le", &bound)], count);
        }
        self.line(&format!("{name}_sum"), &[], sum);
        self.line(&format!("{name}_count"), &[], at_most.last().map_or(0, |(_, count)| *count));
    }

    /// The page.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut page = Exposition::default();
        page.one("a_total", "counter", "How many.", 3);
        page.many("b", "gauge", "How far.", [(vec![("target", "a\"b\\c\nd"), ("x", "y")], 1.5)]);
        page.histogram("c_seconds", "How long.", &[(Some(0.001), 1), (None, 2)], 0.25);
        let text = "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
                    # HELP b How far.\n# TYPE b gauge\nb{target=\"a\\\"b\\\\c\\nd\",x=\"y\"} 1.5\n\
                    # HELP c_seconds How long.\n# TYPE c_seconds histogram\n\
                    c_seconds_bucket{le=\"0.001\"} 1\nc_seconds_bucket{le=\"+Inf\"} 2\n\
                    c_seconds_sum 0.25\nc_seconds_count 2\n";
        assert_eq!(page.into_text(), text);
    }
}
