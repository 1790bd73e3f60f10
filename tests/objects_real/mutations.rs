//! Pods changed at random in one or two places, from a seed: what the hand-written cases leave out.

use serde_json::{Value, json};

/// Texts that fields are set to: good in some, bad in others.
const TEXTS: [&str; 12] =
    ["", "a", "UP", "a b", "Always", "Exists", "In", "-1", "10m", "1.5", "x.io/y", "zone"];
const NUMBERS: [i64; 6] = [-1, 0, 1, 80, 70_000, 5_000_000_000];

/// A generator of numbers, good enough for tests.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX constants.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit.max(1) as u64).unwrap_or(0)
    }
}

/// Changes one place in `value`; types stay, for the API server's decoder is not what is tested.
pub(crate) fn mutate(value: &mut Value, random: &mut Random) {
    let mut paths = Vec::new();
    collect("", value, &mut paths);
    if paths.is_empty() {
        return;
    }
    let path = &paths[random.below(paths.len())];
    if random.below(4) == 0
        && let Some((parent, key)) = path.rsplit_once('/')
    {
        match value.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(key)),
            Some(Value::Array(items)) => {
                // An item is dropped or doubled.
                let at: usize = key.parse().unwrap_or(0);
                let item = items.remove(at.min(items.len() - 1));
                if random.below(2) == 0 {
                    items.extend([item.clone(), item]);
                }
            }
            _ => {}
        }
        return;
    }
    match value.pointer_mut(path) {
        Some(text @ Value::String(_)) => *text = json!(TEXTS[random.below(TEXTS.len())]),
        Some(number @ Value::Number(_)) => *number = json!(NUMBERS[random.below(NUMBERS.len())]),
        Some(Value::Bool(flag)) => *flag = !*flag,
        _ => {}
    }
}

fn collect(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                let path = format!("{path}/{key}");
                // What is in pointers with unescaped keys is removed by another draw.
                paths.push(path.clone());
                collect(&path, field, paths);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let path = format!("{path}/{at}");
                paths.push(path.clone());
                collect(&path, item, paths);
            }
        }
        _ => {}
    }
}
