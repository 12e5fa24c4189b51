//! What methods of the standard library give, as far as receivers depend on it.

use crate::facts::types::{GUARD, ITER, PLAIN, SLICE, Ty};

/// The element of what can be iterated.
pub(crate) fn element(ty: &Ty) -> Ty {
    match ty.last() {
        "Iter" | "Vec" | "VecDeque" | "slice" | "HashSet" | "BTreeSet" | "Option" | "BinaryHeap"
        | "LinkedList" => ty.argument(0),
        name if name.contains("Map") => Ty::Tuple(vec![ty.argument(0), ty.argument(1)]),
        _ => match (ty, ty.pointee()) {
            (Ty::Opaque(krate), _) => Ty::Opaque(krate.clone()),
            (_, Some(inner)) => element(&inner),
            _ => Ty::Unknown,
        },
    }
}

/// What closures given to a method get as arguments.
pub(crate) fn closure_parameters(receiver: &Ty, name: &str) -> Vec<Ty> {
    let receiver = reach(receiver);
    let item = element(&receiver);
    match (receiver.last(), name) {
        ("Result", "map_err" | "or_else" | "unwrap_or_else" | "is_err_and" | "inspect_err") => {
            vec![receiver.argument(1)]
        }
        ("Result", _) => vec![receiver.argument(0)],
        (map, "retain") if map.contains("Map") => vec![receiver.argument(0), receiver.argument(1)],
        ("Entry", "and_modify") => vec![receiver.argument(0)],
        ("Iter", "fold" | "try_fold") => vec![Ty::Unknown, item],
        (_, "sort_by" | "dedup_by" | "max_by" | "min_by" | "reduce") => vec![item.clone(), item],
        ("Sender", "send_modify" | "send_if_modified") => vec![receiver.argument(0)],
        ("Receiver", "wait_for") => vec![receiver.argument(0)],
        _ => vec![item],
    }
}

fn reach(ty: &Ty) -> Ty {
    ty.pointee().map_or_else(|| ty.clone(), |inner| reach(&inner))
}

fn returned(ty: Option<&Ty>) -> Ty {
    match ty {
        Some(Ty::Callable(_, result)) => (**result).clone(),
        _ => Ty::Unknown,
    }
}

/// What a method of a type outside of the workspace gives; `None` when the type is not known to have it.
pub(crate) fn method(receiver: &Ty, name: &str, arguments: &[Ty]) -> Option<Ty> {
    let Ty::Named(path, _) = receiver else { return None };
    let first = || receiver.argument(0);
    let item = || element(receiver);
    let ret = |n: usize| returned(arguments.get(n));
    let krate = path.split("::").next().unwrap_or_default();
    Some(match receiver.last() {
        "Option" => match name {
            "unwrap" | "expect" | "unwrap_or" | "unwrap_or_default" | "unwrap_or_else" | "insert"
            | "get_or_insert" | "get_or_insert_with" | "flatten" => first(),
            "map" => Ty::option(ret(0)),
            "and_then" => ret(0),
            "map_or" | "map_or_else" => match ret(1) {
                Ty::Unknown => arguments.first().cloned().unwrap_or_default(),
                known => known,
            },
            "as_deref" | "as_deref_mut" => Ty::option(first().pointee().unwrap_or_else(first)),
            "filter" | "take" | "as_ref" | "as_mut" | "cloned" | "copied" | "or" | "or_else" | "replace"
            | "inspect" | "xor" | "clone" | "take_if" => receiver.clone(),
            "ok_or" => Ty::result(first(), arguments.first().cloned().unwrap_or_default()),
            "ok_or_else" => Ty::result(first(), ret(0)),
            "iter" | "into_iter" | "iter_mut" => Ty::iter(first()),
            "zip" => Ty::option(Ty::Tuple(vec![first(), arguments.first().map(element).unwrap_or_default()])),
            "transpose" => Ty::Unknown,
            _ => Ty::plain(),
        },
        "Result" => match name {
            "unwrap" | "expect" | "unwrap_or" | "unwrap_or_default" | "unwrap_or_else" => first(),
            "map" => Ty::result(ret(0), receiver.argument(1)),
            "map_err" => Ty::result(first(), ret(0)),
            "and_then" | "or_else" => ret(0),
            "ok" => Ty::option(first()),
            "err" => Ty::option(receiver.argument(1)),
            "unwrap_err" | "expect_err" => receiver.argument(1),
            "map_or" | "map_or_else" => match ret(1) {
                Ty::Unknown => arguments.first().cloned().unwrap_or_default(),
                known => known,
            },
            "as_ref" | "as_mut" | "as_deref" | "clone" | "inspect" | "inspect_err" | "cloned" | "copied" => {
                receiver.clone()
            }
            "iter" | "into_iter" => Ty::iter(first()),
            "transpose" | "flatten" => Ty::Unknown,
            _ => Ty::plain(),
        },
        "HashMap" | "BTreeMap" if krate == "std" => match name {
            "get" | "get_mut" | "remove" | "insert" => Ty::option(receiver.argument(1)),
            "values" | "values_mut" | "into_values" => Ty::iter(receiver.argument(1)),
            "keys" | "into_keys" => Ty::iter(first()),
            "iter" | "iter_mut" | "into_iter" | "drain" | "range" | "range_mut" | "extract_if" => {
                Ty::iter(item())
            }
            "first_key_value" | "last_key_value" | "pop_first" | "pop_last" | "get_key_value"
            | "remove_entry" => Ty::option(item()),
            "entry" => Ty::named("std::map::Entry", vec![receiver.argument(1)]),
            "clone" | "split_off" => receiver.clone(),
            _ => Ty::plain(),
        },
        // Maps of other libraries: what is common to them.
        map if map.contains("Map") => match name {
            "get" | "get_mut" => Ty::option(receiver.argument(1)),
            "values" | "values_mut" | "into_values" => Ty::iter(receiver.argument(1)),
            "keys" | "into_keys" => Ty::iter(first()),
            "iter" | "iter_mut" | "into_iter" | "range" => Ty::iter(item()),
            "first" | "last" => Ty::option(item()),
            "clone" => receiver.clone(),
            "contains_key" | "size" | "len" | "is_empty" => Ty::plain(),
            _ => return None,
        },
        "Entry" if path == "std::map::Entry" => match name {
            "or_default" | "or_insert" | "or_insert_with" => first(),
            _ => receiver.clone(),
        },
        "Vec" | "VecDeque" | "slice" | "HashSet" | "BTreeSet" | "BinaryHeap" | "LinkedList"
            if krate == "std" =>
        {
            match name {
                "iter" | "iter_mut" | "into_iter" | "drain" | "union" | "intersection" | "difference"
                | "range" => Ty::iter(first()),
                "first" | "last" | "get" | "get_mut" | "pop" | "pop_front" | "pop_back" | "front"
                | "back" | "first_mut" | "last_mut" | "front_mut" | "back_mut" | "pop_first" | "pop_last"
                | "peek" | "take" => Ty::option(first()),
                "remove" | "swap_remove" => first(),
                "chunks" | "windows" | "split" | "chunk_by" | "chunks_exact" | "rchunks" => {
                    Ty::iter(Ty::named(SLICE, vec![first()]))
                }
                "split_first" | "split_last" => {
                    Ty::option(Ty::Tuple(vec![first(), Ty::named(SLICE, vec![first()])]))
                }
                "to_vec" | "clone" | "as_slice" | "as_mut_slice" | "into_boxed_slice" | "split_off"
                | "as_ref" | "to_owned" => receiver.clone(),
                "split_at" => Ty::Tuple(vec![receiver.clone(), receiver.clone()]),
                _ => Ty::plain(),
            }
        }
        "Iter" if path == ITER => match name {
            "map" | "scan" | "map_while" => Ty::iter(ret(if name == "scan" { 1 } else { 0 })),
            "filter_map" => Ty::iter(element(&ret(0))),
            "flat_map" => Ty::iter(element(&ret(0))),
            "flatten" => Ty::iter(element(&first())),
            "enumerate" => Ty::iter(Ty::Tuple(vec![Ty::plain(), first()])),
            "zip" => Ty::iter(Ty::Tuple(vec![first(), arguments.first().map(element).unwrap_or_default()])),
            "next" | "last" | "nth" | "find" | "min" | "max" | "min_by_key" | "max_by_key" | "min_by"
            | "max_by" | "reduce" | "peek" | "next_back" | "next_if" | "rfind" => Ty::option(first()),
            "find_map" | "try_for_each" => ret(0),
            "collect" => Ty::named("std::vec::Vec", vec![first()]),
            "fold" => arguments.first().cloned().unwrap_or_default(),
            "partition" => {
                let all = Ty::named("std::vec::Vec", vec![first()]);
                Ty::Tuple(vec![all.clone(), all])
            }
            "sum" | "product" | "unzip" | "try_fold" => Ty::Unknown,
            "all" | "any" | "count" | "position" | "eq" | "len" | "for_each" => Ty::plain(),
            _ => receiver.clone(),
        },
        "Mutex" | "RwLock" | "ReentrantMutex" => match name {
            "lock" | "read" | "write" | "upgradable_read" => match krate {
                "std" => Ty::result(Ty::named(GUARD, vec![first()]), Ty::Unknown),
                "parking_lot" => Ty::named(GUARD, vec![first()]),
                krate => Ty::Future(Box::new(Ty::Named(format!("{krate}::sync::MutexGuard"), vec![first()]))),
            },
            "try_lock" | "try_read" | "try_write" => match krate {
                "parking_lot" => Ty::option(Ty::named(GUARD, vec![first()])),
                _ => Ty::result(Ty::named(GUARD, vec![first()]), Ty::Unknown),
            },
            "get_mut" | "into_inner" if krate == "std" => Ty::result(first(), Ty::Unknown),
            _ => first(),
        },
        "OnceLock" | "OnceCell" => match name {
            "get" | "get_mut" | "take" => Ty::option(first()),
            _ => first(),
        },
        "RefCell" | "Cell" => match name {
            "borrow" | "borrow_mut" => Ty::named("std::cell::Ref", vec![first()]),
            _ => first(),
        },
        "Sender" | "Receiver" if krate == "tokio" => match name {
            "borrow" | "borrow_and_update" => Ty::named("tokio::sync::watch::Ref", vec![first()]),
            "subscribe" => Ty::named("tokio::sync::watch::Receiver", vec![first()]),
            "clone" => receiver.clone(),
            "recv" => Ty::Future(Box::new(Ty::option(first()))),
            "wait_for" => Ty::Future(Box::new(Ty::result(
                Ty::named("tokio::sync::watch::Ref", vec![first()]),
                Ty::Opaque(krate.to_owned()),
            ))),
            _ => Ty::Opaque(krate.to_owned()),
        },
        "JoinSet" => {
            let ended = Ty::result(first(), Ty::Opaque(krate.to_owned()));
            let with_id = Ty::result(
                Ty::Tuple(vec![Ty::Opaque(krate.to_owned()), first()]),
                Ty::Opaque(krate.to_owned()),
            );
            match name {
                "join_next" => Ty::Future(Box::new(Ty::option(ended))),
                "try_join_next" => Ty::option(ended),
                "join_next_with_id" => Ty::Future(Box::new(Ty::option(with_id))),
                "try_join_next_with_id" => Ty::option(with_id),
                _ => Ty::Opaque(krate.to_owned()),
            }
        }
        "String" | "primitive" if krate == "std" => match name {
            "chars" | "lines" | "split" | "split_whitespace" | "bytes" | "char_indices" | "splitn"
            | "rsplit" => Ty::iter(if name == "char_indices" {
                Ty::Tuple(vec![Ty::plain(), Ty::plain()])
            } else {
                Ty::plain()
            }),
            "parse" => Ty::result(Ty::Unknown, Ty::Unknown),
            "into" | "try_into" => Ty::Unknown,
            "strip_prefix" | "strip_suffix" | "get" | "find" | "rfind" | "split_once" | "rsplit_once"
            | "checked_add" | "checked_sub" | "checked_mul" | "checked_div" | "pop" => {
                Ty::option(match name {
                    "split_once" | "rsplit_once" => Ty::Tuple(vec![Ty::plain(), Ty::plain()]),
                    _ => Ty::plain(),
                })
            }
            _ => Ty::named(PLAIN, Vec::new()),
        },
        "OpenOptions" if krate == "std" => match name {
            "open" => Ty::result(Ty::named("std::fs::File", Vec::new()), Ty::Opaque(krate.to_owned())),
            _ => receiver.clone(),
        },
        _ => return None,
    })
}

/// What calling a function outside of the workspace gives; `ours` tells the paths of the workspace's types.
pub(crate) fn function(path: &str, arguments: &[Ty], turbofish: &[Ty], ours: &dyn Fn(&str) -> bool) -> Ty {
    let first = || arguments.first().cloned().unwrap_or_default();
    let krate = path.split("::").next().unwrap_or_default();
    let (ty, name) = path.rsplit_once("::").unwrap_or(("", path));
    let last = ty.rsplit("::").next().unwrap_or_default();
    match (last, name) {
        ("Option", "Some") => Ty::option(first()),
        ("Result", "Ok") => Ty::result(first(), Ty::Unknown),
        ("Result", "Err") => Ty::result(Ty::Unknown, first()),
        ("mem", "take" | "replace") => first(),
        ("iter", "once" | "repeat" | "repeat_n") => Ty::iter(first()),
        ("Arc" | "Rc" | "Box" | "Pin", "clone") => first(),
        ("Arc" | "Rc", "into_inner") => Ty::option(first().pointee().unwrap_or_default()),
        ("Arc" | "Rc", "unwrap_or_clone") => first().pointee().unwrap_or_default(),
        ("Box", "pin") => Ty::named("std::pin::Pin", vec![first()]),
        ("File", "open" | "create" | "create_new") if krate == "std" => {
            Ty::result(Ty::named("std::fs::File", Vec::new()), Ty::Opaque(krate.to_owned()))
        }
        ("File", "options") if krate == "std" => Ty::named("std::fs::OpenOptions", Vec::new()),
        ("task", "spawn_blocking") => Ty::named("tokio::task::JoinHandle", vec![returned(arguments.first())]),
        ("tokio" | "task", "spawn" | "spawn_local") => {
            Ty::named("tokio::task::JoinHandle", vec![first().awaited()])
        }
        ("time", "timeout" | "timeout_at") => Ty::Future(Box::new(Ty::result(
            arguments.get(1).map(Ty::awaited).unwrap_or_default(),
            Ty::Opaque(krate.to_owned()),
        ))),
        ("watch", "channel") => Ty::Tuple(vec![
            Ty::named("tokio::sync::watch::Sender", vec![first()]),
            Ty::named("tokio::sync::watch::Receiver", vec![first()]),
        ]),
        ("mpsc", "channel" | "unbounded_channel") => Ty::Tuple(vec![
            Ty::named("tokio::sync::mpsc::Sender", turbofish.to_vec()),
            Ty::named("tokio::sync::mpsc::Receiver", turbofish.to_vec()),
        ]),
        (_, "new" | "default" | "with_capacity" | "from") if last.starts_with(char::is_uppercase) => {
            let arguments = if name == "new" { arguments.to_vec() } else { Vec::new() };
            Ty::Named(ty.to_owned(), arguments)
        }
        (
            _,
            "try_from" | "from_str" | "from_slice" | "from_value" | "deserialize" | "from_reader" | "parse",
        ) => turbofish.first().cloned().unwrap_or_default(),
        ("primitive", _) => Ty::Opaque(krate.to_owned()),
        _ if arguments.iter().any(|argument| argument.may_hold(ours)) => Ty::Unknown,
        _ => Ty::Opaque(krate.to_owned()),
    }
}
