//! The example of the manual is the one that is compiled.

#[test]
fn the_example_of_the_manual_is_the_compiled_one() {
    let manual = include_str!("../../../../docs/introduction.md");
    let example = include_str!("../../examples/without_pipeline.rs");
    let code = manual.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(example.split_once("\n\n").unwrap().1, code);
}

#[test]
fn the_files_that_the_readme_links_exist() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = include_str!("../../../../README.md");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<_> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(!files.is_empty());
    for file in files {
        assert!(std::path::Path::new(root).join(file).exists(), "{file}");
    }
}
