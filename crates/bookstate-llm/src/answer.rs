//! Whether an answer is any good: its form, loops, and what it has in common with what is known.
//!
//! Small mistakes of form are repaired here, for nothing: fences around JSON, prose around it, commas too many.
//! Whatever else is wrong is the caller's to ask about again.

use std::collections::HashMap;

use serde_json::Value;

/// At so many brackets of an answer its JSON is looked for.
const MOST_BRACKETS: usize = 100;
/// The longest piece whose repetition is looked for, in bytes.
const LONGEST_PIECE: usize = 400;
/// A text that repeats itself for so long, and so often, does not stop of itself.
const LOOP_BYTES: usize = 600;
const LOOP_TIMES: usize = 6;
/// The same for what has no letter: rows of dots and rules of tables are long.
const RULE_BYTES: usize = 4_000;

/// The JSON in an answer, repaired where that is safe: without fences and prose around it, and without commas before a
/// closing bracket. `None`: there is none.
#[must_use]
pub fn json_in(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text.trim()) {
        return Some(value);
    }
    // The first bracket at which a whole value begins; prose may have brackets, too.
    text.match_indices(['{', '[']).take(MOST_BRACKETS).find_map(|(at, _)| {
        let part = balanced(text.get(at..)?)?;
        serde_json::from_str(part).or_else(|_| serde_json::from_str(&without_commas(part))).ok()
    })
}

/// The part of a text up to the bracket that closes its first one.
fn balanced(text: &str) -> Option<&str> {
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return text.get(..=at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Commas before a closing bracket, outside of strings, are left out.
fn without_commas(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for (at, c) in json.char_indices() {
        let is_last = || json.get(at + 1..).is_some_and(|rest| rest.trim_start().starts_with(['}', ']']));
        match c {
            ',' if !in_string && is_last() => continue,
            _ if is_escaped => is_escaped = false,
            '\\' if in_string => is_escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        kept.push(c);
    }
    kept
}

/// Where a value does not have the form of a schema, for people; `None`: it has it. Of JSON Schema this is understood:
/// `type`, `properties`, `required`, `additionalProperties: false`, `items`, `enum`, `minimum`, `maximum`, `minItems`,
/// `maxItems`, `minLength`. The rest is not looked at.
#[must_use]
pub fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    fn check(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        if let Some(wanted) = schema.get("type") {
            let names: Vec<&str> = match wanted {
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                name => name.as_str().into_iter().collect(),
            };
            if !names.iter().any(|name| has_type(value, name)) {
                return Err(format!("{path} must be {}", names.join(" or ")));
            }
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            return Err(format!("{path} must be one of {}", Value::Array(allowed.clone())));
        }
        let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
        let within = |size: f64, least: &str, most: &str, what: &str| {
            let (least, most) = (limit(least), limit(most));
            if least.is_some_and(|least| size < least) || most.is_some_and(|most| size > most) {
                return Err(format!("{what} of {path} is out of range"));
            }
            Ok(())
        };
        match value {
            Value::Number(number) => {
                within(number.as_f64().unwrap_or(f64::NAN), "minimum", "maximum", "the value")?;
            }
            #[allow(clippy::cast_precision_loss, reason = "lengths are small")]
            Value::String(text) => {
                within(text.chars().count() as f64, "minLength", "maxLength", "the length")?;
            }
            Value::Array(items) => {
                #[allow(clippy::cast_precision_loss, reason = "lengths are small")]
                within(items.len() as f64, "minItems", "maxItems", "the length")?;
                if let Some(schema) = schema.get("items") {
                    for (place, item) in items.iter().enumerate() {
                        check(schema, item, &format!("{path}[{place}]"))?;
                    }
                }
            }
            Value::Object(members) => {
                let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
                for name in required.filter_map(Value::as_str) {
                    if !members.contains_key(name) {
                        return Err(format!("{path}.{name} is missing"));
                    }
                }
                let known = schema.get("properties");
                let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
                for (name, member) in members {
                    match known.and_then(|known| known.get(name)) {
                        Some(schema) => check(schema, member, &format!("{path}.{name}"))?,
                        None if is_closed => return Err(format!("{path}.{name} must not be there")),
                        None => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        Ok(())
    }
    check(schema, value, "the answer").err()
}

/// The same with whole numbers as integers: models write `17.0` where they mean 17, which nobody who asks for an integer
/// reads.
#[must_use]
pub fn with_integers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            // What does not fit, or is no whole number, stays what it is.
            #[expect(clippy::cast_possible_truncation, reason = "only what comes back the same is taken")]
            let whole = number
                .as_f64()
                .filter(|float| number.is_f64() && float.abs() < 1e15)
                .map(|float| float as i64);
            #[expect(clippy::cast_precision_loss, reason = "it has fewer than 16 digits")]
            let same = whole.filter(|whole| number.as_f64() == Some(*whole as f64));
            same.map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(with_integers).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, with_integers(member))).collect()
        }
        other => other,
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// Whether a text ends in a loop: one piece again and again, until the tokens run out.
#[must_use]
pub fn is_looping(text: &str) -> bool {
    let bytes = text.trim_end().as_bytes();
    (1..=LONGEST_PIECE).any(|piece| {
        let has_letter = |tail: &[u8]| tail.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        let Some(last) = bytes.len().checked_sub(piece).and_then(|from| bytes.get(from..)) else {
            return false;
        };
        let wanted = if has_letter(last) { LOOP_BYTES } else { RULE_BYTES }.max(piece * LOOP_TIMES);
        let Some(tail) = bytes.len().checked_sub(wanted).and_then(|from| bytes.get(from..)) else {
            return false;
        };
        tail.iter().zip(tail.iter().skip(piece)).all(|(one, next)| one == next)
    })
}

/// Which part of the words of `known` are in `text`, 0 to 1, each as often as it is there; 1 when nothing is known.
/// Order, case and punctuation do not matter.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts of words")]
pub fn share_of(known: &str, text: &str) -> f64 {
    let mut there: HashMap<String, usize> = HashMap::new();
    for word in words(text) {
        *there.entry(word).or_default() += 1;
    }
    let (mut all, mut found) = (0usize, 0usize);
    for word in words(known) {
        all += 1;
        if let Some(left) = there.get_mut(&word).filter(|left| **left > 0) {
            *left -= 1;
            found += 1;
        }
    }
    if all == 0 { 1.0 } else { found as f64 / all as f64 }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn fences_prose_and_commas_too_many_are_repaired() {
        let good = json!({ "pages": [1, 2], "note": "a, ] \\ \" }" });
        let text = good.to_string();
        let broken = text.replace("2]", "2, ]").replace("}\"}", "}\",\n}");
        for answer in [
            text.clone(),
            format!("```json\n{text}\n```"),
            format!("Sure! Here [as asked] it is:\n\n{text}\n\nAnything else?"),
            broken.clone(),
            format!("<think>{{ maybe }}</think> ```\n{broken}```"),
        ] {
            assert_eq!(json_in(&answer).as_ref(), Some(&good), "{answer}");
        }
        for answer in ["", "no", "{\"pages\": [1, 2", "{pages: 1}", "{\"a\" 1}"] {
            assert_eq!(json_in(answer), None, "{answer}");
        }
    }

    #[test]
    fn an_answer_of_another_form_is_told_where() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["pages"],
            "properties": {
                "pages": { "type": "array", "maxItems": 2, "items": { "type": "integer", "minimum": 1 } },
                "kind": { "type": ["string", "null"], "enum": ["printed", null] },
            },
        });
        let told = |value: Value| mismatch(&schema, &value).unwrap_or_default();
        assert_eq!(told(with_integers(json!({ "pages": [1, 2.0], "kind": null }))), "");
        assert_eq!(told(json!([])), "the answer must be object");
        assert_eq!(told(json!({})), "the answer.pages is missing");
        let kept = json!({ "a": [2.5, 1e300, -3, "2.0"] });
        assert_eq!(with_integers(kept.clone()), kept);
        assert_eq!(with_integers(json!([17.0, -1.0])), json!([17, -1]));
        for no_integer in [json!([1.5]), json!([1e300]), json!([2.0])] {
            assert_ne!(told(json!({ "pages": no_integer })), "");
        }
        assert_eq!(told(json!({ "pages": [1, "2"] })), "the answer.pages[1] must be integer");
        assert_eq!(told(json!({ "pages": [0] })), "the value of the answer.pages[0] is out of range");
        assert_eq!(told(json!({ "pages": [1, 2, 3] })), "the length of the answer.pages is out of range");
        assert_eq!(
            told(json!({ "pages": [], "kind": "x" })),
            "the answer.kind must be one of [\"printed\",null]"
        );
        assert_eq!(told(json!({ "pages": [], "more": 1 })), "the answer.more must not be there");
    }

    #[test]
    fn a_loop_is_told_from_a_long_row_of_dots() {
        let prose: String = (0..400).map(|number| format!("word{number} ")).collect();
        assert!(!is_looping(&prose));
        assert!(is_looping(&format!("{prose}{}", "and then he said ".repeat(60))));
        assert!(is_looping(&"ä".repeat(400)));
        assert!(!is_looping(&format!("Chapter 1 {} 12", ".".repeat(1_000))));
        assert!(!is_looping(&format!("Chapter 1 {}", ".".repeat(1_000))));
        assert!(is_looping(&".".repeat(10_000)));
        assert!(!is_looping(&"the same line\n".repeat(4)));
        assert!(!is_looping(""));
    }

    #[test]
    fn what_is_known_is_found_whatever_order_and_case() {
        assert!((share_of("One two, two three", "THREE two one four") - 0.75).abs() < 1e-9);
        assert!((share_of("", "anything") - 1.0).abs() < 1e-9);
        assert!(share_of("one", "").abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_at_and_json_is_found_as_it_is(text in "[\\[\\]{}\",:a1\\\\ ä]{0,60}") {
            let read: Option<Value> = serde_json::from_str(&text).ok();
            prop_assert!(read.is_none() || json_in(&text) == read);
            prop_assert!(!is_looping(&text));
        }
    }
}
