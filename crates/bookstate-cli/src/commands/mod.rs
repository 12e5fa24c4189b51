//! One module per command, but for `process`. Each takes what it needs and prints its result.

pub(crate) mod books;
pub(crate) mod cancel;
pub(crate) mod chapters;
pub(crate) mod config;
pub(crate) mod correct;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod export_scan;
pub(crate) mod fleet;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod man_pages;
pub(crate) mod open;
pub(crate) mod open_file;
pub(crate) mod page_image;
pub(crate) mod pages;
pub(crate) mod parked;
pub(crate) mod providers;
pub(crate) mod reread;
pub(crate) mod reset;
pub(crate) mod rm;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod toc;
